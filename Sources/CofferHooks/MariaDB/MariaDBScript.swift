import CofferSystem

/// Takes a dump apart while it streams by: what is loaded into scratch databases at once, and what can only be run once
/// the tables are where they are to stay.
struct MariaDBScript {
  /// One of the dump's databases.
  struct Database: Sendable, Equatable {
    let name: String
    /// How else the dump spells it: a server that takes `Shop` for `shop` writes both.
    fileprivate(set) var spellings: Set<ExactName>
    /// What it is to be called, as the server spells it.
    let target: String
    let scratch: String
    let aside: String
    /// Whether the dump says what the database is created with: character set, collation.
    fileprivate(set) var hasProperties = false
    /// Whether the dump drops the database, and with it what it does not know itself.
    fileprivate(set) var replaces = false
    /// Names that the dump uses for views.
    fileprivate(set) var views: Set<ExactName> = []
    /// Names of the tables and sequences that it makes.
    fileprivate(set) var tables: Set<ExactName> = []
  }

  /// A view, trigger, routine or event, or what changes the session for them, ready for the target.
  struct StoredProgram: Sendable {
    /// What it is about; nil for what changes the session.
    let object: ProgramName?
    let statement: MariaDBStatement
  }

  /// How a dump is to be read.
  struct Rules: Sendable {
    /// What is the run's own in the names of its databases.
    var mark: String
    /// Whether it is of one database, whose name may be spelled in several ways.
    var isOfOne = false
    /// Whether it may hold users and rights.
    var takesAccounts = false
    /// Whether the server takes names that differ in case only for the same.
    var foldsCase = false
    /// Whether views of one database only are made in the scratch databases too.
    var rehearsesViews = false
    var seal = SealedScript.Seal.immediate
    /// Whether events are left out: where a server would run them.
    var leavesEvents = false
    /// Whether accounts that programs act for are made where they are missing: on a server that is thrown away.
    var makesDefiners = false
    /// Whether views and functions act for whoever asks: in a place that those whom they act for may have no rights to.
    var actsForInvokers = false
    /// Whether tables' files are where the server has its own, wherever the dump has them: where what is restored is thrown away.
    var leavesDirectories = false
    /// Whether rights on what is not there are only counted: where accounts are tried without the databases.
    var countsMissingRights = false
    /// Which tables are restored; nil for all that the dump has.
    var tables: MariaDBTableChoice?
    /// Tells databases of which tables were left out of the dump: what it does not know stays, whatever the dump says.
    var isPart: @Sendable (String) -> Bool = { _ in false }
    /// Gives the name that a database of the dump is restored under.
    var target: @Sendable (String) throws -> String = { $0 }
  }

  private(set) var databases: [Database] = []
  /// Views, triggers, routines and events, and what changes the session for them, for the targets.
  private(set) var programs: [StoredProgram] = []
  /// What of them is tried in the scratch databases, once all rows are there: a dump that was changed could have a
  /// trigger or a view that does something with the rows behind it.
  private(set) var rehearsals: [MariaDBStatement] = []
  private(set) var accounts: [MariaDBStatement] = []
  /// Databases of the server's own, which are left alone.
  private(set) var passedOver: Set<ExactName> = []
  /// Programs that name the database they come from although they go into another.
  private(set) var leadingBack: [ProgramName] = []
  var isComplete: Bool { splitter.isComplete }
  /// Whether the dump program seems to have written down a view that failed; what stands behind that may be anybody's.
  var holdsFailedView: Bool { splitter.holdsFailedView }
  /// Whether all that came is whole statements.
  var isBetweenStatements: Bool { splitter.isBetweenStatements }
  /// Which tables are restored; nil for all that the dump has.
  var tables: MariaDBTableChoice? { rules.tables }

  private let rules: Rules
  private var splitter = StatementSplitter()
  /// Settings that came before there was anything to load.
  private var preamble: [MariaDBStatement] = []
  private var current: Int?
  private var isPassingOver = false
  private var dropped: Set<ExactName> = []
  private(set) var hasRehearsals = false
  /// What makes room for the next view: where that is not tried, the one that holds its place stays for others.
  private var drops: [MariaDBStatement] = []
  private var filter: MariaDBTableFilter?

  private static let systemDatabases: Set<String> = ["mysql", "sys", "information_schema", "performance_schema"]

  static func isSystem(_ database: String) -> Bool { systemDatabases.contains(database.asciiLowercased) }

  init(_ rules: Rules) {
    self.rules = rules
    filter = rules.tables.map { MariaDBTableFilter($0) }
  }

  /// Takes the next bytes of the dump; `load` gets what is for the scratch databases.
  ///
  /// - Throws: `StatementSplitter.Unreadable`; `SealedScript.Ambiguous`; what `load` throws.
  mutating func feed(_ bytes: UnsafeRawBufferPointer, load: (UnsafeRawBufferPointer) throws -> Void) throws {
    // Taken out while it calls back, because the callback changes the rest of this value.
    var splitter = self.splitter
    self.splitter = StatementSplitter()
    defer { self.splitter = splitter }
    try splitter.feed(bytes) { piece in
      switch piece {
      case .statement(let statement):
        let passed = filter == nil ? statement : filter?.passing(statement)
        if let passed { try take(passed) { try $0.withUnsafeBytes(load) } }
      case .rows(let rows, let mode):
        guard !isPassingOver else { return }
        guard current != nil else { throw Self.noDatabase }
        if filter == nil { try load(rows) } else { try filter?.take(rows: rows, mode, emit: load) }
      case .endOfRows:
        guard try !isPassingOver && (filter == nil || filter?.endRows() == true) else { return }
        try Array(";\n".utf8).withUnsafeBytes(load)
      }
    }
  }

  private static let noDatabase = StatementSplitter.Unreadable(
    problem: "it holds tables without saying of which database")

  private mutating func take(_ statement: MariaDBStatement, load: ([UInt8]) throws -> Void) throws {
    switch statement.kind {
    case .setting:
      programs.append(StoredProgram(object: nil, statement: statement))
      rehearsals.append(statement)
      foldSettings()
      if databases.isEmpty { preamble.append(statement) } else { try load(sealed(statement)) }
    case .database(let verb, let name): try take(verb, name.text, statement, load)
    case .account:
      guard rules.takesAccounts else {
        throw Self.unexpected(statement, "it is about accounts, and not of the database")
      }
      accounts.append(statement)
    case .omitted: break
    case .unknown: throw Self.unexpected(statement, "no dump program writes it")
    case .table, .view, .trigger, .routine, .event:
      guard !isPassingOver, !rules.leavesEvents || statement.kind != .event else { return }
      guard let current else { throw Self.noDatabase }
      try take(object: statement, of: current, load)
    }
  }

  /// Dumps keep and set the character set around every table, each time in the same words. Once is enough where nothing
  /// comes in between: with thousands of tables a swap would take long over it.
  private mutating func foldSettings() {
    let count = 3
    let last = programs.suffix(count * 2).map(\.statement)
    guard programs.suffix(count * 2).allSatisfy({ $0.object == nil }), last.count == count * 2,
      Array(last.prefix(count)) == Array(last.suffix(count)), SettingAssignment.isCycle(last.suffix(count)),
      rehearsals.suffix(count * 2) == last[...]
    else { return }
    programs.removeLast(count)
    rehearsals.removeLast(count)
  }

  private mutating func take(
    object statement: MariaDBStatement, of current: Int, _ load: ([UInt8]) throws -> Void
  ) throws {
    let statement = rules.leavesDirectories ? statement.withoutDirectories : statement
    let database = databases[current]
    let isOwn = isOwn(database)
    guard statement.headQualifiers.allSatisfy({ isOwn($0.name) }) else {
      throw Self.unexpected(statement, "it is about another database than '\(database.name)'")
    }
    guard statement.kind != .table || !statement.namesOtherTables else {
      throw Self.unexpected(statement, "it leads to tables of another database")
    }
    let isTried = isForScratch(statement, isOwn)
    // Of single tables, sequences do not come along.
    let isOfTable = statement.kind == .table && rules.tables != nil
    let tried = statement.moved(to: isOfTable ? database.target : database.scratch, isOwn: isOwn).asInvoker()
    if statement.kind == .table {
      try load(sealed(tried))
    } else if statement.kind == .view, statement.lexemes.all.first?.isWord("DROP") == true {
      if isTried { drops.append(tried) }
    } else {
      let before = statement.kind == .view ? drops : []
      if isTried { rehearsals += before + [tried] }
      if statement.kind == .view { drops = [] }
      hasRehearsals = hasRehearsals || isTried
    }
    let object = ProgramName(statement, in: database.target)
    if statement.kind == .table {
      if statement.lexemes.all.first?.isWord("CREATE") == true, let object {
        databases[current].tables.insert(ExactName(object.name))
      }
      return
    }
    if statement.kind == .view, let object { databases[current].views.insert(ExactName(object.name)) }
    let isMoving =
      rules.foldsCase
      ? !isOwn(database.target) : !database.spellings.allSatisfy { $0.text.isSame(as: database.target) }
    if isMoving, statement.kind != .view, let object {
      // What its head says of the database is taken out.
      let moved = statement.moved(to: database.target, isOwn: isOwn)
      let isOther = { (name: String) in isOwn(name) && !name.isSame(as: database.target) }
      if moved.mentions(isOther), !leadingBack.contains(object) { leadingBack.append(object) }
    }
    let placed = isMoving ? statement.moved(to: database.target, isOwn: isOwn) : statement
    programs.append(StoredProgram(object: object, statement: rules.actsForInvokers ? placed.asInvoker() : placed))
  }

  private func isForScratch(_ statement: MariaDBStatement, _ isOwn: (String) -> Bool) -> Bool {
    switch statement.kind {
    case .table, .trigger, .routine: true
    // What reads other databases may need what is restored later; it is tried in the swap.
    case .view: rules.rehearsesViews && !ViewNames(statement.lexemes.all).reachesOut(isOwn)
    default: false
    }
  }

  private func isOwn(_ database: Database) -> (String) -> Bool {
    let folds = rules.foldsCase
    let folded = database.name.lowercased()
    return { name in
      database.spellings.contains(ExactName(name)) || (folds && name.lowercased().isSame(as: folded))
    }
  }

  /// Finds the database that a name means.
  private func index(of name: String) -> Int? {
    databases.firstIndex {
      $0.name.isSame(as: name) || (rules.isOfOne && $0.name.lowercased().isSame(as: name.lowercased()))
    }
  }

  private func sealed(_ statement: MariaDBStatement) throws -> [UInt8] {
    try SealedScript.sealed(statement, rules.seal)
  }

  private static func unexpected(_ statement: MariaDBStatement, _ why: String) -> StatementSplitter.Unreadable {
    StatementSplitter.Unreadable(problem: "it holds '\(statement.head)': \(why)")
  }

  // MARK: - Databases

  private mutating func take(
    _ verb: MariaDBStatement.Verb, _ name: String, _ statement: MariaDBStatement, _ load: ([UInt8]) throws -> Void
  ) throws {
    isPassingOver = Self.isSystem(name)
    guard !isPassingOver else {
      passedOver.insert(ExactName(name))
      return
    }
    switch verb {
    case .drop: dropped.insert(ExactName(rules.isOfOne ? name.lowercased() : name))
    case .create: try create(name, by: statement, load)
    case .use:
      let index = try index(of: name) ?? create(name, by: nil, load)
      databases[index].spellings.insert(ExactName(name))
      current = index
      try load(Self.use(databases[index].scratch))
      rehearsals.append(Self.useStatement(databases[index].scratch))
      programs.append(StoredProgram(object: nil, statement: Self.useStatement(databases[index].target)))
    case .alter:
      guard let database = index(of: name).map({ databases[$0] }) else { return }
      try load(sealed(statement.renamingFirstName(to: database.scratch)))
      rehearsals.append(statement.renamingFirstName(to: database.scratch))
      programs.append(StoredProgram(object: nil, statement: statement.renamingFirstName(to: database.target)))
    }
  }

  @discardableResult
  private mutating func create(
    _ name: String, by statement: MariaDBStatement?, _ load: ([UInt8]) throws -> Void
  ) throws -> Int {
    if databases.isEmpty { for setting in preamble { try load(sealed(setting)) } }
    let number = databases.count + 1
    var database = Database(
      name: name, spellings: [ExactName(name)], target: try rules.target(name),
      scratch: MariaDBScratch.name(rules.mark, number, .new),
      aside: MariaDBScratch.name(rules.mark, number, .old))
    database.hasProperties = statement != nil
    database.replaces = dropped.contains(ExactName(rules.isOfOne ? name.lowercased() : name)) && !rules.isPart(name)
    databases.append(database)
    if let statement {
      // `IF NOT EXISTS` is left out: what is dropped in the end must be what was made here.
      try load(sealed(statement.renamingFirstName(to: database.scratch).withoutIfNotExists))
    } else {
      try load(Array("CREATE DATABASE \(Quoting.mariadbIdentifier(database.scratch));\n".utf8))
    }
    return databases.count - 1
  }

  private static func use(_ name: String) -> [UInt8] {
    Array("USE \(Quoting.mariadbIdentifier(name));\n".utf8)
  }

  private static func useStatement(_ name: String) -> MariaDBStatement {
    MariaDBStatement("USE \(Quoting.mariadbIdentifier(name))")
  }
}

/// What a statement of a view, trigger, routine or event is about.
struct ProgramName: Hashable, Sendable {
  /// VIEW, TRIGGER, FUNCTION, PROCEDURE, PACKAGE, PACKAGE BODY, EVENT.
  let type: String
  let database: String
  let name: String

  private static let types: Set<String> = [
    "VIEW", "TRIGGER", "FUNCTION", "PROCEDURE", "PACKAGE", "EVENT", "TABLE", "SEQUENCE",
  ]

  init(type: String, database: String, name: String) {
    self.type = type
    self.database = database
    self.name = name
  }

  /// - Returns: nil for a statement without a name.
  init?(_ statement: MariaDBStatement, in database: String) {
    let words = statement.lexemes.words
    guard let index = words.firstIndex(where: Self.types.contains), let name = statement.objectName(after: Self.types)
    else { return nil }
    let isBody = words[index] == "PACKAGE" && words.dropFirst(index + 1).first == "BODY"
    // Dumps keep a view's place by a table.
    let isTable = words[index] == "TABLE" && statement.kind == .view
    self.init(type: isBody ? "PACKAGE BODY" : isTable ? "VIEW" : words[index], database: database, name: name)
  }

  var title: String { "\(type.lowercased()) \(name)" }

  var quoted: String { Quoting.mariadbIdentifier(database) + "." + Quoting.mariadbIdentifier(name) }

  private var key: [ExactName] { [ExactName(type), ExactName(database), ExactName(name)] }

  static func == (left: ProgramName, right: ProgramName) -> Bool { left.key == right.key }
  func hash(into hasher: inout Hasher) { hasher.combine(key) }
}

extension MariaDBStatement {
  /// The statement about another database than the one it names first.
  fileprivate func renamingFirstName(to other: String) -> MariaDBStatement {
    guard let first = lexemes.all.first(where: { $0.name != nil }) else { return self }
    return replacing([(first.range, Quoting.mariadbIdentifier(other))])
  }

  fileprivate var withoutIfNotExists: MariaDBStatement {
    let all = lexemes.all
    guard let index = all.firstIndex(where: { $0.isWord("IF") }), index + 2 < all.count,
      all[index + 1].isWord("NOT"), all[index + 2].isWord("EXISTS")
    else { return self }
    return replacing([(all[index].range.lowerBound..<all[index + 2].range.upperBound, "")])
  }
}
