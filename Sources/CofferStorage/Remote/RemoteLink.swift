import CofferSystem
import Synchronization

/// The connection of a store, made when it is first needed and made anew at the next call after it broke.
final class RemoteLink: Sendable {
  private let connect: @Sendable (Cancellation?) throws(RemoteError) -> FrameConnection
  private let current = Mutex<FrameConnection?>(nil)

  /// - Parameter connect: Makes a connection; waits for nothing that comes over a network.
  init(_ connect: @escaping @Sendable (Cancellation?) throws(RemoteError) -> FrameConnection) {
    self.connect = connect
  }

  deinit {
    current.withLock { $0 }?.close()
  }

  /// The connection to be used now.
  ///
  /// - Throws: `RemoteError` when none can be made; the next call tries again.
  func connection(_ cancellation: Cancellation?) throws(RemoteError) -> FrameConnection {
    if cancellation?.isCancelled == true { throw .cancelled }
    let result = current.withLock { current -> Result<FrameConnection, RemoteError> in
      if let current, current.failure == nil { return .success(current) }
      current = nil
      do throws(RemoteError) {
        let made = try connect(cancellation)
        current = made
        return .success(made)
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }
}
