import CofferSystem
import Foundation
import Synchronization

/// Serves one client over two streams: the other side of `ServedStore`.
///
/// A thread reads what the client sends and hands it to the thread of its request, of which there are as many as a client may
/// have under way. Nothing that the client sends is taken for granted; what it may make the server hold in memory at a time are
/// `ServeProtocol.inboxLimit` frames of each request.
public final class StoreServer: Sendable {
  let rights: ServeRights
  let cancellation: Cancellation
  private let folder: String
  private let input: Int32
  private let output: Int32
  private let workingInterval: Double
  private let requests = Monitor<[UInt32: Inbox]>([:])
  /// Held while a frame is written.
  private let writing = Mutex(())

  /// What the client sends of one request.
  typealias Inbox = BoundedQueue<Frame>

  /// - Parameters:
  ///   - folder: What relative paths start from.
  ///   - input: What the client sends; stays the caller's.
  ///   - output: Where answers go, written without waiting; stays the caller's.
  ///   - workingInterval: Seconds of silence after which the client is told that its requests are being worked on.
  /// - Throws: `SystemError`.
  public init(
    rights: ServeRights, folder: String, input: Int32, output: Int32, cancellation: Cancellation,
    workingInterval: Double = 1
  ) throws(SystemError) {
    self.rights = rights
    self.folder = folder
    self.input = input
    self.output = output
    self.workingInterval = workingInterval
    self.cancellation = try cancellation.follower()
  }

  /// Serves until the client has no more to say.
  ///
  /// - Throws: `ServeEnd`, when the client could not be served, or was none; `SystemError`; `RunCancelled`.
  public func run() throws {
    do {
      try serve()
    } catch {
      cancellation.cancel()
      finish()
      throw error
    }
    finish()
  }

  /// Does what was asked of it in full, and gives the rest up: a put of which something is missing, a list of which not all is
  /// asked for.
  private func finish() {
    for inbox in requests.update({ Array($0.values) }) { inbox.close(RunCancelled()) }
    requests.wait(until: \.isEmpty) { _ in }
  }

  private func serve() throws {
    var parser = FrameParser(limit: ServeProtocol.payloadLimit)
    var repository: ServedRepository?
    let reader = PolledReader(input, cancellation: cancellation)
    var buffer = [UInt8](repeating: 0, count: 1 << 18)
    while true {
      let outcome = try buffer.withUnsafeMutableBytes {
        try reader.read(into: $0, seconds: workingInterval, subject: "client")
      }
      switch outcome {
      case .timedOut: tellOfWork()
      case .ended: return
      case .bytes(let count):
        buffer.withUnsafeBytes { parser.add(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
      }
      do {
        while let frame = try parser.next() {
          if let repository {
            try take(frame, repository)
          } else {
            repository = try greet(frame)
          }
        }
      } catch is FrameParser.Malformed {
        throw ServeEnd.nonsense
      }
    }
  }

  /// Keeps a client from giving up what takes its time.
  private func tellOfWork() {
    for id in requests.update({ Array($0.keys) }) {
      send(.working, id, []) { self.requests.update { $0[id] != nil } }
    }
  }

  private func greet(_ frame: Frame) throws -> ServedRepository {
    guard frame.type == ServeProtocol.Request.hello.rawValue, frame.id == ServeProtocol.greetingID,
      let hello = try? ServeHello(decoding: frame.payload)
    else { throw ServeEnd.nonsense }
    let spoken = ServeProtocol.versions
    do {
      guard hello.versions.overlaps(spoken) else {
        throw ServeFailure.Thrown(
          ServeFailure(
            .permanent, "speaking with the host",
            reason: "it speaks versions \(spoken.lowerBound) to \(spoken.upperBound) of the protocol, this program "
              + "\(hello.versions.lowerBound) to \(hello.versions.upperBound)",
            suggestion: "Install the same version of Coffer on both hosts"))
      }
      let place = try ServedPlace(
        hello.path, from: folder, restrictedTo: rights.folders, isWhole: rights.quota != nil)
      var welcome = PayloadWriter()
      welcome.add(min(hello.versions.upperBound, spoken.upperBound))
      welcome.add(UInt8(rights.isAppendOnly ? 1 : 0))
      send(.welcome, ServeProtocol.greetingID, welcome.bytes)
      return ServedRepository(place, rights: rights)
    } catch let refusal as ServeFailure.Thrown {
      send(.failed, ServeProtocol.greetingID, refusal.failure.encoded())
      throw ServeEnd.refused(refusal.failure.reason)
    }
  }

  /// Hands a frame to its request, or begins one.
  private func take(_ frame: Frame, _ repository: ServedRepository) throws {
    guard let type = ServeProtocol.Request(rawValue: frame.type) else {
      // Of a later version, perhaps; the client learns that it is not known here.
      send(.failed, frame.id, ServeFailure(.permanent, "request", reason: "the host does not know it").encoded())
      return
    }
    switch type {
    case .hello: throw ServeEnd.nonsense
    case .piece, .more, .stop:
      // What belongs to no request is the rest of one that has been answered.
      guard let inbox = requests.update({ $0[frame.id] }) else { return }
      if type == .stop { inbox.close(RunCancelled()) } else { inbox.push(frame) }
    default:
      let inbox = Inbox(capacity: ServeProtocol.inboxLimit)
      let isNew = requests.update { requests in
        guard requests.count < ServeProtocol.requestLimit, frame.id != ServeProtocol.greetingID else { return false }
        return requests.updateValue(inbox, forKey: frame.id) == nil
      }
      guard isNew else { throw ServeEnd.nonsense }
      do {
        _ = try WorkerThread(name: "request") {
          ServedRequest(frame, type, inbox, self, repository).answer()
        }
      } catch {
        end(frame.id, .failed, ServeFailure(StorageFailure(error)).encoded())
      }
    }
  }

  /// Sends the last answer to a request.
  func end(_ id: UInt32, _ type: ServeProtocol.Answer, _ payload: [UInt8]) {
    // Before the client knows, because it may begin another one at once.
    let inbox = requests.update { $0[id] }
    inbox?.close()
    requests.update { $0[id] = nil }
    send(type, id, payload)
  }

  /// Sends an answer; what cannot be sent ends the run.
  ///
  /// - Parameter isWanted: Asked when nothing else can be sent in between.
  func send(_ type: ServeProtocol.Answer, _ id: UInt32, _ payload: [UInt8], if isWanted: () -> Bool = { true }) {
    let frame = Frame(type.rawValue, id: id, payload).encoded()
    let isSent = writing.withLock { _ in
      guard isWanted() else { return true }
      return frame.withUnsafeBytes { bytes in
        var rest = bytes
        while !rest.isEmpty {
          let count = Foundation.write(output, rest.baseAddress, rest.count)
          if count > 0 {
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            continue
          }
          guard errno == EINTR || errno == EAGAIN else { return false }
          var watched = [
            pollfd(fd: output, events: Int16(POLLOUT), revents: 0),
            pollfd(fd: cancellation.descriptor, events: Int16(POLLIN), revents: 0),
          ]
          _ = poll(&watched, 2, -1)
          // What is left of a frame would only be waited for by somebody who takes nothing.
          if watched[1].revents != 0, watched[0].revents == 0 { return false }
        }
        return true
      }
    }
    if !isSent { cancellation.cancel() }
  }
}

/// Why a server has ended before its client did.
public enum ServeEnd: DiagnosableError, Equatable {
  /// What it was sent is not what clients send.
  case nonsense
  /// The client was told why it is not served.
  case refused(String)

  public var diagnosis: Diagnosis {
    switch self {
    case .nonsense:
      Diagnosis(
        subject: "coffer serve", problem: "What arrived on standard input is not of a Coffer on another host",
        suggestion: "It is started by Coffer's own client, through ssh; see 'coffer serve --help'")
    case .refused(let reason):
      Diagnosis(subject: "coffer serve", problem: "The client was not served: \(reason)")
    }
  }
}
