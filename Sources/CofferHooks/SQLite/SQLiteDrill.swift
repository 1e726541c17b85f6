import CofferSQLite
import CofferSystem
import Glibc

/// The drill of a SQLite dump: a file that nobody else knows.
final class SQLiteDrill: DrillPlace {
  private let ground: DrillGround
  private let folder: Folder
  let version: String

  private static let fileName: EntryName = "database"
  private static let least: UInt64 = 16 << 20

  /// - Throws: `DrillError.noSpace`; `SystemError`.
  init(of facts: DumpFacts, bytes: UInt64, on ground: DrillGround) throws {
    self.ground = ground
    version = "SQLite \(try SQLiteWorker.libraryVersion())"
    try ground.checkSpace(.room(for: bytes, times: 2, and: Self.least), for: facts.identity)
    folder = try ground.makeFolder("file")
  }

  var target: RestoreTarget {
    var target = RestoreTarget()
    target[SharedChoices.restorePath] = folder.path(of: Self.fileName)
    return target
  }

  /// Without whose the file is to be, and what may be done with it.
  func facts(_ facts: DumpFacts) -> DumpFacts {
    var facts = facts
    facts.details = [:]
    return facts
  }

  /// Has a process look into the file.
  private func look(_ work: SQLiteWorkerRequest.Work, input: [UInt8]? = nil) throws -> CommandResult {
    let descriptor = try folder.open(Self.fileName, flags: O_RDWR)
    let request = SQLiteWorkerRequest(
      work: work, name: "database", device: 0, inode: 0, user: geteuid() == 0 ? UserGroups.nobody : nil)
    return try ground.context.launcher.run(
      SQLiteProcess(ground.context).command(request, descriptor: descriptor.number), input: input,
      seconds: 24 * 3600, cancellation: ground.context.cancellation)
  }

  func answer(to statement: String, of facts: DumpFacts) throws -> String {
    let result = try look(.ask, input: Array(statement.utf8))
    guard result.status.isSuccess else {
      throw DrillError.unanswered(facts.identity, statement: statement, lines: result.errorLines)
    }
    return result.text
  }

  func findings(of facts: DumpFacts) throws -> DrillFindings {
    let result = try look(.count)
    guard result.status.isSuccess, let content = SQLiteContent(lines: result.errorLines) else {
      throw RestoreError.programFailed(
        facts.identity, program: SQLiteProcess.title, status: result.status, lines: result.errorLines)
    }
    return DrillFindings(content: DumpContent(content), warnings: content.danglingKeys)
  }

  func remove() {}
}

extension DumpContent {
  init(_ content: SQLiteContent) {
    self.init(
      tables: content.tables.map { Table(name: $0.name, rows: $0.rows) }, objects: content.objects)
  }
}
