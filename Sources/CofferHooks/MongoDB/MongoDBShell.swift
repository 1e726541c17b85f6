import CofferSystem

/// MongoDB's shell, at the socket of a throw-away server: `mongosh`, or where there is only that of before, `mongo`.
///
/// It runs as the server does. What it is to run may be the user's, and what it reads is whoever's filled the database.
struct MongoDBShell {
  private let identity: DumpIdentity
  private let socket: String
  /// Where the shell leaves its log: it would take the user's own folder.
  private let home: String
  private let ground: DrillGround

  /// Seconds that an answer may take: documents are counted one by one.
  private static let patience: Double = 3600
  private static let names = ["mongosh", "mongo"]

  /// - Throws: `SystemError`.
  init(at socket: String, for identity: DumpIdentity, on ground: DrillGround) throws {
    self.identity = identity
    self.socket = socket
    self.ground = ground
    home = try ground.makeFolder("shell").path
  }

  /// Has a script run. What it prints is the output, and behind it what its last expression is.
  ///
  /// - Throws: `DrillError.impossible` where no shell is installed; `LaunchError`; `CommandTimedOut`; `RunCancelled`.
  func run(_ script: String, in database: String) throws -> CommandResult {
    guard let program = Self.names.flatMap({ ground.programs(named: $0) }).first else {
      throw DrillError.impossible(
        identity,
        problem: "neither mongosh nor mongo is installed on this machine, and one has to count what was restored",
        suggestion: "Install mongodb-mongosh from MongoDB's own packages")
    }
    let words = ["--quiet", "--norc", "--eval", script, MongoDBSocket.address(socket, database: database)]
    return try ground.context.launcher.run(
      ground.command(program, words, home: home, reserves: true), seconds: Self.patience,
      cancellation: ground.context.cancellation)
  }
}

/// A server's socket on this machine, as MongoDB's programs are told of it.
enum MongoDBSocket {
  /// A connection string: the tools take a path for nothing else.
  static func address(_ path: String, database: String = "") -> String {
    "mongodb://\(Quoting.urlPart(path))/\(Quoting.urlPart(database))"
  }
}
