import CofferConfiguration
import CofferSystem

/// How clients reach a PostgreSQL server, and which clients.
struct PostgreSQLConnection: Sendable, Equatable {
  enum Program: String, Sendable {
    case dump = "pg_dump"
    case dumpAll = "pg_dumpall"
    case restore = "pg_restore"
    case psql
  }

  /// Its password goes into the environment of the clients and nowhere else.
  var server: ServerAddress
  private var security: [String: String] = [:]
  /// What runs in place of the programs of the usual names.
  private var commands: [Program: [String]] = [:]

  init(_ section: ConfigurationSection, to server: ServerAddress) throws(ShellWords.Unfinished) {
    self.server = server
    if let command = try Self.words(section[PostgreSQLOptions.dumpCommand]) {
      commands[.dump] = command
      commands[.dumpAll] = command
    }
    commands[.restore] = try Self.words(section[PostgreSQLOptions.restoreCommand])
    commands[.psql] = try Self.words(section[PostgreSQLOptions.psqlCommand])
    security["PGSSLMODE"] = section[PostgreSQLOptions.sslMode]
    security["PGSSLCERT"] = section[PostgreSQLOptions.sslCertificate]
    security["PGSSLKEY"] = section[PostgreSQLOptions.sslKey]
    security["PGSSLROOTCERT"] = section[PostgreSQLOptions.sslRootCertificate]
    security["PGSSLCRL"] = section[PostgreSQLOptions.sslRevocationList]
  }

  private static func words(_ command: String?) throws(ShellWords.Unfinished) -> [String]? {
    guard let command else { return nil }
    let words = try ShellWords.split(command)
    return words.isEmpty ? nil : words
  }

  /// As messages name the server.
  var place: String { server.place }

  /// The command that is configured for a program; nil for the program itself.
  func override(of program: Program) -> [String]? { commands[program] }

  /// The same connection with another command in place of a program.
  func using(_ command: [String], for program: Program) -> PostgreSQLConnection {
    var other = self
    other.commands[program] = command
    return other
  }

  /// A command for one of the clients, connection included.
  ///
  /// The password travels in PGPASSWORD: a process's environment is readable by its own user and root only, who can
  /// read the configuration too; a password file would have to be cleaned up.
  func command(_ program: Program, _ arguments: [String], context: HookContext) -> ChildCommand {
    let words = commands[program] ?? [program.rawValue]
    var environment = context.environment
    environment.variables.merge(security) { _, configured in configured }
    if let password = server.password { environment.variables["PGPASSWORD"] = password }
    return ChildCommand(
      words[0], words.dropFirst() + ["--no-password"] + addressArguments + arguments, environment: environment,
      workingDirectory: context.workingDirectory)
  }

  /// A command that makes a client tell its version. It does so when asked first, whatever follows; Debian's wrapper
  /// chooses the version by the address.
  func versionCommand(_ program: Program, context: HookContext) -> ChildCommand {
    let words = commands[program] ?? [program.rawValue]
    return ChildCommand(
      words[0], words.dropFirst() + ["--version"] + addressArguments, environment: context.environment,
      workingDirectory: context.workingDirectory)
  }

  private var addressArguments: [String] {
    var arguments: [String] = []
    if let hostname = server.hostname { arguments += ["--host", hostname] }
    if let port = server.port { arguments += ["--port", String(port)] }
    if let username = server.username { arguments += ["--username", username] }
    return arguments
  }
}

extension PostgreSQLConnection {
  /// Runs SQL, visible to others on this machine, and returns its rows, fields parted by the unit separator.
  ///
  /// - Parameter isCleanup: Whether it is to run even when the run is cancelled.
  func query(
    _ sql: String, database: String, options: [String] = [], isCleanup: Bool = false, context: HookContext
  ) throws -> CommandResult {
    let arguments = [
      "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--field-separator", "\u{1f}", "--set",
      "ON_ERROR_STOP=1", "--dbname", PostgreSQLText.connectionString(database),
    ]
    var command = command(.psql, arguments + options + ["--command", sql], context: context)
    // A server that is cut off must not take minutes of every question.
    if command.environment["PGCONNECT_TIMEOUT"] == nil { command.environment.variables["PGCONNECT_TIMEOUT"] = "20" }
    return try context.launcher.run(command, cancellation: isCleanup ? nil : context.cancellation)
  }

  /// Runs SQL about the server, in the database that every server has, or failing that in the next one.
  func queryServer(
    _ sql: String, options: [String] = [], isCleanup: Bool = false, context: HookContext
  ) throws -> CommandResult {
    let first = try query(sql, database: "postgres", options: options, isCleanup: isCleanup, context: context)
    guard !first.status.isSuccess else { return first }
    let second = try query(sql, database: "template1", options: options, isCleanup: isCleanup, context: context)
    return second.status.isSuccess ? second : first
  }

  /// Brings the planner's statistics of a restored database up to date.
  ///
  /// - Returns: Whether it worked; the database is restored either way.
  func analyze(_ database: String, options: [String], context: HookContext) -> Bool {
    let arguments =
      ["--no-psqlrc", "--quiet", "--dbname", PostgreSQLText.connectionString(database)] + options
      + ["--command", "ANALYZE"]
    let command = command(.psql, arguments, context: context)
    let result = try? context.launcher.run(command, seconds: 24 * 3600, cancellation: context.cancellation)
    return result?.status.isSuccess == true
  }
}
