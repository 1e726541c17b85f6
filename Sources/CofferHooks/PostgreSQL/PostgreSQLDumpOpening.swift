import CofferSystem
import Synchronization

/// What a dump begins with, before its program is started.
struct PostgreSQLDumpOpening: Sendable {
  var server: PostgreSQLDumpFacts
  /// In the database, of a dump of one that lets us in.
  let session: PostgreSQLConversation?
  /// nil where it is looked for when it is needed.
  var witness: PostgreSQLSnapshotWitness?

  /// Seconds for what takes a moment.
  private static let patience: Double = 20

  /// Makes sure that its sessions are still there: as long as one is, nobody puts another database in the place of its own.
  ///
  /// - Throws: `PostgreSQLConversation.Ended` where one is gone; `CommandTimedOut`; `SystemError`; `RunCancelled`.
  func confirm() throws {
    for session in [session, witness?.session].compactMap(\.self) {
      _ = try session.ask("SELECT 1", columns: 1, seconds: Self.patience)
    }
  }
}

/// An opening that waits for its dump. Its sessions are in no transaction, so they keep nothing but the database's name; they end
/// with it, if the dump does not come: nobody knows when it will, and until then its database may be renamed or dropped.
final class PostgreSQLPreparedOpening: Sendable {
  private let opening: Mutex<PostgreSQLDumpOpening?>

  init(_ opening: PostgreSQLDumpOpening) {
    self.opening = Mutex(opening)
  }

  /// The opening, for the first who asks: whoever starts the dump again begins anew.
  func take() -> PostgreSQLDumpOpening? {
    opening.withLock { opening in
      defer { opening = nil }
      return opening
    }
  }

  /// Ends its sessions, unless somebody has taken it.
  func end() {
    guard let opening = take() else { return }
    for session in [opening.session, opening.witness?.session].compactMap(\.self) { session.close() }
  }
}

/// A second session in a database, which has seen the values of sequences before there is a snapshot, and tries that another
/// session can have that.
///
/// Behind some poolers every session may be at another server, or waits for the end of this one. It is connected before there
/// is a snapshot: a table that is rewritten between that and the lock that pg_dump takes on it seems empty to pg_dump, so that
/// must be no longer than it has to be.
struct PostgreSQLSnapshotWitness: Sendable {
  let session: PostgreSQLConversation
  /// Values by sequences. No snapshot has them: pg_dump may read any that come later.
  let sequences: [ExactName: Int64]

  /// Seconds for what takes a moment.
  private static let patience: Double = 20

  /// - Throws: `PostgreSQLConversation.Ended`; `LaunchError`; `CommandTimedOut`; `SystemError`; `RunCancelled`.
  init(in database: String, _ conversations: PostgreSQLConversations, _ context: HookContext) throws {
    var session = try conversations.session(in: database, context)
    var found: [DumpContent.Sequence] = []
    do {
      _ = try session.ask("BEGIN READ ONLY; \(PostgreSQLCensus.lockTimeout)", columns: 0, seconds: Self.patience)
      found = try PostgreSQLCensus.sequences(in: session)
      _ = try session.ask("COMMIT", columns: 0, seconds: Self.patience)
    } catch is PostgreSQLConversation.Ended {
      // One is locked.
      found = []
      session = try conversations.session(in: database, context)
      _ = try session.ask("SELECT 1", columns: 1, seconds: Self.patience)
    }
    self.session = session
    sequences = Dictionary(found.map { (ExactName($0.name), $0.value) }) { first, _ in first }
  }

  /// - Throws: `PostgreSQLConversation.Ended` when the snapshot cannot be had; as `init`.
  func attest(_ snapshot: String) throws {
    _ = try session.ask(
      "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT \(literal: snapshot); ROLLBACK",
      columns: 0, seconds: Self.patience)
  }
}
