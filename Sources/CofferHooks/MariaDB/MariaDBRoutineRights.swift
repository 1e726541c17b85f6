/// Rights on single routines. A server takes them away when a routine is dropped, even if it is made anew at once.
struct MariaDBRoutineRights {
  private struct Right {
    let routine: MariaDBCatalogue.Object
    let type: String
    let account: String
    let privileges: [String]

    var statement: String {
      let names = privileges.filter { $0 != "GRANT" }
      let option = privileges.contains("GRANT") ? " WITH GRANT OPTION" : ""
      let list = names.isEmpty ? "USAGE" : names.joined(separator: ", ")
      return "GRANT \(list) ON \(type) \(routine.quoted) TO \(account)\(option);\n"
    }
  }

  private let rights: [Right]
  private let session: MariaDBSession

  /// Writes down the rights on the routines of databases; none, if the user may not see them.
  init(on databases: [String], session: MariaDBSession) {
    self.session = session
    let list = databases.map(MariaDBConnection.quotedLiteral).joined(separator: ", ")
    let sql = "SELECT Db, Routine_name, Routine_type, User, Host, Proc_priv FROM mysql.procs_priv WHERE Db IN (\(list))"
    rights = ((try? session.query(sql)) ?? []).map { row in
      let host = row[4].isEmpty ? "" : "@" + MariaDBConnection.quotedLiteral(row[4])
      return Right(
        routine: MariaDBCatalogue.Object(database: row[0], name: row[1]), type: row[2].uppercased(),
        account: MariaDBConnection.quotedLiteral(row[3]) + host,
        privileges: row[5].uppercased().split(separator: ",").map(String.init))
    }
  }

  /// Gives them again, for the routines that there are.
  ///
  /// - Returns: Warnings.
  func restore(_ routines: [MariaDBCatalogue.Routine]) -> [String] {
    let present = Set(routines.map(\.object))
    let script = rights.filter { present.contains($0.routine) }.map(\.statement).joined()
    guard !script.isEmpty else { return [] }
    let problems = (try? session.run(Array(script.utf8), goesOn: true)) ?? ["the client failed"]
    return problems.map { "A right on a routine was lost: \($0)" }
  }
}
