import CofferConfiguration
import CofferSQLite
import CofferSystem

/// SQLite, through its library, or through the program sqlite3 where one is configured.
public struct SQLiteHook: DatabaseHook {
  public let databases = SQLiteOptions.databases
  public let kind = DatabaseKind.file
  public let choices = [SharedChoices.restorePath.choice]
  public let advice = FailureAdvice(SQLiteAdvice.suggestion)

  public init() {}

  public func dumps(of root: ConfigurationSection, context: HookContext) throws -> [any PlannedDump] {
    let dumps: [any PlannedDump] = try root[databases].map { section in
      let identity = DumpIdentity(
        hook: name, database: section[SQLiteOptions.name], label: section[SQLiteOptions.label],
        advice: advice)
      guard !identity.database.holds("/") else {
        throw DumpError.misconfigured(
          identity, problem: "The name of a database must not hold a '/'",
          suggestion: "Choose another name; it need not be the file's")
      }
      let path = context.absolute(section[SQLiteOptions.path])
      guard let command = Self.words(section[SQLiteOptions.sqliteCommand]) else {
        return SQLiteDump(identity: identity, section: section, path: path)
      }
      return SQLiteClientDump(identity: identity, section: section, path: path, command: command)
    }
    // It takes a moment, in which there is something else to do.
    if dumps.contains(where: { $0 is SQLiteDump }) { SQLiteProcess(context).prepare() }
    return dumps
  }

  public func plan(
    restoring facts: DumpFacts, to target: RestoreTarget, root: ConfigurationSection?, context: HookContext
  ) throws -> any PlannedRestore {
    let (path, command) = try destination(of: facts, target, root, context)
    return try SQLiteRestore(facts: facts, path: path, command: command, context: context)
  }

  public func plan(
    restoring tables: TableSelection, of facts: DumpFacts, from dump: any StoredDump, to target: RestoreTarget,
    root: ConfigurationSection?, context: HookContext
  ) throws -> any PlannedRestore {
    let (path, command) = try destination(of: facts, target, root, context)
    return try SQLiteTableRestore(tables, of: facts, path: path, isByProgram: command != nil)
  }

  /// The file that a dump is restored to, and the program that does it, if one is configured.
  private func destination(
    of facts: DumpFacts, _ target: RestoreTarget, _ root: ConfigurationSection?, _ context: HookContext
  ) throws -> (path: String, command: [String]?) {
    guard target.databaseName == nil else {
      throw RestoreError.refused(
        facts.identity, problem: "a SQLite database is a file, and has no other name",
        suggestion: "Restore it to another file with --restore-path")
    }
    let section = Self.section(for: facts.identity, in: (root ?? .empty)[databases])
    let path =
      target[SharedChoices.restorePath] ?? section?[SQLiteOptions.restorePath] ?? section?[SQLiteOptions.path]
      ?? facts.details["path"]
    guard let path else {
      throw RestoreError.refused(
        facts.identity, problem: "nothing says which file it belongs to", suggestion: "Name one with --restore-path")
    }
    return (context.absolute(path), Self.words(section?[SQLiteOptions.sqliteRestoreCommand]))
  }

  public func drillPlace(for facts: DumpFacts, bytes: UInt64, on ground: DrillGround) throws -> any DrillPlace {
    try SQLiteDrill(of: facts, bytes: bytes, on: ground)
  }

  public func worker(for arguments: [String]) -> (any HookWorker)? {
    SQLiteWorkerRequest(arguments: arguments).map { SQLiteWorker($0) }
  }

  public func prepareWorkers() { SQLiteWorker.prepare() }

  /// The entry of that name and label; a label that an entry has lost, or got since, does not matter while the name says
  /// enough.
  private static func section(
    for identity: DumpIdentity, in sections: [ConfigurationSection]
  ) -> ConfigurationSection? {
    let named = sections.filter { $0[SQLiteOptions.name].isSame(as: identity.database) }
    let wanted = identity.label.map { ExactName($0) }
    return named.first { $0[SQLiteOptions.label].map { ExactName($0) } == wanted }
      ?? (named.count == 1 ? named[0] : nil)
  }

  /// The words of a command; nil when none is configured.
  private static func words(_ command: CommandWords?) -> [String]? {
    command.flatMap { $0.words.isEmpty ? nil : ContainerCommand.passingInput($0.words) }
  }

  /// - Throws: `DumpError` for a dump by statements that lacks its last line.
  static func checkEnd(_ stream: DumpStream, _ identity: DumpIdentity) throws {
    guard
      stream.tail.suffix(SQLiteDumpScript.endMark.utf8.count + 1).elementsEqual((SQLiteDumpScript.endMark + "\n").utf8)
    else {
      throw DumpError.incomplete(
        identity, program: "sqlite3", missing: "it does not end with '\(SQLiteDumpScript.endMark)'")
    }
  }
}

extension SQLiteWorker: HookWorker {}
