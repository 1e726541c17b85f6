import CofferSystem

/// psql in a session of our own: whatever it is to run, the session is fixed to `PostgreSQLPins` before.
struct PostgreSQLSession {
  private let database: String
  private let connection: PostgreSQLConnection
  private let settings: [PostgreSQLPins.Setting]
  private let context: HookContext

  /// What psql does when the session is fixed. Until `end`, answers go nowhere.
  enum Step {
    /// Answers are printed from here on.
    case end
    /// Visible to others on this machine.
    case statement(String)
    /// Prints a text of our own.
    case sign(String)
    /// Runs what comes on the input, to its end.
    case input
  }

  init(
    _ database: String, _ connection: PostgreSQLConnection,
    settings: [PostgreSQLPins.Setting] = PostgreSQLPins.own, _ context: HookContext
  ) {
    self.database = database
    self.connection = connection
    self.settings = settings
    self.context = context
  }

  private var pins: [PostgreSQLStatement] {
    PostgreSQLPins.statements(settings, keepsRole: connection.isRoleChosen(context))
  }

  /// psql that is told by its arguments what to do.
  ///
  /// - Parameter options: The user's, after ours.
  func command(_ steps: [Step], options: [String] = []) -> ChildCommand {
    let opening = (["\\o /dev/null"] + pins.compactMap(\.text)).flatMap { ["--command", $0] }
    let rest = steps.flatMap { step -> [String] in
      switch step {
      case .end: ["--command", "\\o"] + options
      case .statement(let text): ["--command", text]
      case .sign(let text): ["--command", "\\echo \(text)"]
      case .input: ["--file", "-"]
      }
    }
    return psql(["--tuples-only", "--no-align", "--field-separator", "\u{1f}"], opening + rest)
  }

  /// psql that is told on its input what to do; `opening` must come first.
  ///
  /// - Parameters:
  ///   - options: The user's, which change nothing of what follows an error: where psql goes on, rows may be statements.
  ///   - stopsAtErrors: Whether psql ends at the first one.
  func scriptCommand(options: [String], stopsAtErrors: Bool = true) -> ChildCommand {
    let variables = ["ON_ERROR_STOP=\(stopsAtErrors ? 1 : 0)", "ON_ERROR_ROLLBACK=off", "AUTOCOMMIT=on"]
    return psql(["--output", "/dev/null"], options + variables.flatMap { ["--set", $0] })
  }

  /// What a psql that reads what stands here is told on its input to leave its session for this one; nil where it cannot be
  /// told: a command of psql's ends with its line, and knows no way to write the end of one (pg_dumpall refuses such names).
  var moving: [UInt8]? {
    let place = Array(connection.pinnedString(database, settings, context: context).utf8)
    guard !place.contains(where: [0, UInt8(ascii: "\n"), UInt8(ascii: "\r")].contains) else { return nil }
    return "\\connect -reuse-previous=on ".utf8 + Quoting.postgresqlIdentifier(place) + "\n".utf8
      + "\\o /dev/null\n".utf8 + opening + "\\o\n".utf8
  }

  var opening: [UInt8] { pins.flatMap { $0.bytes + ";\n".utf8 } }

  private func psql(_ ours: [String], _ more: [String]) -> ChildCommand {
    var command = connection.command(
      .psql,
      ours + ["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname"]
        + [connection.pinnedString(database, settings, context: context)] + more, context: context)
    // A server that is cut off must not take minutes of every question.
    if command.environment["PGCONNECT_TIMEOUT"] == nil { command.environment.variables["PGCONNECT_TIMEOUT"] = "20" }
    return command
  }
}
