import CofferSystem

/// What is in some databases of a server: all that a swap has to know of.
struct MariaDBCatalogue: Sendable {
  /// A table or a view. Two are the same when the server says so: `key` is the name as it compares it.
  struct Object: Sendable, Hashable {
    let database: String
    let name: String
    let key: ExactName

    init(database: String, name: String, key: ExactName? = nil) {
      self.database = database
      self.name = name
      self.key = key ?? ExactName(name)
    }

    var quoted: String { Quoting.mariadbIdentifier(database) + "." + Quoting.mariadbIdentifier(name) }

    static func == (left: Object, right: Object) -> Bool {
      left.key == right.key && left.database.isSame(as: right.database)
    }

    func hash(into hasher: inout Hasher) {
      hasher.combine(key)
      hasher.combine(ExactName(database))
    }
  }

  struct Trigger: Sendable {
    let name: ProgramName
    let table: Object
  }

  /// A column whose default is the next number of a sequence, which the server names with its database.
  struct SequenceDefault: Sendable {
    let table: Object
    let column: String
    let sequence: Object
  }

  /// What the databases are created with, by their names; made of words that were checked.
  let properties: [ExactName: String]
  let tables: [Object]
  let views: [Object]
  let triggers: [Trigger]
  /// A package goes with its body, which therefore comes first.
  let routines: [ProgramName]
  let events: [ProgramName]
  /// Events that are disabled because the server that they were dumped from is a replica.
  let sleepingEvents: [ProgramName]
  let sequenceDefaults: [SequenceDefault]
  /// Those that lead into the databases, from others.
  let foreignKeys: [MariaDBForeignKey]
  /// Those between tables of one database.
  let ownForeignKeys: [MariaDBForeignKey]
  /// Those that lead out of the databases.
  let leavingForeignKeys: [MariaDBForeignKey]

  /// Everything that is dropped and made anew.
  var programs: [ProgramName] {
    events + views.map { ProgramName(type: "VIEW", database: $0.database, name: $0.name) } + routines
      + triggers.map(\.name)
  }

  static let routineTypes = ["FUNCTION", "PROCEDURE", "PACKAGE", "PACKAGE BODY"]

  /// - Parameters:
  ///   - databases: As the server spells them.
  ///   - query: Runs SQL and returns its rows, each of as many fields as it is told.
  init(of databases: [String], query: @escaping (_ sql: String, _ fields: Int) throws -> [[String]]) throws {
    let reader = Reader(databases: databases, query: query)
    properties = try reader.properties()
    let all = try reader.rows(
      "TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, \(Reader.key("TABLE_NAME"))", 4, "TABLES", "TABLE_SCHEMA")
    func objects(_ isView: Bool) -> [Object] {
      all.filter { $0[2].ends(with: "VIEW") == isView }
        .map { Object(database: $0[0], name: $0[1], key: ExactName($0[3])) }
    }
    tables = objects(false)
    views = objects(true)
    triggers = try reader.rows(
      "TRIGGER_SCHEMA, TRIGGER_NAME, EVENT_OBJECT_TABLE, \(Reader.key("EVENT_OBJECT_TABLE"))", 4, "TRIGGERS",
      "TRIGGER_SCHEMA"
    )
    .map { row in
      Trigger(
        name: ProgramName(type: "TRIGGER", database: row[0], name: row[1]),
        table: Object(database: row[0], name: row[2], key: ExactName(row[3])))
    }
    routines = try reader.rows(
      "ROUTINE_SCHEMA, ROUTINE_NAME, ROUTINE_TYPE", 3, "ROUTINES", "ROUTINE_SCHEMA", "ORDER BY ROUTINE_TYPE DESC"
    )
    .map { row in
      guard let type = Self.routineTypes.first(where: { $0.isSame(as: row[2]) }) else { throw MariaDBAnswer.Odd() }
      return ProgramName(type: type, database: row[0], name: row[1])
    }
    let events = try reader.rows("EVENT_SCHEMA, EVENT_NAME, STATUS", 3, "EVENTS", "EVENT_SCHEMA")
    func names(_ rows: [[String]]) -> [ProgramName] {
      rows.map { ProgramName(type: "EVENT", database: $0[0], name: $0[1]) }
    }
    self.events = names(events)
    sleepingEvents = names(events.filter { $0[2].begins(with: "SLAVESIDE") || $0[2].begins(with: "REPLICA_SIDE") })
    sequenceDefaults = try reader.rows(
      "TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_DEFAULT", 4, "COLUMNS", "TABLE_SCHEMA",
      "AND COLUMN_DEFAULT LIKE '%nextval(`%'"
    )
    .compactMap { row in
      Self.sequence(in: row[3]).map {
        SequenceDefault(table: Object(database: row[0], name: row[1]), column: row[2], sequence: $0)
      }
    }
    let keys = try reader.foreignKeys()
    func isOwn(_ key: MariaDBForeignKey) -> Bool { key.table.database.isSame(as: key.referenced.database) }
    let known = Set(databases.map { ExactName($0) })
    func isLeaving(_ key: MariaDBForeignKey) -> Bool { !known.contains(ExactName(key.referenced.database)) }
    leavingForeignKeys = keys.filter(isLeaving)
    foreignKeys = keys.filter { !isOwn($0) && !isLeaving($0) }
    ownForeignKeys = keys.filter(isOwn)
  }

  /// The sequence that a default takes its numbers from: "nextval(`shop`.`numbers`)" and nothing else.
  static func sequence(in expression: String) -> Object? {
    let all = SQLLexemes(Array(expression.utf8), LexicalMode()).all
    guard all.count == 6, all[0].isWord("NEXTVAL"), all[1].isSign("("), let database = all[2].name, all[3].isSign("."),
      let name = all[4].name, all[5].isSign(")")
    else { return nil }
    return Object(database: database, name: name)
  }

  /// Asks the server. Its comparisons of names are looser than those of databases are, so what is of other databases is
  /// left out here; and what it answers is only used where it is one of the words that may stand there.
  fileprivate struct Reader {
    let databases: [String]
    let query: (String, Int) throws -> [[String]]

    /// Many names would be more than an argument holds.
    private static let groupSize = 200

    /// A name as the server compares it.
    static func key(_ column: String) -> String { "IF(@@lower_case_table_names = 0, \(column), LOWER(\(column)))" }

    private func groups() -> [(list: String, names: Set<ExactName>)] {
      stride(from: 0, to: databases.count, by: Self.groupSize).map { start in
        let group = databases[start..<min(start + Self.groupSize, databases.count)]
        return (group.map(Quoting.mariadbLiteral).joined(separator: ", "), Set(group.map(ExactName.init)))
      }
    }

    /// - Parameter columns: The first is the database.
    func rows(
      _ columns: String, _ count: Int, _ table: String, _ schema: String, _ more: String = ""
    ) throws -> [[String]] {
      try groups().flatMap { list, names in
        try query("SELECT \(columns) FROM information_schema.\(table) WHERE \(schema) IN (\(list)) \(more)", count)
          .filter { names.contains(ExactName($0[0])) }
      }
    }

    func properties() throws -> [ExactName: String] {
      let columns = "FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'information_schema'"
      // Only newer servers of MariaDB know comments on databases.
      let hasComment = try !query(
        "SELECT 1 \(columns) AND TABLE_NAME = 'SCHEMATA' AND COLUMN_NAME = 'SCHEMA_COMMENT'", 1
      ).isEmpty
      let comment = hasComment ? "SCHEMA_COMMENT" : "''"
      let known = try rows(
        "SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME, \(comment)", 4, "SCHEMATA", "SCHEMA_NAME"
      )
      .map { row in
        guard Self.isWord(row[1]), Self.isWord(row[2]) else { throw MariaDBAnswer.Odd() }
        let comment = hasComment ? " COMMENT \(Quoting.mariadbLiteral(row[3]))" : ""
        return (ExactName(row[0]), "CHARACTER SET \(row[1]) COLLATE \(row[2])\(comment)")
      }
      return Dictionary(known, uniquingKeysWith: { first, _ in first })
    }

    private static func isWord(_ text: String) -> Bool {
      !text.isEmpty && text.utf8.allSatisfy { $0 < 0x80 && SQLLexemes.isOfWord($0) }
    }

    /// Those of the databases' tables, and those that lead to them.
    func foreignKeys() throws -> [MariaDBForeignKey] {
      let all = Set(databases.map { ExactName($0) })
      let rows = try groups().flatMap { list, names in
        try query(
          """
          SELECT k.REFERENCED_TABLE_SCHEMA, k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME, \
          k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME, r.UPDATE_RULE, r.DELETE_RULE \
          FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r \
          ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME \
          AND r.TABLE_NAME = k.TABLE_NAME AND BINARY r.CONSTRAINT_SCHEMA = BINARY k.CONSTRAINT_SCHEMA \
          AND BINARY r.CONSTRAINT_NAME = BINARY k.CONSTRAINT_NAME AND BINARY r.TABLE_NAME = BINARY k.TABLE_NAME \
          WHERE k.REFERENCED_TABLE_SCHEMA IN (\(list)) \
          OR (k.TABLE_SCHEMA IN (\(list)) AND k.REFERENCED_TABLE_SCHEMA IS NOT NULL) \
          ORDER BY BINARY k.TABLE_SCHEMA, BINARY k.TABLE_NAME, BINARY k.CONSTRAINT_NAME, k.ORDINAL_POSITION
          """, 9
        )
        .filter { row in
          // One between databases of two groups is told by the group that it leads to.
          let (referenced, own) = (ExactName(row[0]), ExactName(row[1]))
          return names.contains(referenced) || names.contains(own) && !all.contains(referenced)
        }
      }
      return try MariaDBForeignKey.all(rows)
    }
  }
}
