import CofferSystem

/// What is on the server of a drill.
extension PostgreSQLDrillServer {
  /// - Parameter wanted: The extensions that a dump makes.
  /// - Throws: `DrillError.impossible` when one of them is not installed; as `run`.
  func checkExtensions(_ wanted: [ServerText], major: Int) throws {
    let installed = try texts(
      "SELECT \(PostgreSQLAnswer.text("e.name")) FROM pg_catalog.pg_available_extensions e")
    let missing = Set(wanted).subtracting(installed).map { Quoting.terminal($0.shown) }.sorted()
    guard missing.isEmpty else {
      throw DrillError.impossible(
        identity,
        problem: "it has extensions that are not installed on this machine: \(missing.joined(separator: ", "))",
        suggestion: "Install their packages for PostgreSQL \(major), or verify on a machine that has them")
    }
  }

  /// What its databases hold, all of them in one, and what belongs to none; nil where one of them has more than is counted.
  ///
  /// - Throws: What asking throws.
  func findings() throws -> DrillFindings {
    var content = DumpContent()
    var warnings: [String] = []
    for database in try databases() {
      guard let name = database.text else {
        warnings.append("The database '\(Quoting.terminal(database.shown))' was not looked at: its name is no UTF-8")
        continue
      }
      let found = try questions(name).findings(of: identity)
      guard let inside = found.content else { return found }
      content.add(inside, of: database)
    }
    content.accounts = try texts(
      "SELECT \(PostgreSQLAnswer.text("r.rolname")) FROM pg_catalog.pg_roles r ORDER BY 1"
    ).map(ServerNames.shown)
    content.objects[PostgreSQLScriptCensus.tablespaces] = try texts(
      "SELECT \(PostgreSQLAnswer.text("t.spcname")) FROM pg_catalog.pg_tablespace t WHERE t.spcname !~ '^pg_'"
    ).count
    return DrillFindings(content: content, warnings: warnings)
  }

  /// A database that has another encoding than its script is written in: in that its names are not as the server has them.
  ///
  /// - Parameter encodings: Of scripts, by the names of their databases.
  /// - Throws: As `run`.
  func recoded(_ encodings: [ServerText: ServerText]) throws -> ServerText? {
    try encodings.first { database, encoding in
      let question: PostgreSQLStatement = """
        SELECT \(PostgreSQLAnswer.text("d.datname")) FROM pg_catalog.pg_database d
        WHERE d.datname = \(literal: database) AND pg_catalog.pg_encoding_to_char(d.encoding) <> \(literal: encoding)
        """
      return try !texts(question).isEmpty
    }?.key
  }

  /// The databases that anybody may be let into, but for that which new ones are made from.
  ///
  /// - Throws: As `run`.
  func databases() throws -> [ServerText] {
    try texts(
      "SELECT \(PostgreSQLAnswer.text("d.datname")) FROM pg_catalog.pg_database d WHERE d.datallowconn ORDER BY 1"
    ).filter(ClusterScript.isRestored)
  }
}
