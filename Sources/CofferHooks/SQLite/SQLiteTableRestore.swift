import CofferSQLite
import CofferSystem
import FoundationEssentials
import Glibc

/// The restore of some tables of a SQLite dump into a database that is there, in one transaction of its own.
///
/// It is done by a process that has nothing but the database's folder and the rights of its owner, as a dump is.
struct SQLiteTableRestore: PlannedRestore {
  private let facts: DumpFacts
  private let place: SQLitePlace
  private let file: SQLitePlace.Facts
  private let tables: TableSelection

  /// - Parameter path: Absolute.
  /// - Throws: `RestoreError`; `SystemError`.
  init(_ tables: TableSelection, of facts: DumpFacts, path: String, isByProgram: Bool) throws {
    self.facts = facts
    self.tables = tables
    let identity = facts.identity
    guard !facts.format.isSame(as: SQLiteDump.Format.copy) else {
      throw RestoreError.refused(
        identity, problem: "its dump is a copy of the file, from which no table can be taken",
        suggestion: "Restore it to another file with --restore-path, and bring the table over from there")
    }
    guard !isByProgram else {
      throw RestoreError.refused(
        identity, problem: "sqlite_restore_command restores whole files only",
        suggestion: "Leave it out, or restore to another file with --restore-path")
    }
    place = try SQLiteRestore.place(path, identity)
    guard let file = place.facts, try place.holdsDatabase() else {
      throw RestoreError.refused(
        identity, problem: "there is no database \(place.path) for a table to come to",
        suggestion: "Restore it whole, without --table")
    }
    self.file = file
    if let known = facts.content?.tables.map(\.name),
      let name = tables.names.first(where: { name in !known.contains { Self.means(name, $0) } })
    {
      throw RestoreError.refused(
        identity, problem: "the dump has no table '\(Quoting.terminal(name))'",
        suggestion: "It has " + known.prefix(20).map { Quoting.terminal($0) }.joined(separator: ", "))
    }
  }

  private static func means(_ name: String, _ table: String) -> Bool {
    table.isSame(as: name) || NamePattern(name).matches(table)
  }

  var summary: String {
    let names = tables.names.map { Quoting.terminal($0) }.joined(separator: ", ")
    let new = tables.newName.map { " as \(Quoting.terminal($0))" } ?? ""
    let end = tables.replaces ? ", in place of what is there" : ""
    return
      "table \(names)\(new) of \(facts.identity.title) -> \(Quoting.terminal(place.path)) (in one transaction\(end))"
  }

  func content(of dump: DumpContent) -> DumpContent? {
    DumpContent(tables: dump.tables.filter { table in tables.names.contains { Self.means($0, table.name) } })
  }

  var wantsFolder: Bool { false }

  func start(folder: String?, context: HookContext) throws -> any RunningRestore {
    let request = SQLiteWorkerRequest(
      work: .tables, name: place.name.description, device: file.device, inode: file.inode, user: try place.user(),
      tables: .init(names: tables.names, newName: tables.newName, replaces: tables.replaces))
    // The process commits when it has read the dump's end.
    return ClientRestore(
      try ClientInput(
        SQLiteProcess(context).command(request, descriptor: place.folder.number), of: facts.identity,
        confirmation: SQLiteWorkerRequest.confirmation, context: context),
      passesWarnings: true, saying: SQLiteRunningRestore.named)
  }
}
