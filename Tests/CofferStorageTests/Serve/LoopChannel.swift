import CofferSystem
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import CofferStorage

/// A connection to whatever a test puts at its other end, on a thread of its own.
final class LoopChannel: ByteChannel {
  let input: Int32
  let output: Int32
  var endDescriptor: Int32? { nil }
  private let ends: Mutex<[Int32]>
  private let thread: TestThread

  /// - Parameter serve: What is at the other end: given where to read and to write; both are closed when it returns.
  init(_ serve: @escaping @Sendable (_ input: Int32, _ output: Int32) -> Void) throws {
    signal(SIGPIPE, SIG_IGN)
    let (toServer, fromServer) = (try Self.makePipe(), try Self.makePipe())
    (input, output) = (fromServer.reading, toServer.writing)
    for number in [input, output, fromServer.writing] { _ = fcntl(number, F_SETFL, O_NONBLOCK) }
    ends = Mutex([input, output])
    thread = try TestThread("served") {
      serve(toServer.reading, fromServer.writing)
      for number in [toServer.reading, fromServer.writing] { close(number) }
    }
  }

  func end() -> ChannelEnd {
    ends.withLock { ends in
      for number in ends { close(number) }
      ends.removeAll()
    }
    Self.end(thread)
    return ChannelEnd()
  }

  /// Waits for a thread whose end nobody can be told of by an error.
  private static func end(_ thread: TestThread?) {
    do { try thread?.end() } catch { Issue.record(error) }
  }

  static func makePipe() throws -> (reading: Int32, writing: Int32) {
    var ends: [Int32] = [-1, -1]
    // Sockets, because they can be cut while others read and write them.
    try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
    for number in ends { _ = fcntl(number, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
  }

  /// A server as `coffer serve` has it.
  static func server(
    _ rights: ServeRights = ServeRights(), folder: String = "/",
    versions: ClosedRange<UInt16> = ServeProtocol.versions
  ) -> @Sendable (_ input: Int32, _ output: Int32) -> Void {
    { input, output in
      do {
        try StoreServer(
          rights: rights, folder: folder, input: input, output: output, cancellation: try Cancellation(),
          clock: .system, versions: versions
        ).run()
      } catch {}
    }
  }

  /// A server whose connection is cut when so many bytes have gone there, or come from there.
  static func cut(
    after limits: (sent: Int, received: Int), _ serve: @escaping @Sendable (Int32, Int32) -> Void
  ) -> @Sendable (_ input: Int32, _ output: Int32) -> Void {
    { input, output in
      guard let toServer = try? makePipe(), let fromServer = try? makePipe() else { return }
      let server = try? TestThread("behind") {
        serve(toServer.reading, fromServer.writing)
        for number in [toServer.reading, fromServer.writing] { close(number) }
      }
      // What is cut in one direction is cut in both.
      let all = [toServer.writing, input, output, fromServer.reading]
      let cut: @Sendable () -> Void = { for number in all { shutdown(number, Int32(SHUT_RDWR)) } }
      let back = try? TestThread("back") {
        relay(fromServer.reading, output, limits.received)
        cut()
      }
      relay(input, toServer.writing, limits.sent)
      cut()
      end(back)
      close(toServer.writing)
      close(fromServer.reading)
      end(server)
    }
  }

  /// Passes bytes on until the end, or until there were so many.
  private static func relay(_ from: Int32, _ to: Int32, _ limit: Int) {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    var left = limit
    while left > 0 {
      let count = read(from, &buffer, min(buffer.count, left))
      guard count > 0 else { return }
      left -= count
      var sent = 0
      while sent < count {
        let written = buffer.withUnsafeBytes { write(to, $0.baseAddress?.advanced(by: sent), count - sent) }
        if written < 0 && errno == EAGAIN {
          var room = pollfd(fd: to, events: Int16(POLLOUT), revents: 0)
          _ = poll(&room, 1, -1)
          continue
        }
        guard written > 0 else { return }
        sent += written
      }
    }
  }
}

extension ServedStore {
  /// A store whose connections lead to what a test says.
  ///
  /// - Parameter serve: Given the number of the connection, from 0 on.
  convenience init(
    _ path: String, stall: Double = 60, clock: Clock = .system,
    warn: @escaping @Sendable (Diagnosis) -> Void = { _ in },
    each serve: @escaping @Sendable (Int) -> (@Sendable (_ input: Int32, _ output: Int32) -> Void)
  ) {
    let count = Mutex(0)
    self.init(
      location: "ssh://there\(path)", path: path, limits: ServedStore.limits(stall: stall), clock: clock,
      meaning: { _, _ in StorageFailure(.transient, "connection", reason: "it was cut") },
      nonsense: { _, _ in StorageFailure(.permanent, "connection", reason: "it is no server's") }, warn: warn,
      connect: { (_) throws(RemoteError) in
        let number = count.withLock { count in
          defer { count += 1 }
          return count
        }
        do { return try LoopChannel(serve(number)) } catch {
          throw .broken(StorageFailure(.permanent, "connect", reason: "\(error)"))
        }
      })
  }

  /// The store of a server in this process.
  convenience init(served path: String, _ rights: ServeRights = ServeRights()) {
    self.init(path) { _ in LoopChannel.server(rights) }
  }
}
