import CofferSystem

/// Why something was not done at a server.
enum SFTPError: Error, Equatable {
  /// The server refused a request.
  case refused(operation: String, SFTPStatus)
  /// What came from the server breaks the protocol, or nothing comes from it any more.
  case broken(StorageFailure)
  /// What stands in an object's place is an empty file: the name is being given.
  case reserved
  /// The run was asked to stop.
  case cancelled

  init(_ error: RemoteError) {
    switch error {
    case .cancelled: self = .cancelled
    case .broken(let failure): self = .broken(failure)
    }
  }

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

/// What a server said of itself when the connection began.
struct SFTPServer: Sendable, Equatable {
  let offers: Set<SFTPExtension>
  let limits: SFTPLimits
}

/// The requests that one thread makes of a server for one purpose. Handles are of the connection that it is on.
final class SFTPSession: Sendable {
  let server: SFTPServer
  /// Bytes that may be on the way for one file without an answer; one piece always may.
  let window: Int
  private let connection: FrameConnection
  private let wakeup: Wakeup

  init(_ connection: FrameConnection, _ server: SFTPServer, window: Int) throws(SFTPError) {
    self.connection = connection
    self.server = server
    self.window = window
    do throws(SystemError) { wakeup = try Wakeup() } catch { throw .broken(StorageFailure(error)) }
  }

  /// A request on its way. What nobody holds any more, nobody waits for.
  struct Pending: Sendable {
    fileprivate let exchange: Exchange
    fileprivate let operation: String

    /// Waits for the answer.
    func reply(_ cancellation: Cancellation?) throws(SFTPError) -> SFTPReply {
      let frame: Frame
      do throws(RemoteError) { frame = try exchange.next(cancellation) } catch { throw SFTPError(error) }
      return try SFTPSession.parse(frame.payload) { (payload) throws(SFTPReader.Malformed) in
        try SFTPReply(type: frame.type, payload: payload)
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
    do throws(RemoteError) {
      let exchange = try connection.exchange(cancellation, waking: wakeup)
      try exchange.send(request.type, request.payload, cancellation)
      return Pending(exchange: exchange, operation: request.operation)
    } catch {
      throw SFTPError(error)
    }
  }

  /// Sends a request whose answer nobody needs.
  func beginAndForget(_ request: SFTPRequest) {
    // Without a connection, what was to be tidied stays with the left-overs.
    _ = try? begin(request, nil)
  }

  /// Whether the file system has no room for so many bytes; false where the server does not say.
  func isFull(_ path: String, for bytes: Int, _ cancellation: Cancellation?) -> Bool {
    guard server.offers.contains(.room) else { return false }
    // It is only asked for a better message.
    let payload = try? begin(.room(path), cancellation).extended(cancellation)
    guard let payload, let room = try? SFTPRoom(payload) else { return false }
    return room.files == 0 || room.bytes < UInt64(clamping: bytes)
  }

  static func parse<Value>(
    _ payload: [UInt8], _ parser: ([UInt8]) throws(SFTPReader.Malformed) -> Value
  ) throws(SFTPError) -> Value {
    do throws(SFTPReader.Malformed) { return try parser(payload) } catch { throw .malformed(error.reason) }
  }
}
