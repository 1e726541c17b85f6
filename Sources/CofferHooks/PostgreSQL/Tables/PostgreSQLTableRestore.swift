import CofferSystem

/// The restore of some tables of a dump in custom format, into a database that is there.
struct PostgreSQLTableRestore: PlannedRestore {
  private let facts: DumpFacts
  private let entry: PostgreSQLEntry
  private let connection: PostgreSQLConnection
  private let destination: PostgreSQLDestination
  private let move: TableMove
  private let archive: TableArchive
  private let token: RestoreToken
  let parts: [Range<UInt64>]?

  /// Reads the dump's table of contents, and checks programs, connection, and what is in the database.
  ///
  /// - Throws: `RestoreError`; `LaunchError`; what reading the dump throws.
  init(
    _ selection: TableSelection, of facts: DumpFacts, from dump: any StoredDump, to target: RestoreTarget,
    entry: PostgreSQLEntry, installations: PostgreSQLInstallations, context: HookContext
  ) throws {
    self.facts = facts
    self.entry = entry
    let identity = facts.identity
    try Self.check(facts, target, entry)
    let places = BlockPlaces(facts, dumpSize: dump.size)
    let contents = try Self.contents(of: dump, places, identity)
    let named = try TableNaming.tables(selection.names, of: TableEntries.tables(in: contents), identity)
    let tables = TableEntries(of: named, in: contents)
    let targets = try Self.targets(tables, selection, identity)
    if selection.replaces { try Self.refuseEmpty(tables.tables, contents, identity) }
    destination = try PostgreSQLDestination(
      target.databaseName ?? identity.database, connection: entry.connection, of: identity, context: context)
    guard destination.state != .missing else {
      throw RestoreError.refused(
        identity, problem: "there is no database '\(destination.name)' for a table to come to",
        suggestion: "Restore the database whole, without --table, or make one")
    }
    try PostgreSQLRestore.checkMoney(facts, destination, entry.connection, context)
    connection = try PostgreSQLRestore.client(facts, entry, destination, installations, context)
    let there = try TableDestination(
      targets, replaces: selection.replaces, in: destination, connection: entry.connection, of: identity,
      context: context)
    token = RestoreToken()
    move = TableMove(
      tables: zip(tables.tables, targets).map { TableMove.Table(source: $0, target: $1, replaced: there.standing[$1]) },
      places: Self.places(of: tables, token), serverMajor: destination.serverMajor ?? 0)
    do {
      archive = try TableArchive(tables, of: contents, places: move.places, end: move.statements)
    } catch {
      throw RestoreError.refused(identity, problem: error.text, suggestion: error.suggestion)
    }
    parts = places?.stretches(of: archive.blocks) ?? [UInt64(contents.size)..<dump.size]
  }

  // MARK: - What can be seen without a server

  /// No table of which the dump has no rows by its options takes the place of another.
  private static func refuseEmpty(
    _ tables: [RelationName], _ contents: CustomContents, _ identity: DumpIdentity
  ) throws(RestoreError) {
    let filled = Set(contents.entries.filter { $0.kind == "TABLE DATA" }.map(\.relation))
    let wanted = Set(tables).subtracting(filled)
    // Those that have only partitions have no rows of their own.
    let bare = contents.entries.first { entry in
      entry.kind == "TABLE" && wanted.contains(entry.relation)
        && !String(decoding: entry.definition, as: UTF8.self).holds("PARTITION BY")
    }
    guard let bare else { return }
    throw .refused(
      identity,
      problem: "the rows of '\(bare.relation.shown)' were left out of the dump, and those that are there would be gone",
      suggestion: "Leave --replace-tables out, and give it another name with --table-as")
  }

  private static func check(_ facts: DumpFacts, _ target: RestoreTarget, _ entry: PostgreSQLEntry) throws {
    let identity = facts.identity
    guard facts.has(PostgreSQLOptions.Format.custom), !identity.isGlobals else {
      throw RestoreError.refused(
        identity, problem: "tables can be chosen from dumps of format custom, and this one is \(facts.format)",
        suggestion: "Restore it whole under another name with --target-name, and bring the table's rows over from there"
      )
    }
    let others = [
      "--schema": !target[SharedChoices.schemas].isEmpty,
      "--continue-on-error": target[PostgreSQLChoices.continueOnError],
      "--restore-strategy": target[PostgreSQLChoices.strategy] != nil,
    ]
    if let flag = others.filter(\.value).keys.sorted().first {
      throw RestoreError.refused(
        identity, problem: "\(flag) and --table cannot be had together", suggestion: "Leave one of them out")
    }
    let options = entry.restoreOptions
    if let option = options.first(where: { RestoreWay.choosesPart($0) || RestoreWay.namesList($0) }) {
      throw RestoreError.refused(
        identity, problem: "'\(option)' in restore_options chooses a part of the dump, and so does --table",
        suggestion: "Take it out of restore_options")
    }
    if let option = options.first(where: { PostgreSQLRestore.leadsElsewhere($0, isPlain: false) }) {
      throw RestoreError.refused(
        identity, problem: "'\(option)' in restore_options says where to restore to, or not to restore at all",
        suggestion: "Leave it out; --target-name, --hostname and --port say where to")
    }
  }

  private static func contents(
    of dump: any StoredDump, _ places: BlockPlaces?, _ identity: DumpIdentity
  ) throws -> CustomContents {
    let limit = min(dump.size, UInt64(CustomContents.sizeLimit))
    var bytes: [UInt8] = []
    var wanted = min(places?.contentsSize ?? 1 << 16, limit)
    while true {
      bytes += try dump.read(UInt64(bytes.count)..<wanted)
      do {
        return try CustomContents(bytes)
      } catch .cut where wanted < limit {
        wanted = min(max(wanted, 1 << 16) * 2, limit)
      } catch {
        let text = if case .malformed(let text) = error { text } else { "it ends too early" }
        throw RestoreError.refused(
          identity, problem: "the dump's table of contents cannot be read: \(text)",
          suggestion: "Restore the database whole, under another name with --target-name")
      }
    }
  }

  /// What the tables are to be called; partitions come to the schema of what they are partitions of, if that is another one.
  private static func targets(
    _ tables: TableEntries, _ selection: TableSelection, _ identity: DumpIdentity
  ) throws -> [RelationName] {
    guard let newName = selection.newName else { return tables.tables }
    guard tables.named.count == 1, let table = tables.named.first else {
      throw RestoreError.refused(
        identity, problem: "\(tables.named.count) tables would be restored under the same name",
        suggestion: "Choose one with --table")
    }
    let target = try TableNaming.renamed(table, to: newName, identity)
    return tables.tables.map { other in
      guard other != table else { return target }
      return RelationName(schema: other.schema == table.schema ? target.schema : other.schema, name: other.name)
    }
  }

  private static func places(of tables: TableEntries, _ token: RestoreToken) -> [ServerText: ServerText] {
    var places: [ServerText: ServerText] = [:]
    for table in tables.tables where places[table.schema] == nil {
      places[table.schema] = ServerText("\(token.newName)_\(places.count)")
    }
    return places
  }

  // MARK: - Telling

  var summary: String {
    let tables = move.tables.map { table in
      let source = Quoting.terminal(table.source.shown)
      let name = table.source == table.target ? source : "\(source) as \(Quoting.terminal(table.target.shown))"
      return table.replaced == nil ? name : "\(name), in place of the one that is there"
    }
    return "\(tables.joined(separator: "; ")) of \(facts.identity.title) -> '\(destination.name)' at "
      + "\(connection.place) (in one transaction, with \(companions))"
  }

  /// What comes along, by the entries' kinds.
  private var companions: String {
    let kinds: [(one: String, several: String, kinds: [String])] = [
      ("index", "indexes", ["INDEX"]), ("constraint", "constraints", ["CONSTRAINT", "CHECK CONSTRAINT"]),
      ("foreign key", "foreign keys", ["FK CONSTRAINT"]), ("trigger", "triggers", ["TRIGGER"]),
      ("sequence", "sequences", ["SEQUENCE"]), ("rule", "rules", ["RULE"]), ("policy", "policies", ["POLICY"]),
    ]
    let told = kinds.compactMap { kind -> String? in
      let count = kind.kinds.reduce(0) { $0 + (archive.counts[$1] ?? 0) }
      return count == 0 ? nil : "\(count) \(count == 1 ? kind.one : kind.several)"
    }
    return told.isEmpty ? "its rows only" : told.joined(separator: ", ")
  }

  func content(of dump: DumpContent) -> DumpContent? {
    let names = move.tables.map { TableNaming.spellings($0.source) }
    let tables = dump.tables.filter { table in names.contains { $0.contains { $0.isSame(as: table.name) } } }
    return DumpContent(tables: tables)
  }

  var wantsFolder: Bool { false }

  // MARK: - Running

  func start(folder: String?, context: HookContext) throws -> any RunningRestore {
    let job = RestoreJob(
      facts: facts, entry: entry, connection: connection, destination: destination, schemas: [], timescale: nil,
      continuesOnErrors: false, token: token, context: context)
    return try PostgreSQLRunningTableRestore(job, archive, into: move.tables.map(\.target))
  }
}
