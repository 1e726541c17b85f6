import CofferSystem

/// What stands in the database where restored tables come to.
struct TableDestination {
  /// The server's number of each table that is there already.
  private(set) var standing: [RelationName: UInt32] = [:]

  /// Looks at the database.
  ///
  /// - Throws: `RestoreError.refused` for what is there and may not be replaced, and for what is missing.
  init(
    _ targets: [RelationName], replaces: Bool, in destination: PostgreSQLDestination,
    connection: PostgreSQLConnection, of identity: DumpIdentity, context: HookContext
  ) throws {
    if let missing = targets.first(where: { !destination.schemas.contains($0.schema) }) {
      let schema = Quoting.terminal(missing.schema.shown)
      throw RestoreError.refused(
        identity, problem: "the database '\(destination.name)' has no schema '\(schema)'",
        suggestion: "Make it (CREATE SCHEMA), or restore the schema with --schema")
    }
    let found = try Self.ask(
      Self.question(targets), columns: 4, destination.name, connection, of: identity, context)
    for row in found {
      guard let schema = row[0], let name = row[1], let number = row[2].flatMap({ UInt32($0.shown) }) else { continue }
      let relation = RelationName(schema: schema, name: name)
      let isTable = row[3].map { ["r", "p"].contains($0.shown) } == true
      guard isTable else {
        throw RestoreError.refused(
          identity,
          problem: "'\(Quoting.terminal(relation.shown))' is there already in '\(destination.name)', and is no table",
          suggestion: "Restore the table under another name with --table-as")
      }
      standing[relation] = number
    }
    guard replaces || standing.isEmpty else {
      let names = targets.filter { standing[$0] != nil }.map { Quoting.terminal($0.shown) }.joined(separator: ", ")
      throw RestoreError.refused(
        identity, problem: "it is there already in '\(destination.name)': \(names)",
        suggestion: "Restore it beside that under another name with --table-as, or put it in its place with "
          + "--replace-tables, which drops what is there now")
    }
    try checkTies(destination, connection, identity, context)
  }

  private static func question(_ targets: [RelationName]) -> PostgreSQLStatement {
    let names = targets.map { "(\(literal: $0.schema), \(literal: $0.name))" as PostgreSQLStatement }
    return """
      SELECT \(PostgreSQLAnswer.text("n.nspname")), \(PostgreSQLAnswer.text("c.relname")), c.oid, c.relkind
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE (n.nspname::pg_catalog.text, c.relname::pg_catalog.text) IN (\(names.joined(separator: ", ")))
      """
  }

  /// Looks who else would lose something with the tables that are replaced.
  private func checkTies(
    _ destination: PostgreSQLDestination, _ connection: PostgreSQLConnection, _ identity: DumpIdentity,
    _ context: HookContext
  ) throws {
    guard !standing.isEmpty else { return }
    let numbers = standing.values.sorted().map { "\($0)" as PostgreSQLStatement }.joined(separator: ", ")
    let relation = { (number: PostgreSQLStatement) in
      PostgreSQLAnswer.text("\(number)::pg_catalog.regclass")
    }
    // Which there are from PostgreSQL 10 on.
    let publications: PostgreSQLStatement =
      (destination.serverMajor ?? 0) < 10
      ? ""
      : """
      UNION ALL SELECT 'publication', \(PostgreSQLAnswer.text("p.pubname")) FROM pg_catalog.pg_publication_rel r
      JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid WHERE r.prrelid IN (\(numbers))
      """
    let rows = try Self.ask(
      """
      SELECT DISTINCT 'view', \(relation("r.ev_class")) FROM pg_catalog.pg_depend d
      JOIN pg_catalog.pg_rewrite r ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
      WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid IN (\(numbers))
      AND r.ev_class NOT IN (\(numbers))
      UNION ALL SELECT 'child', \(relation("i.inhrelid")) FROM pg_catalog.pg_inherits i
      WHERE i.inhparent IN (\(numbers)) AND i.inhrelid NOT IN (\(numbers))
      UNION ALL SELECT 'parent', \(relation("i.inhparent")) FROM pg_catalog.pg_inherits i
      WHERE i.inhrelid IN (\(numbers)) AND i.inhparent NOT IN (\(numbers))
      \(publications)
      """, columns: 2, destination.name, connection, of: identity, context)
    func names(_ kind: String) -> String? {
      let names = rows.filter { $0[0]?.shown.isSame(as: kind) == true }.compactMap { $0[1]?.shown }
      return names.isEmpty ? nil : names.map { Quoting.terminal($0) }.joined(separator: ", ")
    }
    let beside = "Restore the table under another name with --table-as, and bring its rows back from there"
    if let views = names("view") {
      throw RestoreError.refused(
        identity, problem: "what is to be replaced is looked at by views, which would go with it: \(views)",
        suggestion: beside)
    }
    if let publications = names("publication") {
      throw RestoreError.refused(
        identity, problem: "what is to be replaced is in publications, and would not be any more: \(publications)",
        suggestion: beside)
    }
    if let children = names("child") {
      throw RestoreError.refused(
        identity, problem: "what is to be replaced has parts that would not come back: \(children)", suggestion: beside)
    }
    if let parents = names("parent") {
      throw RestoreError.refused(
        identity, problem: "what is to be replaced is a part of another table, and would not be any more: \(parents)",
        suggestion: "Choose that table, or restore this one under another name with --table-as")
    }
  }

  private static func ask(
    _ question: PostgreSQLStatement, columns: Int, _ database: String, _ connection: PostgreSQLConnection,
    of identity: DumpIdentity, _ context: HookContext
  ) throws -> [PostgreSQLAnswer.Row] {
    let result = try connection.query(question, database: database, context: context)
    guard let answer = PostgreSQLAnswer(result, columns: columns) else {
      throw RestoreError.refused(
        identity,
        problem: "what is in '\(database)' cannot be found out: " + PostgreSQLFailure.telling(result.errorLines),
        suggestion: identity.advice.suggestion(result.errorLines))
    }
    return answer.rows
  }
}
