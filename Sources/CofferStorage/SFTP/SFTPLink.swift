import CofferSystem
import Synchronization

/// The connection to a server, with what the server said of itself.
final class SFTPLink: Sendable {
  private let link: RemoteLink
  private let window: Int
  private let ignored: Set<SFTPExtension>
  private let known = Mutex<(connection: FrameConnection, server: SFTPServer)?>(nil)

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

  /// - Throws: `SFTPError` when there is no connection to be had.
  func session(_ cancellation: Cancellation?) throws(SFTPError) -> SFTPSession {
    let connection: FrameConnection
    do throws(RemoteError) { connection = try link.connection(cancellation) } catch { throw SFTPError(error) }
    let server = known.withLock { known in known.flatMap { $0.connection === connection ? $0.server : nil } }
    if let server { return try SFTPSession(connection, server, window: window) }
    let found = try greet(connection, cancellation)
    known.withLock { $0 = (connection, found) }
    return try SFTPSession(connection, found, window: window)
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
