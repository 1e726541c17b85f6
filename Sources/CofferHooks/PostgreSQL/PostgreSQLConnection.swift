import CofferConfiguration
import CofferSystem

/// How clients reach a PostgreSQL server, and which clients.
struct PostgreSQLConnection: Sendable, Equatable {
  /// Its password goes into the environment of the clients and nowhere else.
  var server: ServerAddress
  private var security: [String: String] = [:]
  private let dumpCommand: [String]
  private let dumpAllCommand: [String]
  private let restoreCommand: [String]
  private let psqlCommand: [String]

  init(_ section: ConfigurationSection, to server: ServerAddress) throws(ShellWords.Unfinished) {
    self.server = server
    dumpCommand = try ShellWords.split(section[PostgreSQLOptions.dumpCommand] ?? "pg_dump")
    dumpAllCommand = try ShellWords.split(section[PostgreSQLOptions.dumpCommand] ?? "pg_dumpall")
    restoreCommand = try ShellWords.split(section[PostgreSQLOptions.restoreCommand] ?? "pg_restore")
    psqlCommand = try ShellWords.split(section[PostgreSQLOptions.psqlCommand] ?? "psql")
    security["PGSSLMODE"] = section[PostgreSQLOptions.sslMode]
    security["PGSSLCERT"] = section[PostgreSQLOptions.sslCertificate]
    security["PGSSLKEY"] = section[PostgreSQLOptions.sslKey]
    security["PGSSLROOTCERT"] = section[PostgreSQLOptions.sslRootCertificate]
    security["PGSSLCRL"] = section[PostgreSQLOptions.sslRevocationList]
  }

  /// As messages name the server.
  var place: String { server.place }

  enum Program {
    case dump, dumpAll, restore, psql
  }

  /// A command for one of the clients, connection included.
  ///
  /// The password travels in PGPASSWORD: a process's environment is readable by its own user and root only, who can
  /// read the configuration too; a password file would have to be cleaned up.
  func command(_ program: Program, _ arguments: [String], context: HookContext) -> ChildCommand {
    let words = words(of: program)
    var all = Array(words.dropFirst()) + ["--no-password"]
    if let hostname = server.hostname { all += ["--host", hostname] }
    if let port = server.port { all += ["--port", String(port)] }
    if let username = server.username { all += ["--username", username] }
    var environment = context.environment
    environment.variables.merge(security) { _, configured in configured }
    if let password = server.password { environment.variables["PGPASSWORD"] = password }
    return ChildCommand(
      words.first ?? "", all + arguments, environment: environment, workingDirectory: context.workingDirectory)
  }

  /// A command that makes a client tell its version; it does so only when nothing else is asked of it.
  func versionCommand(_ program: Program, context: HookContext) -> ChildCommand {
    let words = words(of: program)
    return ChildCommand(
      words.first ?? "", words.dropFirst() + ["--version"], environment: context.environment,
      workingDirectory: context.workingDirectory)
  }

  private func words(of program: Program) -> [String] {
    switch program {
    case .dump: dumpCommand
    case .dumpAll: dumpAllCommand
    case .restore: restoreCommand
    case .psql: psqlCommand
    }
  }

  /// Runs SQL and returns its rows, fields parted by the unit separator.
  func query(_ sql: String, database: String, context: HookContext) throws -> CommandResult {
    let arguments = [
      "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--field-separator", "\u{1f}", "--set",
      "ON_ERROR_STOP=1", "--dbname", Self.connectionString(database), "--command", sql,
    ]
    return try context.launcher.run(command(.psql, arguments, context: context), cancellation: context.cancellation)
  }

  /// A connection string with just the database: a bare name that holds `=` or begins like a URL would be taken for
  /// a connection string itself.
  static func connectionString(_ database: String) -> String {
    let escaped = database.flatMap { $0 == "\\" || $0 == "'" ? ["\\", $0] : [$0] }
    return "dbname='\(String(escaped))'"
  }

  static func quotedIdentifier(_ name: String) -> String {
    "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
  }

  static func quotedLiteral(_ text: String) -> String {
    let doubled = text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''")
    return text.contains("\\")
      ? "E'" + doubled.split(separator: "\\", omittingEmptySubsequences: false).joined(separator: "\\\\") + "'"
      : "'\(doubled)'"
  }
}
