import CofferSystem

/// MongoDB's shell, at a socket: `mongosh`, or where there is only that of before, `mongo`.
struct MongoDBShell {
  private let identity: DumpIdentity
  private let socket: String
  /// A folder of the run's own, where the shell leaves its log: it would take that of the user.
  private let home: String
  private let context: HookContext

  /// Seconds that an answer may take: documents are counted one by one.
  private static let patience: Double = 3600
  private static let names = ["mongosh", "mongo"]

  /// - Throws: `RuntimeDirectory.Failure`.
  init(at socket: String, for identity: DumpIdentity, context: HookContext) throws {
    self.identity = identity
    self.socket = socket
    self.context = context
    home = try context.runtime.makeFolder("mongosh")
  }

  /// Has a script run. What it prints is the output, and behind it what its last expression is.
  ///
  /// - Throws: `DrillError.impossible` where no shell is installed; `LaunchError`; `CommandTimedOut`; `RunCancelled`.
  func run(_ script: String, in database: String) throws -> CommandResult {
    var environment = context.environment
    environment.variables["HOME"] = home
    let words = ["--quiet", "--norc", "--eval", script, MongoDBSocket.address(socket, database: database)]
    for name in Self.names {
      do {
        return try context.launcher.run(
          ChildCommand(name, words, environment: environment, workingDirectory: home), seconds: Self.patience,
          cancellation: context.cancellation)
      } catch LaunchError.notFound {}
    }
    throw DrillError.impossible(
      identity,
      problem: "neither mongosh nor mongo is installed on this machine, and one has to count what was restored",
      suggestion: "Install mongodb-mongosh from MongoDB's own packages")
  }
}

/// A server's socket on this machine, as MongoDB's programs are told of it.
enum MongoDBSocket {
  /// A connection string: the tools take a path for nothing else.
  static func address(_ path: String, database: String = "") -> String {
    "mongodb://\(Quoting.urlPart(path))/\(Quoting.urlPart(database))"
  }
}
