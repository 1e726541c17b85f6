/// What is in some databases of a server: all that a swap has to know of.
struct MariaDBCatalogue: Sendable {
  struct Object: Sendable, Hashable {
    let database: String
    let name: String

    var quoted: String {
      MariaDBConnection.quotedIdentifier(database) + "." + MariaDBConnection.quotedIdentifier(name)
    }
  }

  struct Trigger: Sendable {
    let object: Object
    let table: String
  }

  struct Routine: Sendable {
    let object: Object
    /// FUNCTION, PROCEDURE, PACKAGE, PACKAGE BODY.
    let type: String
  }

  /// A column whose default is the next number of a sequence, which the server names with its database.
  struct SequenceDefault: Sendable {
    let table: Object
    let column: String
    let expression: String
  }

  /// A foreign key to a table of another database.
  struct ForeignKey: Sendable {
    let table: Object
    let name: String
    var columns: [String]
    let referenced: Object
    var referencedColumns: [String]
    let onUpdate: String
    let onDelete: String
  }

  /// What the databases are created with, by their names.
  let properties: [String: String]
  let tables: [Object]
  let views: [Object]
  let triggers: [Trigger]
  let routines: [Routine]
  let events: [Object]
  let sequenceDefaults: [SequenceDefault]
  /// Those that lead into the databases.
  let foreignKeys: [ForeignKey]

  /// - Parameter query: Runs SQL and returns its rows.
  init(of databases: [String], query: (String) throws -> [[String]]) throws {
    let list = databases.map(MariaDBConnection.quotedLiteral).joined(separator: ", ")
    func rows(_ columns: String, _ table: String, _ schema: String, _ more: String = "") throws -> [[String]] {
      try query("SELECT \(columns) FROM information_schema.\(table) WHERE \(schema) IN (\(list)) \(more)")
    }
    properties = try Self.properties(of: list, query)
    let all = try rows("TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE", "TABLES", "TABLE_SCHEMA")
    tables = all.filter { !$0[2].hasSuffix("VIEW") }.map { Object(database: $0[0], name: $0[1]) }
    views = all.filter { $0[2].hasSuffix("VIEW") }.map { Object(database: $0[0], name: $0[1]) }
    triggers = try rows("TRIGGER_SCHEMA, TRIGGER_NAME, EVENT_OBJECT_TABLE", "TRIGGERS", "TRIGGER_SCHEMA")
      .map { Trigger(object: Object(database: $0[0], name: $0[1]), table: $0[2]) }
    // A package goes with its body, which must therefore come first.
    routines = try rows(
      "ROUTINE_SCHEMA, ROUTINE_NAME, ROUTINE_TYPE", "ROUTINES", "ROUTINE_SCHEMA", "ORDER BY ROUTINE_TYPE DESC"
    )
    .map { Routine(object: Object(database: $0[0], name: $0[1]), type: $0[2]) }
    events = try rows("EVENT_SCHEMA, EVENT_NAME", "EVENTS", "EVENT_SCHEMA")
      .map { Object(database: $0[0], name: $0[1]) }
    sequenceDefaults = try rows(
      "TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_DEFAULT", "COLUMNS", "TABLE_SCHEMA",
      "AND COLUMN_DEFAULT LIKE '%nextval(`%'"
    )
    .map { SequenceDefault(table: Object(database: $0[0], name: $0[1]), column: $0[2], expression: $0[3]) }
    foreignKeys = Self.foreignKeys(
      try query(
        """
        SELECT k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME, k.REFERENCED_TABLE_SCHEMA, \
        k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME, r.UPDATE_RULE, r.DELETE_RULE \
        FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r \
        ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME \
        AND r.TABLE_NAME = k.TABLE_NAME WHERE k.REFERENCED_TABLE_SCHEMA IN (\(list)) \
        AND k.TABLE_SCHEMA <> k.REFERENCED_TABLE_SCHEMA ORDER BY 1, 2, 3, k.ORDINAL_POSITION
        """))
  }

  private static func properties(
    of list: String, _ query: (String) throws -> [[String]]
  ) throws -> [String: String] {
    let columns = "FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'information_schema'"
    // Only newer servers of MariaDB know comments on databases.
    let hasComment = try !query(
      "SELECT 1 \(columns) AND TABLE_NAME = 'SCHEMATA' AND COLUMN_NAME = 'SCHEMA_COMMENT'"
    ).isEmpty
    let rows = try query(
      """
      SELECT SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME\(hasComment ? ", SCHEMA_COMMENT" : "") \
      FROM information_schema.SCHEMATA WHERE SCHEMA_NAME IN (\(list))
      """)
    let known = rows.map { row in
      let comment = hasComment ? " COMMENT \(MariaDBConnection.quotedLiteral(row[3]))" : ""
      return (row[0], "CHARACTER SET \(row[1]) COLLATE \(row[2])\(comment)")
    }
    return Dictionary(known, uniquingKeysWith: { first, _ in first })
  }

  /// A foreign key has a row for each of its columns.
  private static func foreignKeys(_ rows: [[String]]) -> [ForeignKey] {
    var keys: [ForeignKey] = []
    for row in rows {
      let table = Object(database: row[0], name: row[1])
      if let last = keys.last, last.table == table, last.name == row[2] {
        keys[keys.count - 1].columns.append(row[3])
        keys[keys.count - 1].referencedColumns.append(row[6])
      } else {
        keys.append(
          ForeignKey(
            table: table, name: row[2], columns: [row[3]], referenced: Object(database: row[4], name: row[5]),
            referencedColumns: [row[6]], onUpdate: row[7], onDelete: row[8]))
      }
    }
    return keys
  }
}

extension MariaDBCatalogue.ForeignKey {
  /// Statements that make it lead to where it led, after the table there was replaced by another of its name: as a rule
  /// it has followed the old one.
  ///
  /// - Parameter table: Where its own table is by then.
  func renewal(on table: MariaDBCatalogue.Object) -> String {
    let name = MariaDBConnection.quotedIdentifier(name)
    func list(_ columns: [String]) -> String {
      columns.map(MariaDBConnection.quotedIdentifier).joined(separator: ", ")
    }
    return """
      ALTER TABLE \(table.quoted) DROP FOREIGN KEY \(name);
      ALTER TABLE \(table.quoted) ADD CONSTRAINT \(name) FOREIGN KEY (\(list(columns))) \
      REFERENCES \(referenced.quoted) (\(list(referencedColumns)))\(rule("UPDATE", onUpdate))\(rule("DELETE", onDelete));

      """
  }

  /// Both rules that forbid are the same to InnoDB, and what it does without a rule.
  private func rule(_ event: String, _ action: String) -> String {
    action == "RESTRICT" || action == "NO ACTION" ? "" : " ON \(event) \(action)"
  }
}
