import CofferSystem
import Synchronization

/// What the restores of a run have put in place so far: what another restore of the run finds there instead of what was
/// there when it was planned is then no surprise.
final class RestoredDatabases: Sendable {
  private struct Database: Hashable {
    let name: ServerText
    let number: UInt32
  }

  private let databases = Mutex<Set<Database>>([])

  /// - Parameter number: The server's number of it, which another database of that name has not.
  func add(_ name: ServerText, number: UInt32) {
    databases.withLock { _ = $0.insert(Database(name: name, number: number)) }
  }

  func contains(_ name: ServerText, number: UInt32) -> Bool {
    databases.withLock { $0.contains(Database(name: name, number: number)) }
  }
}
