import CofferSystem
import Synchronization

/// Sessions that go on to the next database of their server when a dump needs them no more: to start psql takes longer than
/// to dump a small database.
///
/// They stay only as long as there are dumps that have not begun: a session that nobody needs would keep its database from
/// being removed.
final class PostgreSQLConversations: Sendable {
  /// What was prepared for a dump, as long as somebody has it.
  private struct Prepared {
    weak var opening: PostgreSQLPreparedOpening?
  }

  private struct State {
    /// Whether it is being found out which dumps there are.
    var isPlanning = true
    /// The dumps that have not begun.
    var waiting: Set<ExactName> = []
    var idle: [PostgreSQLConversation] = []
    var prepared: [Prepared] = []
    /// Whether the server may have no room for those that nobody has at the moment.
    var isTight = false

    /// Takes those out that nobody will need, or that are not to stay.
    mutating func surplus() -> [PostgreSQLConversation] {
      guard isTight || !isPlanning && waiting.isEmpty else { return [] }
      defer { idle = [] }
      return idle
    }
  }

  /// Seconds for an answer.
  private static let patience: Double = 60
  /// The database that every server has.
  private static let usual = "postgres"

  private let connection: PostgreSQLConnection
  private let state = Mutex(State())

  init(_ connection: PostgreSQLConnection) {
    self.connection = connection
  }

  /// Tells of a dump that will be.
  func expect(_ dump: DumpIdentity) {
    state.withLock { _ = $0.waiting.insert(ExactName(dump.path)) }
  }

  /// Tells that no dump comes to those that are expected.
  func endPlanning() {
    let surplus = state.withLock { state in
      state.isPlanning = false
      return state.surplus()
    }
    for session in surplus { session.close() }
  }

  /// Tells that a dump has failed, perhaps for want of room on the server: from now on none stays that nobody has, nor what was prepared
  /// for a dump that has not begun.
  func makeRoom() {
    let (surplus, prepared) = state.withLock { state in
      state.isTight = true
      defer { state.prepared = [] }
      return (state.surplus(), state.prepared.compactMap(\.opening))
    }
    for session in surplus { session.close() }
    for opening in prepared { opening.end() }
  }

  /// Tells of what was prepared for a dump.
  ///
  /// - Returns: false where there is no room for it.
  func keep(_ opening: PostgreSQLPreparedOpening) -> Bool {
    state.withLock { state in
      guard !state.isTight else { return false }
      state.prepared.removeAll { $0.opening == nil }
      state.prepared.append(Prepared(opening: opening))
      return true
    }
  }

  /// Whether there are dumps that have not begun, for which sessions may wait.
  var areAwaited: Bool { state.withLock { !$0.waiting.isEmpty } }

  /// Whether there is no room for sessions ahead of time.
  var areTight: Bool { state.withLock { $0.isTight } }

  /// Tells that a dump has begun.
  func begin(_ dump: DumpIdentity) {
    state.withLock { _ = $0.waiting.remove(ExactName(dump.path)) }
  }

  /// A session in a database.
  ///
  /// - Throws: `LaunchError`; `RunCancelled`; `SystemError`. That the server does not let one in shows by the first question.
  func session(in database: String, _ context: HookContext) throws -> PostgreSQLConversation {
    while let idle = state.withLock({ $0.idle.popLast() }) {
      do {
        try idle.move(to: database, connection, context)
        return idle
      } catch is PostgreSQLConversation.Ended {
      } catch is SystemError {
      } catch is CommandTimedOut {
        // Whatever has cut it off while it waited has cut the others off, too: each would be waited for as long.
        for session in state.withLock({ state in
          defer { state.idle = [] }
          return state.idle
        }) { session.close() }
      }
    }
    return try PostgreSQLConversation(database, connection, context)
  }

  /// Asks something in a session; of a psql that is not given what it is to read (`docker exec` without `-i`) by its
  /// arguments.
  ///
  /// - Throws: `PostgreSQLConversation.Ended`; `LaunchError`; `CommandTimedOut`; `RunCancelled`; `SystemError`.
  func ask(
    _ question: PostgreSQLStatement, columns: Int, in session: PostgreSQLConversation, of database: String,
    _ context: HookContext
  ) throws -> [PostgreSQLAnswer.Row] {
    do {
      return try session.ask(question, columns: columns, seconds: Self.patience)
    } catch let end as PostgreSQLConversation.Ended where end.isContent {}
    let result = try connection.query(question, database: database, context: context)
    guard let answer = PostgreSQLAnswer(result, columns: columns) else {
      throw PostgreSQLConversation.Ended(result)
    }
    return answer.rows
  }

  /// Asks something about the server, in the database that every server has, or failing that in the next one.
  ///
  /// - Throws: `PostgreSQLConversation.Ended` of the first; `LaunchError`; `CommandTimedOut`; `RunCancelled`; `SystemError`.
  func askServer(
    _ question: PostgreSQLStatement, columns: Int, _ context: HookContext
  ) throws -> [PostgreSQLAnswer.Row] {
    let session = try session(in: Self.usual, context)
    defer { giveBack(session) }
    do {
      return try ask(question, columns: columns, in: session, of: Self.usual, context)
    } catch let end as PostgreSQLConversation.Ended {
      // No session stays there: nobody could make a database then.
      let result = try connection.query(question, database: "template1", context: context)
      guard let answer = PostgreSQLAnswer(result, columns: columns) else { throw end }
      return answer.rows
    }
  }

  /// Takes a session back, whatever state it is in.
  func giveBack(_ session: PostgreSQLConversation) {
    let surplus = state.withLock { state -> [PostgreSQLConversation] in
      if session.isOpen { state.idle.append(session) }
      return state.surplus()
    }
    for session in surplus { session.close() }
  }
}
