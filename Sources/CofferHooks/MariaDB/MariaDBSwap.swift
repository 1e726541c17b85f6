/// How what was loaded takes the place of what is there: scripts that a client runs by itself.
///
/// MariaDB has no transaction around such statements, but one RENAME TABLE of all tables is all or nothing. It refuses
/// tables with triggers, and views, routines and events cannot be renamed into another database: those are dropped and
/// made anew around it. Whatever fails, `undo` brings back what was there.
struct MariaDBSwap {
  private let databases: [MariaDBScript.Database]
  private let catalogue: MariaDBCatalogue
  private let programs: [UInt8]
  private let oldPrograms: [UInt8]

  /// - Parameters:
  ///   - catalogue: Of targets and scratch databases, once all is loaded.
  ///   - programs: The dump's.
  ///   - oldPrograms: The targets'.
  init(
    _ databases: [MariaDBScript.Database], catalogue: MariaDBCatalogue, programs: [UInt8], oldPrograms: [UInt8]
  ) {
    self.databases = databases
    self.catalogue = catalogue
    self.programs = programs
    self.oldPrograms = oldPrograms
  }

  private typealias Object = MariaDBCatalogue.Object
  private typealias Move = (from: Object, to: Object)

  /// Waiting for other sessions' transactions is limited, because everybody else waits behind it.
  private static let preamble = """
    SET SESSION lock_wait_timeout = 20, FOREIGN_KEY_CHECKS = 0, SQL_NOTES = 0, SQL_MODE = '';

    """

  /// What puts the new in the old one's place.
  var script: [UInt8] {
    var text = Self.preamble
    for database in databases {
      text += "CREATE DATABASE IF NOT EXISTS \(Self.quoted(database.target)) \(properties(database) ?? "");\n"
      if !putAside(database).isEmpty { text += "CREATE DATABASE \(Self.quoted(database.aside));\n" }
    }
    let moved = Set(databases.flatMap(putAside).map(\.from))
    let scratches = Set(databases.map(\.scratch))
    for trigger in catalogue.triggers {
      let table = Object(database: trigger.object.database, name: trigger.table)
      if moved.contains(table) || scratches.contains(table.database) { text += Self.drop("TRIGGER", trigger.object) }
    }
    let places = Set(databases.flatMap(putInPlace).map(\.to))
    text += catalogue.views.filter(places.contains).map { Self.drop("VIEW", $0) }.joined()
    text += Self.rename(databases.flatMap { putAside($0) + putInPlace($0) })
    for database in databases where database.replaces {
      text += dropPrograms(of: database.target, catalogue)
      if let properties = properties(database) {
        text += "ALTER DATABASE \(Self.quoted(database.target)) \(properties);\n"
      }
    }
    return Array((text + sequenceDefaults + foreignKeys).utf8) + programs
  }

  /// What brings back the old, however far the script got.
  ///
  /// - Parameter now: Of targets and scratch databases, as the script left them.
  func undo(_ now: MariaDBCatalogue) -> [UInt8] {
    var text = Self.preamble
    let targets = databases.map(\.target)
    for trigger in now.triggers where targets.contains(trigger.object.database) {
      text += Self.drop("TRIGGER", trigger.object)
    }
    let existing = Set(now.tables)
    let moves = databases.flatMap { putAside($0) + putInPlace($0) }.reversed().map { (from: $0.to, to: $0.from) }
    // All tables are there where the RENAME puts them, or none is.
    if let first = moves.first, existing.contains(first.from), !existing.contains(first.to) {
      text += Self.rename(moves)
      text += foreignKeys(inOtherDatabasesOnly: true)
    }
    for target in targets {
      guard let properties = catalogue.properties[target] else {
        text += "DROP DATABASE IF EXISTS \(Self.quoted(target));\n"
        continue
      }
      text += dropPrograms(of: target, now)
      text += "ALTER DATABASE \(Self.quoted(target)) \(properties);\n"
    }
    return Array(text.utf8) + oldPrograms
  }

  /// Whether everything that was set aside is back.
  ///
  /// - Parameter now: As `undo` left it.
  func isUndone(_ now: MariaDBCatalogue) -> Bool {
    let asides = Set(databases.map(\.aside))
    return !now.tables.contains { asides.contains($0.database) }
  }

  /// What removes databases that a restore worked in.
  static func cleanup(_ databases: [String]) -> String {
    preamble + databases.map { "DROP DATABASE IF EXISTS \(quoted($0));\n" }.joined()
  }

  /// What the dump says of the database, as the server has understood it.
  private func properties(_ database: MariaDBScript.Database) -> String? {
    database.properties == nil ? nil : catalogue.properties[database.scratch]
  }

  // MARK: - Tables

  /// The old tables that make room: all, or those whose names the dump uses.
  private func putAside(_ database: MariaDBScript.Database) -> [Move] {
    let names = Set(tables(of: database.scratch).map(\.name)).union(database.views)
    return tables(of: database.target).filter { database.replaces || names.contains($0.name) }
      .map { ($0, Object(database: database.aside, name: $0.name)) }
  }

  private func putInPlace(_ database: MariaDBScript.Database) -> [Move] {
    tables(of: database.scratch).map { ($0, Object(database: database.target, name: $0.name)) }
  }

  private func tables(of database: String) -> [Object] {
    catalogue.tables.filter { $0.database == database }
  }

  private static func rename(_ moves: some Collection<Move>) -> String {
    guard !moves.isEmpty else { return "" }
    return "RENAME TABLE " + moves.map { "\($0.from.quoted) TO \($0.to.quoted)" }.joined(separator: ", ") + ";\n"
  }

  /// Defaults that name a sequence in a scratch database name the one that came with them.
  private var sequenceDefaults: String {
    databases.map { database in
      catalogue.sequenceDefaults.filter { $0.table.database == database.scratch }.map { found in
        let table = Object(database: database.target, name: found.table.name)
        let expression = found.expression.replacing(
          Self.quoted(database.scratch) + ".", with: Self.quoted(database.target) + ".")
        return "ALTER TABLE \(table.quoted) ALTER COLUMN \(Self.quoted(found.column)) SET DEFAULT (\(expression));\n"
      }
      .joined()
    }
    .joined()
  }

  private var foreignKeys: String { foreignKeys(inOtherDatabasesOnly: false) }

  private func foreignKeys(inOtherDatabasesOnly: Bool) -> String {
    let byScratch = Dictionary(databases.map { ($0.scratch, $0.target) }, uniquingKeysWith: { first, _ in first })
    let targets = Set(databases.map(\.target))
    return catalogue.foreignKeys.filter { targets.contains($0.referenced.database) }.map { key in
      if let target = byScratch[key.table.database] {
        return inOtherDatabasesOnly ? "" : key.renewal(on: Object(database: target, name: key.table.name))
      }
      // A key of a table that makes room itself needs no mending.
      return targets.contains(key.table.database) ? "" : key.renewal(on: key.table)
    }
    .joined()
  }

  // MARK: - Views, routines, events

  private func dropPrograms(of database: String, _ catalogue: MariaDBCatalogue) -> String {
    let events = catalogue.events.filter { $0.database == database }.map { Self.drop("EVENT", $0) }
    let views = catalogue.views.filter { $0.database == database }.map { Self.drop("VIEW", $0) }
    let routines = catalogue.routines.filter { $0.object.database == database }.map { routine in
      let drop = Self.drop(routine.type, routine.object)
      // A word of Oracle's language, which no other mode knows.
      return routine.type.hasPrefix("PACKAGE") ? "SET sql_mode = 'ORACLE';\n\(drop)SET sql_mode = '';\n" : drop
    }
    return (events + views + routines).joined()
  }

  private static func drop(_ type: String, _ object: Object) -> String {
    "DROP \(type) IF EXISTS \(object.quoted);\n"
  }

  private static func quoted(_ name: String) -> String { MariaDBConnection.quotedIdentifier(name) }
}
