import CofferSystem

/// Makes the entries of a folder durable, where the server can open a folder as a file, as OpenSSH on POSIX systems.
///
/// The protocol has no word for it. The opening is sent when this is made, so that nobody waits for it in the end.
struct FolderSync {
  private let session: SFTPSession
  private let opening: SFTPSession.Pending?
  let cancellation: Cancellation?

  init(_ session: SFTPSession, _ folder: String, _ cancellation: Cancellation?) throws(SFTPError) {
    self.session = session
    self.cancellation = cancellation
    opening = session.server.offers.contains(.sync) ? try session.begin(.open(folder, .read), cancellation) : nil
  }

  /// Makes them durable. Called once, or `drop` is.
  ///
  /// - Returns: Whether it could be done.
  func finish() throws(SFTPError) -> Bool {
    guard let opening else { return false }
    let handle: SFTPHandle
    do throws(SFTPError) { handle = try opening.handle(cancellation) } catch {
      guard case .refused = error else { throw error }
      return false
    }
    defer { session.beginAndForget(.close(handle)) }
    do throws(SFTPError) {
      try session.begin(.sync(handle), cancellation).done(cancellation)
      return true
    } catch {
      // EINVAL and ENOSYS arrive as these: the file system has no such thing.
      guard error.code == .unsupported || error.code == .badMessage else { throw error }
      return false
    }
  }

  /// Closes the folder, for whoever has nothing to make durable.
  func drop() {
    guard let opening, let handle = try? opening.handle(cancellation) else { return }
    session.beginAndForget(.close(handle))
  }
}
