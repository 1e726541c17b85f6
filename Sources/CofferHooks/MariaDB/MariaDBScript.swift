/// Takes a dump apart while it streams by: what is loaded into scratch databases at once, and what can only be run once
/// the tables are where they are to stay.
struct MariaDBScript {
  /// One of the dump's databases.
  struct Database: Sendable, Equatable {
    let name: String
    /// What it is to be called.
    let target: String
    let scratch: String
    let aside: String
    /// The end of the statement that creates it: character set, collation.
    fileprivate(set) var properties: String?
    /// Whether the dump drops the database, and with it what it does not know itself.
    fileprivate(set) var replaces = false
    /// Names that the dump uses for views.
    fileprivate(set) var views: Set<String> = []
  }

  /// A dump with tables before the first database.
  struct NoDatabase: Error, Equatable {}

  private(set) var databases: [Database] = []
  /// Views, triggers, routines and events, and what changes the session for them, for the targets.
  private(set) var programs: [UInt8] = []
  private(set) var hasPrograms = false
  private(set) var accounts: [MariaDBStatement] = []
  /// Databases of the server's own, which are left alone.
  private(set) var passedOver: Set<String> = []
  var isComplete: Bool { splitter.isComplete }

  private let mark: String
  private let target: (String) -> String
  private let rehearsesViews: Bool
  private var splitter = StatementSplitter()
  /// Settings that came before there was anything to load.
  private var preamble: [UInt8] = []
  private var current: Int?
  private var isPassingOver = false
  private var dropped: Set<String> = []

  private static let systemDatabases: Set<String> = ["mysql", "sys", "information_schema", "performance_schema"]

  static func isSystem(_ database: String) -> Bool { systemDatabases.contains(database.lowercased()) }

  /// - Parameters:
  ///   - rehearsesViews: Whether views are made in the scratch databases too; they can only be if they are of no other
  ///     database of the dump.
  ///   - target: Gives the name to restore a database under.
  init(mark: String, rehearsesViews: Bool, target: @escaping (String) -> String) {
    self.mark = mark
    self.rehearsesViews = rehearsesViews
    self.target = target
  }

  /// Takes the next bytes of the dump; `load` gets what is for the scratch databases.
  ///
  /// - Throws: `NoDatabase`; what `load` throws.
  mutating func feed(_ bytes: UnsafeRawBufferPointer, load: (UnsafeRawBufferPointer) throws -> Void) throws {
    // Taken out while it calls back, because the callback changes the rest of this value.
    var splitter = self.splitter
    self.splitter = StatementSplitter()
    defer { self.splitter = splitter }
    try splitter.feed(bytes) { piece in
      switch piece {
      case .statement(let statement): try take(statement) { try $0.withUnsafeBytes(load) }
      case .rows(let rows):
        guard !isPassingOver else { return }
        guard current != nil else { throw NoDatabase() }
        try load(rows)
      case .endOfRows:
        guard !isPassingOver else { return }
        try Array(";\n".utf8).withUnsafeBytes(load)
      }
    }
  }

  private mutating func take(_ statement: MariaDBStatement, load: ([UInt8]) throws -> Void) throws {
    let kind = statement.kind
    switch kind {
    case .setting:
      let script = statement.script
      programs += script
      if databases.isEmpty { preamble += script } else { try load(script) }
    case .database(let verb, let name): try take(verb, name, statement, load)
    case .account: accounts.append(statement)
    case .omitted: break
    case .table, .view, .trigger, .routine, .event:
      guard !isPassingOver else { return }
      guard let current else { throw NoDatabase() }
      let database = databases[current]
      let isForScratch =
        kind == .table || kind == .trigger || kind == .routine || (kind == .view && rehearsesViews)
      if isForScratch {
        try load(statement.moved(from: database.name, to: database.scratch).script)
      }
      guard kind != .table else { return }
      if kind == .view, let name = statement.droppedName { databases[current].views.insert(name) }
      hasPrograms = true
      programs += statement.moved(from: database.name, to: database.target).script
    }
  }

  // MARK: - Databases

  private mutating func take(
    _ verb: MariaDBStatement.Verb, _ name: String, _ statement: MariaDBStatement, _ load: ([UInt8]) throws -> Void
  ) throws {
    isPassingOver = Self.isSystem(name)
    guard !isPassingOver else {
      passedOver.insert(name)
      return
    }
    switch verb {
    case .drop: dropped.insert(name)
    case .create: try create(name, properties: statement.textAfterName(name), load)
    case .use:
      let index = try databases.firstIndex { $0.name == name } ?? create(name, properties: nil, load)
      current = index
      try load(Self.use(databases[index].scratch))
      programs += Self.use(databases[index].target)
    case .alter:
      guard let database = databases.first(where: { $0.name == name }) else { return }
      try load(statement.renaming(name, to: database.scratch).script)
      programs += statement.renaming(name, to: database.target).script
    }
  }

  @discardableResult
  private mutating func create(
    _ name: String, properties: String?, _ load: ([UInt8]) throws -> Void
  ) throws -> Int {
    if databases.isEmpty { try load(preamble) }
    let number = databases.count + 1
    var database = Database(
      name: name, target: target(name), scratch: MariaDBScratch.name(mark, number, .new),
      aside: MariaDBScratch.name(mark, number, .old))
    database.properties = properties
    database.replaces = dropped.contains(name)
    databases.append(database)
    let scratch = MariaDBConnection.quotedIdentifier(database.scratch)
    try load(Array("CREATE DATABASE \(scratch) \(properties ?? "");\n".utf8))
    return databases.count - 1
  }

  private static func use(_ name: String) -> [UInt8] {
    Array("USE \(MariaDBConnection.quotedIdentifier(name));\n".utf8)
  }
}

extension MariaDBStatement {
  /// What follows the first mention of a name.
  fileprivate func textAfterName(_ name: String) -> String {
    let text = String(decoding: text, as: UTF8.self)
    let spelling = MariaDBConnection.quotedIdentifier(name)
    return text.firstRange(of: spelling).map { String(text[$0.upperBound...]) } ?? ""
  }

  /// The name that a DROP is about.
  fileprivate var droppedName: String? {
    let tokens = SQLTokens(text.prefix(200))
    return tokens.words.first == "DROP" ? tokens.firstName : nil
  }
}
