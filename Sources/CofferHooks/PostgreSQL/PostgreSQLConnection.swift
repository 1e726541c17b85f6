import CofferConfiguration
import CofferSystem

/// How clients reach a PostgreSQL server, and which clients.
struct PostgreSQLConnection: Sendable, Equatable {
  enum Tool: String, Sendable {
    case dump = "pg_dump"
    case dumpAll = "pg_dumpall"
    case restore = "pg_restore"
    case psql
  }

  /// Its password goes into the environment of the clients and nowhere else.
  var server: ServerAddress
  private var security: [String: String] = [:]
  /// What runs in place of the programs of the usual names.
  private var commands: [Tool: [String]] = [:]
  /// Whose wrappers are passed by.
  private var installations: PostgreSQLInstallations?
  /// What the server's list of sessions calls those of this connection; nil for what programs call themselves.
  private var sessionName: String?
  /// What sessions are fixed to beyond `PostgreSQLPins`.
  private var sessionSettings: [PostgreSQLPins.Setting] = []

  init(_ section: ConfigurationSection, to server: ServerAddress) {
    self.server = server
    if let command = Self.words(section[PostgreSQLOptions.dumpCommand]) {
      commands[.dump] = command
      commands[.dumpAll] = command
    }
    commands[.restore] = Self.words(section[PostgreSQLOptions.restoreCommand])
    commands[.psql] = Self.words(section[PostgreSQLOptions.psqlCommand])
    security["PGSSLMODE"] = section[PostgreSQLOptions.sslMode]?.rawValue
    security["PGSSLCERT"] = section[PostgreSQLOptions.sslCertificate]
    security["PGSSLKEY"] = section[PostgreSQLOptions.sslKey]
    security["PGSSLROOTCERT"] = section[PostgreSQLOptions.sslRootCertificate]
    security["PGSSLCRL"] = section[PostgreSQLOptions.sslRevocationList]
  }

  /// An empty command stands for none.
  private static func words(_ command: CommandWords?) -> [String]? {
    command.flatMap { $0.words.isEmpty ? nil : $0.words }
  }

  /// As messages name the server.
  var place: String { server.place }

  /// How it is encrypted, by libpq's keywords: the variables' names have them behind PG.
  var securityParameters: [(keyword: String, value: String)] {
    security.map { (String($0.key.dropFirst(2)).lowercased(), $0.value) }
  }

  /// The command that is configured for a program; nil for the program itself.
  func override(of program: Tool) -> [String]? { commands[program] }

  /// The same connection with another command in place of a program.
  func using(_ command: [String], for program: Tool) -> PostgreSQLConnection {
    var other = self
    other.commands[program] = command
    return other
  }

  /// The same connection, whose programs are started without the wrapper before them where that has nothing to decide.
  func passingWrappers(of installations: PostgreSQLInstallations) -> PostgreSQLConnection {
    var other = self
    other.installations = installations
    return other
  }

  /// The same connection, whose sessions have a name and more settings of their own.
  func session(_ name: String?, _ settings: [PostgreSQLPins.Setting]) -> PostgreSQLConnection {
    var other = self
    other.sessionName = name ?? sessionName
    other.sessionSettings += settings
    return other
  }

  /// A command for one of the clients, connection included.
  ///
  /// The password travels in PGPASSWORD: a process's environment is readable by its own user and root only, who can
  /// read the configuration too; a password file would have to be cleaned up.
  func command(_ program: Tool, _ arguments: [String], context: HookContext) -> ChildCommand {
    var environment = context.environment
    // The encoding of a dump is its database's, and that of an answer is ours to choose.
    environment.variables["PGCLIENTENCODING"] = nil
    Self.speakEnglish(&environment)
    environment.variables.merge(security) { _, configured in configured }
    if let password = server.password { environment.variables["PGPASSWORD"] = password }
    return started(program, ["--no-password"] + addressArguments + arguments, environment, context)
  }

  private func started(
    _ program: Tool, _ arguments: [String], _ environment: ProcessEnvironment, _ context: HookContext
  ) -> ChildCommand {
    let words = commands[program] ?? [program.rawValue]
    let command = ChildCommand(
      words[0], words.dropFirst() + arguments, environment: environment, workingDirectory: context.workingDirectory
    )
    .installed(by: PostgreSQLFailure.installations)
    guard commands[program] == nil, let installations else { return command }
    return installations.passingWrapper(command, namesHost: server.hostname != nil)
  }

  /// What tells apart to which server psql leads, as whom, and by which program.
  func way(_ context: HookContext) -> [ExactName] {
    let command = command(.psql, [], context: context)
    let variables = command.environment.variables.map { "\($0.key)=\($0.value)" }.sorted()
    return ([command.executable] + command.arguments + variables).map { ExactName($0) }
  }

  /// A command that makes a client tell its version. It does so when asked first, whatever follows; Debian's wrapper
  /// chooses the version by the address.
  func versionCommand(_ program: Tool, context: HookContext) -> ChildCommand {
    started(program, ["--version"] + addressArguments, context.environment, context)
  }

  /// Clients' messages are read for advice; what else the locale decides stays as it is.
  private static func speakEnglish(_ environment: inout ProcessEnvironment) {
    if let all = environment.variables.removeValue(forKey: "LC_ALL"), !all.isEmpty {
      for name in ["LC_CTYPE", "LC_COLLATE", "LC_NUMERIC", "LC_TIME", "LC_MONETARY"] {
        environment.variables[name] = all
      }
    }
    environment.variables["LC_MESSAGES"] = "C"
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
  /// Whether PGOPTIONS says which role to be.
  func isRoleChosen(_ context: HookContext) -> Bool {
    PostgreSQLPins.names(inOptions: context.environment["PGOPTIONS"] ?? "").contains { $0.isSame(as: "role") }
  }

  /// The value of `--dbname` for a client whose session is fixed to settings.
  ///
  /// What a service file says of `options` cannot be read from here, so there it stays, and only the statements that a
  /// session of our own begins with fix it.
  ///
  /// - Parameters:
  ///   - database: nil for pg_dumpall, which looks at all of them.
  ///   - readsBytes: Whether texts come and go as they are in the database, whatever its encoding.
  func pinnedString(
    _ database: String?, _ settings: [PostgreSQLPins.Setting] = PostgreSQLPins.own, readsBytes: Bool = true,
    context: HookContext
  ) -> String {
    var pairs: [(String, String)] = []
    if let database { pairs.append(("dbname", database)) }
    if readsBytes { pairs.append(("client_encoding", "SQL_ASCII")) }
    if context.environment["PGSERVICE"] == nil {
      let all = settings + sessionSettings
      pairs.append(("options", PostgreSQLPins.options(after: context.environment["PGOPTIONS"], all)))
    }
    if let sessionName { pairs.append(("application_name", sessionName)) }
    return pairs.map { "\($0)=\(Quoting.connectionValue($1))" }.joined(separator: " ")
  }

  /// The same connection, for pg_restore and pg_dump, which say by themselves what else their sessions are like: its
  /// sessions have the role that one of our own has in the same database.
  ///
  /// - Parameter role: The value of the setting; nil where it is not known.
  func withRole(_ role: String?, _ context: HookContext) -> PostgreSQLConnection {
    guard let role, !isRoleChosen(context) else { return self }
    return session(nil, [.init(name: "role", value: role)])
  }
}

extension PostgreSQLConnection {
  /// Runs SQL, visible to others on this machine, and returns its rows, fields parted by the unit separator.
  ///
  /// Texts come as the bytes that the database holds, whatever its encoding.
  ///
  /// - Parameter isCleanup: Whether it is to run even when the run is cancelled.
  func query(
    _ sql: PostgreSQLStatement, database: String, options: [String] = [], isCleanup: Bool = false, context: HookContext
  ) throws -> CommandResult {
    let session = PostgreSQLSession(database, self, context)
    let cancellation = isCleanup ? nil : context.cancellation
    // An argument is text; what is none goes the other way.
    guard let text = sql.text else {
      return try context.launcher.run(
        session.command([.end, .input], options: options), input: sql.bytes + ";\n".utf8,
        outputLimit: PostgreSQLAnswer.limit, cancellation: cancellation)
    }
    return try context.launcher.run(
      session.command([.end, .statement(text)], options: options), outputLimit: PostgreSQLAnswer.limit,
      cancellation: cancellation)
  }

  /// Runs SQL about the server, in the database that every server has, or failing that in the next one.
  func queryServer(
    _ sql: PostgreSQLStatement, options: [String] = [], isCleanup: Bool = false, context: HookContext
  ) throws -> CommandResult {
    let first = try query(sql, database: "postgres", options: options, isCleanup: isCleanup, context: context)
    guard !first.status.isSuccess else { return first }
    let second = try query(sql, database: "template1", options: options, isCleanup: isCleanup, context: context)
    return second.status.isSuccess ? second : first
  }

  /// Brings the planner's statistics of a restored database up to date.
  ///
  /// The statement names nothing, and functions of indexes may need the search path that the database has.
  ///
  /// - Returns: Whether it worked; the database is restored either way.
  func analyze(_ database: String, options: [String], context: HookContext) -> Bool {
    let session = PostgreSQLSession(database, self, settings: PostgreSQLPins.always, context)
    let result = try? context.launcher.run(
      session.command([.end, .statement("ANALYZE")], options: options), seconds: 24 * 3600,
      cancellation: context.cancellation)
    return result?.status.isSuccess == true
  }
}
