import CofferSystem

/// The way to a server, on which each request finds its answer. Calls may come from many threads.
protocol SFTPChannel: Sendable {
  /// Sends a request, and returns before it is answered. The server gets requests of one thread in the order of these calls.
  func send(_ request: SFTPRequest, cancellation: Cancellation?) throws(SFTPError) -> any SFTPAnswer
}

/// An answer that is to come.
protocol SFTPAnswer: Sendable {
  /// Waits for the answer.
  func take(cancellation: Cancellation?) throws(SFTPError) -> (type: UInt8, payload: [UInt8])

  /// Says that nobody will wait for it.
  func forget()
}

/// Why something was not done at a server.
enum SFTPError: Error, Equatable {
  /// The server refused a request.
  case refused(operation: String, SFTPStatus)
  /// What came from the server breaks the protocol, or nothing comes from it any more.
  case broken(StorageFailure)
  /// The run was asked to stop.
  case cancelled

  /// The server's code, if it refused.
  var code: SFTPStatus.Code? {
    guard case .refused(_, let status) = self else { return nil }
    return status.code
  }

  /// Whether there is nothing under the name.
  var isMissing: Bool { code == .noSuchFile || code == .noSuchPath }

  static func malformed(_ reason: String) -> SFTPError {
    .broken(
      StorageFailure(
        .permanent, "sftp", reason: "the server sent \(reason), which SFTP does not know",
        suggestion: "Look whether it is an SFTP server that is spoken to"))
  }
}

/// A conversation with a server, from its greeting to the end of the connection. Handles belong to one session.
final class SFTPSession: Sendable {
  let offers: Set<SFTPExtension>
  let limits: SFTPLimits
  /// Bytes that may be on the way for one file, without an answer yet; one piece always may.
  let window: Int
  private let channel: any SFTPChannel

  /// - Parameters:
  ///   - greeting: The payload of the server's first packet.
  ///   - ignored: Extensions that are not to be used although they are offered.
  init(
    _ channel: any SFTPChannel, greeting: [UInt8], window: Int, ignoring ignored: Set<SFTPExtension>,
    cancellation: Cancellation?
  ) throws(SFTPError) {
    self.channel = channel
    self.window = window
    do throws(SFTPReader.Malformed) { offers = try SFTPExtension.offered(in: greeting).subtracting(ignored) } catch {
      throw .malformed(error.reason)
    }
    guard offers.contains(.limits) else {
      limits = .standard
      return
    }
    let pending = Pending(answer: try channel.send(.limits, cancellation: cancellation), operation: "limits")
    limits = try Self.parse(try pending.extended(cancellation), SFTPLimits.init)
  }

  /// A request on its way.
  struct Pending: Sendable {
    fileprivate let answer: any SFTPAnswer
    fileprivate let operation: String

    func forget() { answer.forget() }

    /// Waits for the answer.
    func reply(_ cancellation: Cancellation?) throws(SFTPError) -> SFTPReply {
      let (type, payload) = try answer.take(cancellation: cancellation)
      do throws(SFTPReader.Malformed) { return try SFTPReply(type: type, payload: payload) } catch {
        throw .malformed(error.reason)
      }
    }

    /// Waits until it is done.
    func done(_ cancellation: Cancellation?) throws(SFTPError) {
      guard case .status(let status) = try reply(cancellation) else { throw unexpected }
      guard status.code == .ok else { throw .refused(operation: operation, status) }
    }

    func handle(_ cancellation: Cancellation?) throws(SFTPError) -> SFTPHandle {
      let reply = try reply(cancellation)
      guard case .handle(let handle) = reply else { throw refusal(reply) }
      return handle
    }

    func attributes(_ cancellation: Cancellation?) throws(SFTPError) -> SFTPAttributes {
      let reply = try reply(cancellation)
      guard case .attributes(let attributes) = reply else { throw refusal(reply) }
      return attributes
    }

    /// - Returns: nil at the end.
    func data(_ cancellation: Cancellation?) throws(SFTPError) -> ArraySlice<UInt8>? {
      switch try reply(cancellation) {
      case .data(let bytes): return bytes
      case .status(let status) where status.code == .end: return nil
      case let reply: throw refusal(reply)
      }
    }

    /// - Returns: nil at the end.
    func names(_ cancellation: Cancellation?) throws(SFTPError) -> [SFTPEntry]? {
      switch try reply(cancellation) {
      case .names(let names): return names
      case .status(let status) where status.code == .end: return nil
      case let reply: throw refusal(reply)
      }
    }

    func extended(_ cancellation: Cancellation?) throws(SFTPError) -> [UInt8] {
      let reply = try reply(cancellation)
      guard case .extended(let payload) = reply else { throw refusal(reply) }
      return payload
    }

    /// What an answer means that is not the one that was waited for.
    private func refusal(_ reply: SFTPReply) -> SFTPError {
      guard case .status(let status) = reply, status.code != .ok else { return unexpected }
      return .refused(operation: operation, status)
    }

    private var unexpected: SFTPError { .malformed("another kind of answer to '\(operation)' than belongs to it") }
  }

  /// Sends a request.
  func begin(_ request: SFTPRequest, _ cancellation: Cancellation?) throws(SFTPError) -> Pending {
    Pending(answer: try channel.send(request, cancellation: cancellation), operation: request.operation)
  }

  /// Sends a request whose answer nobody needs.
  func beginAndForget(_ request: SFTPRequest) {
    // The connection is gone then, and what was to be tidied stays with the left-overs.
    (try? begin(request, nil))?.forget()
  }

  /// Whether the file system has no room for so many bytes; false where the server does not say.
  func isFull(_ path: String, for bytes: Int, _ cancellation: Cancellation?) -> Bool {
    guard offers.contains(.room) else { return false }
    // It is only asked for a better message.
    let payload = try? begin(.room(path), cancellation).extended(cancellation)
    guard let payload, let room = try? SFTPRoom(payload) else { return false }
    return room.files == 0 || room.bytes < UInt64(clamping: bytes)
  }

  private static func parse<Value>(
    _ payload: [UInt8], _ parser: ([UInt8]) throws(SFTPReader.Malformed) -> Value
  ) throws(SFTPError) -> Value {
    do throws(SFTPReader.Malformed) { return try parser(payload) } catch { throw .malformed(error.reason) }
  }
}
