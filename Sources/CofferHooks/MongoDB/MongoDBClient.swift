import CofferConfiguration
import CofferSystem

/// How mongodump and mongorestore reach a server, and which programs they are.
struct MongoDBClient: Sendable {
  enum Tool {
    case dump, restore
  }

  let server: ServerAddress
  /// The only way to the server, if not by its address.
  private var socket: String?
  private let authenticationDatabase: String?
  private let transport: MongoDBOptions.PasswordTransport
  private let dumpCommand: [String]
  private let restoreCommand: [String]

  /// Words by which a user may have given the password, or the way to do without one, by other means.
  private static let otherCredentials = ["--password", "-p", "--config", "--uri", "--authenticationMechanism"]

  init(_ section: ConfigurationSection, to server: ServerAddress) {
    self.server = server
    authenticationDatabase = section[MongoDBOptions.authenticationDatabase]
    transport = section[MongoDBOptions.passwordTransport]
    dumpCommand = section[MongoDBOptions.dumpCommand].words
    restoreCommand = section[MongoDBOptions.restoreCommand].words
  }

  /// The same at a socket of this machine and nowhere else, without a user.
  func only(_ socket: String) -> MongoDBClient {
    var client = self
    client.socket = socket
    return client
  }

  func password(context: HookContext) throws -> MongoDBPassword? {
    try server.password.map { try MongoDBPassword($0, by: transport, in: context.runtime) }
  }

  /// - Parameters:
  ///   - leading: What comes before the connection.
  ///   - trailing: What comes after it.
  func command(
    _ program: Tool, leading: [String], trailing: [String], password: MongoDBPassword?, context: HookContext
  ) -> ChildCommand {
    var arguments = leading
    if let socket {
      arguments += ["--uri", MongoDBSocket.address(socket)]
    } else {
      if let hostname = server.hostname { arguments += ["--host", hostname] }
      if let port = server.port { arguments += ["--port", String(port)] }
    }
    if let username = server.username { arguments += ["--username", username] }
    if let password { arguments += ["--config", password.path] }
    if let authenticationDatabase { arguments += ["--authenticationDatabase", authenticationDatabase] }
    let words = words(of: program)
    var command = ChildCommand(
      words.first ?? "", words.dropFirst() + arguments + trailing, environment: context.environment,
      workingDirectory: context.workingDirectory)
    command.installations = MongoDBFailure.installations
    command.inherited = password?.inherited ?? [:]
    return command
  }

  /// Whether the program would ask for a password. It would take the answer from its input, which is the dump.
  func wouldAsk(_ program: Tool, options: [String]) -> Bool {
    guard server.username != nil, (server.password ?? "").isEmpty else { return false }
    return !(words(of: program) + options).contains { word in
      Self.otherCredentials.contains { word.isSame(as: $0) || word.begins(with: "\($0)=") }
    }
  }

  private func words(of program: Tool) -> [String] {
    switch program {
    case .dump: dumpCommand
    case .restore: restoreCommand
    }
  }
}
