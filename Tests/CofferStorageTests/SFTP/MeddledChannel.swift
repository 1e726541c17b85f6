import CofferSystem
import Foundation
import Synchronization

@testable import CofferStorage

/// OpenSSH's server with somebody in between who may cut the connection, or change what the server says.
final class MeddledChannel: ByteChannel {
  let input: Int32
  let output: Int32
  let endDescriptor: Int32? = nil

  /// What becomes of a frame.
  enum Verdict {
    case pass
    case change([UInt8])
    case cut
  }

  private let child: ChildProcess
  private let ours: FileDescriptor
  private let theirs: FileDescriptor
  private let threads = Mutex<[WorkerThread]>([])

  /// - Parameters:
  ///   - request: Asked before a request goes to the server; given its number, from 0 on.
  ///   - answer: Asked before an answer goes to the client; given its number, from 0 on.
  init(
    request: @escaping @Sendable (Int, Frame) -> Verdict = { _, _ in .pass },
    answer: @escaping @Sendable (Int, Frame) -> Verdict = { _, _ in .pass }
  ) throws {
    // As the program does.
    signal(SIGPIPE, SIG_IGN)
    var pair: [Int32] = [0, 0]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0 else {
      throw SystemError(call: "socketpair", subject: "test")
    }
    ours = FileDescriptor(owning: pair[0])
    theirs = FileDescriptor(owning: pair[1])
    (input, output) = (pair[0], pair[0])
    _ = fcntl(pair[0], F_SETFL, O_NONBLOCK)
    let command = ChildCommand(
      SFTPServers.program, environment: SFTPServers.environment, input: .pipe, output: .pipe)
    child = try SystemProcessLauncher().launch(command)
    guard let toServer = child.takeInput(), let fromServer = child.takeOutput() else {
      preconditionFailure("both streams were asked for as pipes")
    }
    let (there, back) = (Held(toServer), Held(fromServer))
    let far = pair[1]
    let forth = try WorkerThread(name: "requests") {
      Self.relay(from: far, to: there.number, request)
      there.close()
      shutdown(far, Int32(SHUT_RDWR))
    }
    let home = try WorkerThread(name: "answers") {
      Self.relay(from: back.number, to: far, answer)
      shutdown(far, Int32(SHUT_RDWR))
    }
    threads.withLock { $0 = [forth, home] }
  }

  func end() -> ChannelEnd {
    shutdown(theirs.number, Int32(SHUT_RDWR))
    for thread in threads.withLock({ $0 }) { thread.join() }
    _ = child.wait()
    return ChannelEnd(status: nil, lines: ["the connection was cut"])
  }

  private final class Held: Sendable {
    private let descriptor: Mutex<Int32>
    let number: Int32

    init(_ descriptor: consuming FileDescriptor) {
      number = descriptor.release()
      self.descriptor = Mutex(number)
    }

    func close() {
      descriptor.withLock { number in
        if number >= 0 { _ = Foundation.close(number) }
        number = -1
      }
    }

    deinit { close() }
  }

  private static func relay(
    from source: Int32, to sink: Int32, _ verdict: (Int, Frame) -> Verdict
  ) {
    var parser = FrameParser(limit: 1 << 20)
    var number = 0
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count =
        (try? buffer.withUnsafeMutableBytes { try FileDescriptor.read(into: $0, from: source, subject: "") }) ?? 0
      guard count > 0 else { return }
      buffer.withUnsafeBytes { parser.add(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
      while let frame = try? parser.next() {
        let bytes: [UInt8]
        switch verdict(number, frame) {
        case .pass: bytes = frame.encoded()
        case .change(let changed): bytes = changed
        case .cut: return
        }
        number += 1
        guard (try? bytes.withUnsafeBytes { try FileDescriptor.writeAll($0, to: sink, subject: "") }) != nil else {
          return
        }
      }
    }
  }
}
