import CofferSystem
import Synchronization

/// The connections of a store, made when they are first needed and made anew at the next call after one broke.
///
/// One connection through ssh carries at most two MiB in each round trip (its channel's window), whatever the line could carry:
/// where much is to be transferred at a time, a few of them are used side by side.
final class RemoteLink: Sendable {
  private let limit: Int
  private let connect: @Sendable (Cancellation?) throws(RemoteError) -> FrameConnection
  private let current = Mutex<[FrameConnection]>([])

  /// - Parameters:
  ///   - limit: Connections at a time.
  ///   - connect: Makes a connection; waits for nothing that comes over a network.
  init(
    limit: Int = 1, _ connect: @escaping @Sendable (Cancellation?) throws(RemoteError) -> FrameConnection
  ) {
    self.limit = max(limit, 1)
    self.connect = connect
  }

  deinit {
    for connection in current.withLock({ $0 }) { connection.close() }
  }

  /// What one of the connections that there are was greeted with, if one was.
  var knownGreeting: Frame? { current.withLock { $0 }.lazy.compactMap(\.knownGreeting).first }

  /// The connection to be used now: the one on which least is under way.
  ///
  /// - Parameter isLarge: Whether much is to be transferred, for which another connection may be made.
  /// - Throws: `RemoteError` when none can be made; the next call tries again.
  func connection(isLarge: Bool = false, _ cancellation: Cancellation?) throws(RemoteError) -> FrameConnection {
    if cancellation?.isCancelled == true { throw .cancelled }
    let result = current.withLock { current -> Result<FrameConnection, RemoteError> in
      current.removeAll { $0.failure != nil }
      let idlest = current.min { $0.exchangeCount < $1.exchangeCount }
      if let idlest, idlest.exchangeCount == 0 || !isLarge || current.count >= limit { return .success(idlest) }
      do throws(RemoteError) {
        let made = try connect(cancellation)
        current.append(made)
        return .success(made)
      } catch {
        // What there is carries it, too.
        return idlest.map { .success($0) } ?? .failure(error)
      }
    }
    return try result.get()
  }
}
