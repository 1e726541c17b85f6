import CofferSystem

/// How what was loaded takes the place of what is there: scripts that a client runs by itself.
///
/// MariaDB has no transaction around such statements, but one RENAME TABLE of all tables is all or nothing. It refuses
/// tables with triggers, and views, routines and events cannot be renamed into another database: those are dropped and
/// made anew around it. Whatever fails, `MariaDBUndo` brings back what was there.
struct MariaDBSwap {
  typealias Object = MariaDBCatalogue.Object
  typealias Move = (from: Object, to: Object)

  let databases: [MariaDBScript.Database]
  /// Of targets and scratch databases, once all is loaded.
  let catalogue: MariaDBCatalogue
  /// The dump's.
  let programs: [MariaDBScript.StoredProgram]
  /// The dump's names for views, as the server compares them.
  let viewKeys: [ExactName: ExactName]
  let seal: SealedScript.Seal
  /// Whether only some tables of a dump are restored: what they refer to besides stays where it is.
  var isOfTables = false
  /// What the only table is to be called in its target; nil for its own name.
  var newName: Object?

  /// Waiting for other sessions' transactions is limited, because everybody else waits behind it.
  static let preamble = """
    SET SESSION lock_wait_timeout = 20, FOREIGN_KEY_CHECKS = 0, SQL_NOTES = 0, SQL_MODE = '';

    """

  /// What puts the new in the old one's place. The targets are there.
  ///
  /// - Throws: `SealedScript.Ambiguous`.
  func script() throws(SealedScript.Ambiguous) -> SealedScript {
    // Held as long as the server works on it, even when nobody waits for it any more.
    var text = Self.preamble + "DO GET_LOCK(\(Quoting.mariadbLiteral(databases[0].scratch)), 0);\n"
    for database in databases where !putAside(database).isEmpty {
      text += "CREATE DATABASE \(Quoting.mariadbIdentifier(database.aside));\n"
    }
    let moved = Set(databases.flatMap(putAside).map(\.from))
    let scratches = scratches
    for trigger in catalogue.triggers
    where moved.contains(trigger.table) || scratches.contains(ExactName(trigger.table.database)) {
      text += Self.drop(trigger.name)
    }
    let places = Set(databases.flatMap(putInPlace).map(\.to))
    text += catalogue.views.filter(places.contains).map { "DROP VIEW IF EXISTS \($0.quoted);\n" }.joined()
    // Names of keys are those of the database: a table of another name comes without any, also of those that lead to a
    // database in which nothing is restored.
    if newName != nil {
      let keys = ofScratches(catalogue.foreignKeys + catalogue.leavingForeignKeys)
      text += keys.map { $0.removal(on: $0.table) }.joined()
    }
    text += Self.rename(databases.flatMap { putAside($0) + putInPlace($0) })
    for database in databases where database.replaces {
      text += catalogue.programs.filter { $0.type != "TRIGGER" && $0.database.isSame(as: database.target) }
        .map(Self.drop).joined()
      if let properties = properties(database) {
        text += "ALTER DATABASE \(Quoting.mariadbIdentifier(database.target)) \(properties);\n"
      }
    }
    var script = SealedScript(seal)
    script.append(own: text + sequenceDefaults + foreignKeys(inOtherDatabasesOnly: false))
    for program in programs { try script.append(program.statement) }
    return script
  }

  /// What makes a target that is missing. It fails when the target is there all the same, so that what was made is
  /// known to be ours.
  func creation(of database: MariaDBScript.Database) -> SealedScript {
    var script = SealedScript(seal)
    script.append(
      own: "CREATE DATABASE \(Quoting.mariadbIdentifier(database.target)) \(properties(database) ?? "");\n")
    return script
  }

  /// What removes databases that a restore worked in.
  static func cleanup(_ databases: [String], seal: SealedScript.Seal) -> SealedScript {
    var script = SealedScript(seal)
    script.append(
      own: preamble + databases.map { "DROP DATABASE IF EXISTS \(Quoting.mariadbIdentifier($0));\n" }.joined())
    return script
  }

  /// What the dump says of the database, as the server has understood it.
  private func properties(_ database: MariaDBScript.Database) -> String? {
    database.hasProperties ? catalogue.properties[ExactName(database.scratch)] : nil
  }

  // MARK: - Tables

  /// Where the tables go, in the order in which they do.
  var moves: [Move] { databases.flatMap { putAside($0) + putInPlace($0) } }

  /// The old tables that make room: all, or those whose names the dump uses.
  private func putAside(_ database: MariaDBScript.Database) -> [Move] {
    let views = database.views.map { viewKeys[$0] ?? $0 }
    let names = Set(putInPlace(database).map(\.to.key)).union(views)
    return tables(of: database.target).filter { database.replaces || names.contains($0.key) }
      .map { ($0, Object(database: database.aside, name: $0.name, key: $0.key)) }
  }

  private func putInPlace(_ database: MariaDBScript.Database) -> [Move] {
    tables(of: database.scratch).map { table in
      (table, newName ?? Object(database: database.target, name: table.name, key: table.key))
    }
  }

  /// The tables of the targets that make room.
  var standing: [Object] { databases.flatMap(putAside).map(\.from) }

  private var scratches: Set<ExactName> { Set(databases.map { ExactName($0.scratch) }) }

  /// Those of tables that are in scratch databases.
  private func ofScratches(_ keys: [MariaDBForeignKey]) -> [MariaDBForeignKey] {
    let scratches = scratches
    return keys.filter { scratches.contains(ExactName($0.table.database)) }
  }

  private func tables(of database: String) -> [Object] {
    catalogue.tables.filter { $0.database.isSame(as: database) }
  }

  static func rename(_ moves: [Move]) -> String {
    guard !moves.isEmpty else { return "" }
    return "RENAME TABLE " + moves.map { "\($0.from.quoted) TO \($0.to.quoted)" }.joined(separator: ", ") + ";\n"
  }

  /// Defaults that name a sequence in a scratch database name the one that came with them.
  private var sequenceDefaults: String {
    // A single table's name the one of its target already.
    newName != nil
      ? ""
      : databases.map { database in
        catalogue.sequenceDefaults.filter { $0.table.database.isSame(as: database.scratch) }.map { found in
          let table = Object(database: database.target, name: found.table.name)
          let isOwn = found.sequence.database.isSame(as: database.scratch)
          let sequence = isOwn ? Object(database: database.target, name: found.sequence.name) : found.sequence
          return "ALTER TABLE \(table.quoted) ALTER COLUMN \(Quoting.mariadbIdentifier(found.column)) "
            + "SET DEFAULT (nextval(\(sequence.quoted)));\n"
        }
        .joined()
      }
      .joined()
  }

  /// - Parameter mayBeGone: Whether keys may have been dropped already, on a server of MariaDB.
  func foreignKeys(inOtherDatabasesOnly: Bool, mayBeGone: Bool = false) -> String {
    let targets = Set(databases.map { ExactName($0.target) })
    let standing = Set(standing)
    let newTables = Set(ofScratches(catalogue.foreignKeys).map(\.table))
    // Those of tables that stay follow what they refer to when it makes room.
    let followers = catalogue.ownForeignKeys.filter {
      standing.contains($0.referenced) && !standing.contains($0.table) && targets.contains(ExactName($0.table.database))
    }
    return (inOtherDatabasesOnly || isOfTables ? "" : leadingNowhere)
      + followers.map { $0.renewal(on: $0.table, mayBeGone: mayBeGone) }.joined()
      + catalogue.foreignKeys.filter { targets.contains(ExactName($0.referenced.database)) }.map { key in
        // Of single tables, only keys that lead to those which make room have anything to follow.
        if isOfTables, !standing.contains(key.referenced) || newTables.contains(key.table) { return "" }
        if let database = databases.first(where: { $0.scratch.isSame(as: key.table.database) }) {
          return inOtherDatabasesOnly
            ? "" : key.renewal(on: Object(database: database.target, name: key.table.name))
        }
        // A key of a table that makes room itself needs no mending.
        return targets.contains(ExactName(key.table.database))
          ? "" : key.renewal(on: key.table, mayBeGone: mayBeGone)
      }
      .joined()
  }

  /// A key follows the table that it leads to; one that leads to none names the database in which it was made.
  private var leadingNowhere: String {
    let tables = Set(catalogue.tables)
    return databases.map { database in
      catalogue.ownForeignKeys.filter {
        $0.table.database.isSame(as: database.scratch) && !tables.contains($0.referenced)
      }
      .map { key in
        func moved(_ table: Object) -> Object { Object(database: database.target, name: table.name) }
        return key.renewal(on: moved(key.table), to: moved(key.referenced))
      }
      .joined()
    }
    .joined()
  }

  // MARK: - Views, routines, events

  static func drop(_ program: ProgramName) -> String {
    let drop = "DROP \(program.type) IF EXISTS \(program.quoted);\n"
    // A word of Oracle's language, which no other mode knows.
    return program.type.begins(with: "PACKAGE") ? "SET sql_mode = 'ORACLE';\n\(drop)SET sql_mode = '';\n" : drop
  }
}
