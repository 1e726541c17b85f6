import CofferSystem
import Glibc

/// The drill of a dump of MongoDB: a server of its own, which listens at a socket in its own folder and nowhere else.
final class MongoDBDrill: DrillPlace {
  private let ground: DrillGround
  private let server: ChildProcess
  private let socket: String
  private let shell: MongoDBShell
  let version: String

  private static let least: UInt64 = 512 << 20
  /// The database that questions about a dump of a whole server are asked in: MongoDB's own first choice.
  private static let anyDatabase = "test"

  /// Makes the server and starts it.
  ///
  /// - Throws: `DrillError`; `LaunchError`; `SystemError`; `RunCancelled`.
  init(of facts: DumpFacts, bytes: UInt64, on ground: DrillGround, _ installed: MongoDBInstalledServer) throws {
    self.ground = ground
    let identity = facts.identity
    try installed.check(for: facts)
    version = "MongoDB \(installed.version)"
    try ground.checkSpace(.room(for: bytes, times: 3, and: Self.least), for: identity)
    let name = MongoDBInstalledServer.socketName
    let folder = try ground.makeFolder("server", forSocket: name, of: identity)
    let socket = "\(folder)/\(name)"
    self.socket = socket
    let data = try ground.makeFolder("data").path
    shell = try MongoDBShell(at: socket, for: identity, on: ground)
    // It tells on standard output why it ends.
    server = try ground.context.launcher.launch(
      ground.command(
        "sh",
        ["-c", "exec \"$0\" \"$@\" >&2", installed.program]
          + MongoDBInstalledServer.arguments(data: data, socket: socket, in: folder)))
    do {
      try ground.wait(for: server, installed.program, of: identity) { [shell] in
        try access(socket, F_OK) == 0 && shell.run("db.adminCommand({ping: 1})", in: "admin").status.isSuccess
      }
    } catch {
      remove()
      throw error
    }
  }

  // MARK: - The place

  var target: RestoreTarget {
    var target = RestoreTarget()
    target.socketPath = socket
    target.isDrill = true
    return target
  }

  func facts(_ facts: DumpFacts) -> DumpFacts { facts.withoutAddress }

  func comparable(_ content: DumpContent) -> DumpContent {
    var content = content
    // Of users and roles there is no collection before there is one of them.
    content.tables.removeAll {
      !MongoDBCollections.isRestored($0.name) || MongoDBCollections.isOfAccounts($0.name) && $0.rows == 0
    }
    return content
  }

  func findings(of facts: DumpFacts) throws -> DrillFindings {
    let answer = try shell.run(MongoDBCollections.script, in: "admin")
    guard answer.status.isSuccess, let content = MongoDBCollections.content(of: answer.text) else {
      throw DrillError.unanswered(
        facts.identity, statement: "How many documents are there?", lines: answer.errorLines)
    }
    return DrillFindings(content: content)
  }

  func answer(to statement: String, of facts: DumpFacts) throws -> String {
    let database = facts.identity.database
    let answer = try shell.run(statement, in: database.isSame(as: "all") ? Self.anyDatabase : database)
    guard answer.status.isSuccess else {
      throw DrillError.unanswered(facts.identity, statement: statement, lines: answer.errorLines)
    }
    return answer.text.trimmed
  }

  func remove() {
    ground.end(server)
  }
}
