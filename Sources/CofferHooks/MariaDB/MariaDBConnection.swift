import CofferConfiguration
import CofferSystem

/// How clients reach a MariaDB or MySQL server, and which clients.
struct MariaDBConnection: Sendable {
  enum Program {
    case dump, client
  }

  /// What differs between dumping and restoring.
  struct Options {
    var socket: OptionKey<String>
    var tls: OptionKey<Bool>

    static let dump = Options(socket: MariaDBOptions.socketPath, tls: MariaDBOptions.tls)
    static let restore = Options(socket: MariaDBOptions.restoreSocketPath, tls: MariaDBOptions.restoreTLS)
  }

  let server: ServerAddress
  let dialect: MariaDBDialect
  private let socket: String?
  private let tls: Bool?
  private let credentials: MariaDBCredentials
  private let dumpCommand: [String]
  private let clientCommand: [String]

  init(
    _ section: ConfigurationSection, _ dialect: MariaDBDialect, to server: ServerAddress, for options: Options
  ) throws(ShellWords.Unfinished) {
    self.server = server
    self.dialect = dialect
    socket = section[options.socket] ?? section[MariaDBOptions.socketPath]
    tls = section[options.tls] ?? section[MariaDBOptions.tls]
    credentials = MariaDBCredentials(
      username: server.username, password: server.password,
      usesEnvironment: section[MariaDBOptions.passwordTransport] == "environment")
    dumpCommand = try ShellWords.split(section[dialect.dumpCommand] ?? dialect.dumpProgram)
    clientCommand = try ShellWords.split(section[dialect.clientCommand] ?? dialect.clientProgram)
  }

  /// As messages name the server.
  var place: String { server.place }

  func program(_ program: Program) -> String { words(of: program).first ?? "" }

  /// Calls `body` with a command for one of the clients, connection included; `body` starts it.
  ///
  /// - Parameter options: The configuration's own arguments.
  func withCommand<Result>(
    _ program: Program, _ options: [String], _ arguments: [String], context: HookContext,
    _ body: (ChildCommand) throws -> Result
  ) throws -> Result {
    try credentials.command(
      words(of: program), options, connectionArguments(program, context), arguments, context: context, body)
  }

  private func connectionArguments(_ program: Program, _ context: HookContext) -> [String] {
    var arguments: [String] = []
    if let hostname = server.hostname { arguments += ["--host", hostname] }
    if let port = server.port { arguments += ["--port", String(port)] }
    // Without it clients take 'localhost', or no host at all, for the socket, whatever port is asked for.
    if server.hostname != nil || server.port != nil { arguments += ["--protocol", "tcp"] }
    if let socket { arguments += ["--socket", socket] }
    if let tls { arguments.append(tlsArgument(tls, program, context)) }
    return arguments
  }

  /// MySQL's own clients do not know MariaDB's switch any more, and the other way round.
  private func tlsArgument(_ tls: Bool, _ program: Program, _ context: HookContext) -> String {
    if !dialect.dumpsAccounts, let version = version(program, context: context), !version.contains("MariaDB") {
      return tls ? "--ssl-mode=REQUIRED" : "--ssl-mode=DISABLED"
    }
    return tls ? "--ssl" : "--skip-ssl"
  }

  /// What a client says of itself; nil when it cannot be asked.
  func version(_ program: Program, context: HookContext) -> String? {
    let command = versionCommand(program, context: context)
    let result = try? context.launcher.run(command, cancellation: context.cancellation)
    return result.flatMap { $0.text.split(separator: "\n").first.map(String.init) }
  }

  /// A command that makes a client tell its version; it connects to nothing.
  func versionCommand(_ program: Program, context: HookContext) -> ChildCommand {
    let words = words(of: program)
    return ChildCommand(
      words.first ?? "", words.dropFirst() + ["--version"], environment: context.environment,
      workingDirectory: context.workingDirectory)
  }

  private func words(of program: Program) -> [String] {
    switch program {
    case .dump: dumpCommand
    case .client: clientCommand
    }
  }

  /// Runs SQL.
  func query(_ sql: String, options: [String], context: HookContext) throws -> MariaDBAnswer {
    let arguments = [
      "--batch", "--skip-column-names", "--default-character-set=utf8mb4", "--execute", sql,
    ]
    return MariaDBAnswer(
      try withCommand(.client, options, arguments, context: context) { command in
        try context.launcher.run(command, cancellation: context.cancellation)
      })
  }

  static func quotedIdentifier(_ name: String) -> String {
    "`" + name.replacing("`", with: "``") + "`"
  }

  static func quotedLiteral(_ text: String) -> String {
    "'" + text.replacing("\\", with: "\\\\").replacing("'", with: "''") + "'"
  }
}

/// What a query gave.
struct MariaDBAnswer {
  let status: ExitStatus
  let errorLines: [String]
  /// Fields of rows; NULL is the text `NULL`.
  let rows: [[String]]

  init(_ result: CommandResult) {
    status = result.status
    errorLines = result.errorLines
    rows = result.text.split(separator: "\n").map { line in
      line.split(separator: "\t", omittingEmptySubsequences: false).map { Self.unescaped($0) }
    }
  }

  /// In batch mode the client writes what would end a field or a row with a backslash.
  private static func unescaped(_ field: Substring) -> String {
    guard field.contains("\\") else { return String(field) }
    var text = ""
    var rest = field.makeIterator()
    while let character = rest.next() {
      guard character == "\\", let escaped = rest.next() else {
        text.append(character)
        continue
      }
      switch escaped {
      case "n": text.append("\n")
      case "t": text.append("\t")
      case "0": text.append("\0")
      default: text.append(escaped)
      }
    }
    return text
  }
}
