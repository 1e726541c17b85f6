import CofferSystem
import Synchronization

/// The connections to a server, with what the server said of itself on each.
final class SFTPLink: Sendable {
  private let link: RemoteLink
  private let window: Int
  private let ignored: Set<SFTPExtension>
  private let known = Mutex<[(connection: FrameConnection, server: SFTPServer)]>([])

  /// Bytes of an answer at most: OpenSSH's are 256 KiB.
  static let payloadLimit = 1 << 20

  /// - Parameters:
  ///   - window: Bytes that may be on the way for one file without an answer.
  ///   - ignored: Extensions that are not to be used although they are offered.
  init(_ link: RemoteLink, window: Int, ignoring ignored: Set<SFTPExtension> = []) {
    self.link = link
    self.window = window
    self.ignored = ignored
  }

  /// The first packet of a connection, and the id that its answer has: both have the version in the id's place.
  static let greeting = Frame(SFTPRequest.initialize, id: SFTPRequest.version)

  /// Makes connections for so many bytes.
  func prepare(for bytes: UInt64) { link.prepare(for: bytes) }

  /// Makes requests on one of the connections.
  ///
  /// - Parameter size: Bytes that they transfer.
  /// - Throws: `SFTPError`, also when there is no connection to be had.
  func withSession<Result>(
    transferring size: Int, _ cancellation: Cancellation?, _ body: (SFTPSession) throws(SFTPError) -> Result
  ) throws(SFTPError) -> Result {
    try link.withConnection(transferring: size, cancellation, failure: SFTPError.init) {
      (connection) throws(SFTPError) in
      try body(try SFTPSession(connection, try server(on: connection, cancellation), window: window))
    }
  }

  private func server(
    on connection: FrameConnection, _ cancellation: Cancellation?
  ) throws(SFTPError) -> SFTPServer {
    if let server = known.withLock({ $0.first { $0.connection === connection }?.server }) { return server }
    let found = try greet(connection, cancellation)
    known.withLock { known in
      known.removeAll { $0.connection.failure != nil || $0.connection === connection }
      known.append((connection, found))
    }
    return found
  }

  private func greet(
    _ connection: FrameConnection, _ cancellation: Cancellation?
  ) throws(SFTPError) -> SFTPServer {
    let greeting: Frame
    do throws(RemoteError) { greeting = try connection.greeting(cancellation) } catch { throw SFTPError(error) }
    guard greeting.type == SFTPReply.version else { throw .malformed("a greeting of type \(greeting.type)") }
    let offers = try SFTPSession.parse(greeting.payload, SFTPExtension.offered).subtracting(ignored)
    let server = SFTPServer(offers: offers, limits: .standard)
    guard offers.contains(.limits) else { return server }
    let session = try SFTPSession(connection, server, window: window)
    let limits = try session.begin(.limits, cancellation).extended(cancellation)
    return SFTPServer(offers: offers, limits: try SFTPSession.parse(limits, SFTPLimits.init))
  }
}
