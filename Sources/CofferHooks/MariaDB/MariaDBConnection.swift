import CofferConfiguration
import CofferSystem

/// How clients reach a MariaDB or MySQL server, and which clients.
struct MariaDBConnection: Sendable {
  enum Tool {
    case dump, client, binlog
  }

  /// What differs between dumping and restoring.
  struct Options {
    var socket: OptionKey<String?>
    var tls: OptionKey<Bool?>
    var tlsVerify: OptionKey<Bool?>
    var tlsCA: OptionKey<String?>

    static let dump = Options(
      socket: MariaDBOptions.socketPath, tls: MariaDBOptions.tls, tlsVerify: MariaDBOptions.tlsVerify,
      tlsCA: MariaDBOptions.tlsCA)
    static let restore = Options(
      socket: MariaDBOptions.restoreSocketPath, tls: MariaDBOptions.restoreTLS,
      tlsVerify: MariaDBOptions.restoreTLSVerify, tlsCA: MariaDBOptions.restoreTLSCA)
  }

  let server: ServerAddress
  let dialect: MariaDBDialect
  private var socket: String?
  /// Whether the socket is the only way there.
  private var isLocal = false
  private let tls: Bool?
  private let verifiesServer: Bool
  private let authorities: String?
  private let credentials: MariaDBCredentials
  private let dumpCommand: [String]
  private let clientCommand: [String]
  private let binlogCommand: [String]

  init(
    _ section: ConfigurationSection, _ dialect: MariaDBDialect, to server: ServerAddress, for options: Options
  ) {
    self.server = server
    self.dialect = dialect
    socket = section[options.socket] ?? section[MariaDBOptions.socketPath]
    tls = section[options.tls] ?? section[MariaDBOptions.tls]
    verifiesServer = (section[options.tlsVerify] ?? section[MariaDBOptions.tlsVerify]) == true
    authorities = section[options.tlsCA] ?? section[MariaDBOptions.tlsCA]
    credentials = MariaDBCredentials(
      username: server.username, password: server.password,
      usesEnvironment: section[MariaDBOptions.passwordTransport] == .environment)
    dumpCommand = section[dialect.dumpCommand].words
    clientCommand = section[dialect.clientCommand].words
    binlogCommand = section[dialect.binlogCommand].words
  }

  /// The same clients at a server that only this socket leads to.
  func only(_ socket: String) -> MariaDBConnection {
    var other = self
    other.socket = socket
    other.isLocal = true
    return other
  }

  /// As messages name the server: the port is the one that clients use where none is configured.
  var place: String {
    guard server.hostname != nil || server.port != nil else { return socket ?? server.place }
    return server.port == nil ? "\(server.place):3306" : server.place
  }

  /// Whether what is sent to the server may pass others' computers.
  var leavesTheHost: Bool {
    guard let host = server.hostname else { return false }
    let parts = host.parts(by: ".")
    let isLoopback = parts.count == 4 && parts[0].isSame(as: "127") && parts.allSatisfy { UInt8($0) != nil }
    return !isLoopback && !host.asciiLowercased.isSame(as: "localhost") && !host.isSame(as: "::1")
  }

  /// Whether the configuration wants encryption. MariaDB's clients take that for a wish, and go on without it where the
  /// server has none, unless they verify it.
  var demandsEncryption: Bool {
    guard server.hostname != nil || server.port != nil, tls != false else { return false }
    return tls == true || verifiesServer || authorities != nil
  }

  /// Whether the server must prove that it is the host that is configured.
  var isVerified: Bool { tls != false && verifiesServer }

  var hasPassword: Bool { server.password != nil }

  func program(_ program: Tool) -> String { words(of: program).first ?? "" }

  /// Calls `body` with a command for one of the clients, connection included; `body` starts it.
  ///
  /// - Parameter options: The configuration's own arguments.
  func withCommand<Result>(
    _ program: Tool, _ options: [String], _ arguments: [String], context: HookContext,
    _ body: (ChildCommand) throws -> Result
  ) throws -> Result {
    try credentials.command(
      words(of: program), options, connectionArguments(program, context), arguments, context: context, body)
  }

  /// The same for mariadb-backup, which takes what the client takes and reads option files in its own way.
  ///
  /// - Parameter words: The program, maybe with arguments.
  func withBackupCommand<Result>(
    _ words: [String], _ arguments: [String], context: HookContext, _ body: (ChildCommand) throws -> Result
  ) throws -> Result {
    try credentials.command(
      words, [], connectionArguments(.client, context), arguments, for: .backup, context: context, body)
  }

  private func connectionArguments(_ program: Tool, _ context: HookContext) -> [String] {
    if isLocal, let socket { return ["--host", "localhost", "--protocol", "socket", "--socket", socket] }
    var arguments: [String] = []
    if let hostname = server.hostname { arguments += ["--host", hostname] }
    if let port = server.port { arguments += ["--port", String(port)] }
    // Without it clients take 'localhost', or no host at all, for the socket, whatever port is asked for.
    if server.hostname != nil || server.port != nil { arguments += ["--protocol", "tcp"] }
    if let socket { arguments += ["--socket", socket] }
    return arguments + tlsArguments(program, context)
  }

  /// MySQL's own clients do not know MariaDB's switches any more, and the other way round.
  private func tlsArguments(_ program: Tool, _ context: HookContext) -> [String] {
    guard tls != nil || verifiesServer || authorities != nil else { return [] }
    let isMySQL = isMySQL(program, context)
    var arguments = authorities.map { ["--ssl-ca", $0] } ?? []
    if tls == false { return [isMySQL ? "--ssl-mode=DISABLED" : "--skip-ssl"] }
    if isMySQL {
      let mode = verifiesServer ? "VERIFY_IDENTITY" : authorities != nil ? "VERIFY_CA" : "REQUIRED"
      arguments.append("--ssl-mode=\(mode)")
    } else {
      arguments.append("--ssl")
      if verifiesServer { arguments.append("--ssl-verify-server-cert") }
    }
    return arguments
  }

  /// Whether a program is MySQL's own, which are called alike where MariaDB's stand in for them. What reads binary logs does not say it,
  /// and is taken for what the client is.
  func isMySQL(_ program: Tool, _ context: HookContext) -> Bool {
    guard !dialect.dumpsAccounts, let version = version(program == .binlog ? .client : program, context: context) else {
      return false
    }
    return !version.holds("MariaDB")
  }

  /// What a client says of itself; nil when it cannot be asked.
  func version(_ program: Tool, context: HookContext) -> String? {
    let result = try? context.versions.answer(to: versionCommand(program, context: context), context)
    return result.flatMap { $0.text.lines().first }
  }

  /// A command that makes a client tell its version; it connects to nothing.
  func versionCommand(_ program: Tool, context: HookContext) -> ChildCommand {
    let words = words(of: program)
    return ChildCommand(
      words.first ?? "", words.dropFirst() + ["--version"], environment: context.environment,
      workingDirectory: context.workingDirectory
    )
    .installed(by: MariaDBFailure.installations)
  }

  func words(of program: Tool) -> [String] {
    switch program {
    case .dump: dumpCommand
    case .client: clientCommand
    case .binlog: binlogCommand
    }
  }

  /// What a user's option files could have changed of the client's form of answers, of what it does after an error, and
  /// of what it reads: all of it fixed. Switches that every client of MariaDB and MySQL knows.
  static let clientForm = [
    "--batch", "--skip-column-names", "--skip-table", "--skip-xml", "--skip-html", "--skip-vertical",
    "--skip-auto-vertical-output", "--skip-raw", "--skip-column-type-info", "--skip-show-warnings",
    "--disable-tee", "--skip-force", "--skip-reconnect", "--skip-safe-updates",
    "--delimiter=;", "--database=", "--line-numbers", "--binary-mode", "--comments", "--local-infile=0",
    "--default-character-set=utf8mb4", "--max-allowed-packet=1G",
  ]

  /// What a session begins with, whatever the server's or the user's defaults are.
  static let sessionSettings =
    "SET \(foundSelectLimit) = @@SESSION.sql_select_limit; "
    + "SET SESSION sql_select_limit = \(UInt64.max), SESSION sql_big_selects = 1; "
    + "/*M!100101 SET SESSION max_statement_time = 0 */; SET NAMES utf8mb4; SET SESSION sql_mode = ''; "

  /// How many rows of an answer the server would have given by the defaults.
  static let foundSelectLimit = "@coffer_select_limit"

  /// Runs SQL.
  ///
  /// - Parameters:
  ///   - namesColumns: Whether the columns' names are the first row of an answer that has any.
  ///   - limit: Bytes of the answer at most.
  ///   - seconds: How long it may take.
  func query(
    _ sql: String, options: [String], namesColumns: Bool = false, limit: Int = 1 << 30, seconds: Double = 600,
    context: HookContext
  ) throws -> MariaDBAnswer {
    let form =
      namesColumns ? Self.clientForm.filter { $0 != "--skip-column-names" } + ["--column-names"] : Self.clientForm
    let arguments = form + ["--execute", Self.sessionSettings + sql]
    return MariaDBAnswer(
      try withCommand(.client, options, arguments, context: context) { command in
        try context.launcher.run(command, outputLimit: limit, seconds: seconds, cancellation: context.cancellation)
      })
  }
}
