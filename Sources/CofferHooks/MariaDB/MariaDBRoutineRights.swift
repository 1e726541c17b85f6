import CofferSystem

/// Rights on single routines. A server takes them away when a routine is dropped, even if it is made anew at once.
struct MariaDBRoutineRights {
  private struct Right {
    let routine: ProgramName
    let account: String
    let privileges: [String]

    var statement: MariaDBStatement {
      let names = privileges.filter { $0 != "GRANT" }
      let option = privileges.contains("GRANT") ? " WITH GRANT OPTION" : ""
      let list = names.isEmpty ? "USAGE" : names.joined(separator: ", ")
      return MariaDBStatement("GRANT \(list) ON \(routine.type) \(routine.quoted) TO \(account)\(option)")
    }
  }

  private let rights: [Right]
  private let session: MariaDBSession
  private let seal: SealedScript.Seal
  /// Whether the account may see them.
  let areKnown: Bool

  private static let privileges: Set<String> = ["EXECUTE", "ALTER ROUTINE", "SHOW CREATE ROUTINE", "GRANT"]

  /// Writes down the rights on the routines of databases.
  ///
  /// - Throws: `RestoreError` when the server cannot be asked.
  init(on databases: [String], session: MariaDBSession, seal: SealedScript.Seal) throws {
    self.session = session
    self.seal = seal
    let list = databases.map(Quoting.mariadbLiteral).joined(separator: ", ")
    // What is left of an account that is gone would make it anew, without a password: a session without a mode lets GRANT.
    let sql =
      "SELECT p.Db, p.Routine_name, p.Routine_type, p.User, p.Host, p.Proc_priv FROM mysql.procs_priv p "
      + "WHERE p.Db IN (\(list)) AND EXISTS (SELECT 1 FROM mysql.user u WHERE u.User = p.User AND u.Host = p.Host)"
    let wanted = Set(databases.map(ExactName.init))
    let rows: [[String]]
    do {
      rows = try databases.isEmpty ? [] : session.query(sql, 6)
    } catch RestoreError.programFailed(_, _, _, let lines) where !MariaDBFailure.isOfConnection(lines) {
      areKnown = false
      rights = []
      return
    }
    areKnown = true
    rights = rows.filter { wanted.contains(ExactName($0[0])) }.compactMap { row in
      guard let type = MariaDBCatalogue.routineTypes.first(where: { $0.isSame(as: row[2].asciiUppercased) }) else {
        return nil
      }
      let host = row[4].isEmpty ? "" : "@" + Quoting.mariadbLiteral(row[4])
      return Right(
        routine: ProgramName(type: type, database: row[0], name: row[1]),
        account: Quoting.mariadbLiteral(row[3]) + host,
        privileges: row[5].asciiUppercased.parts(by: ",").filter(Self.privileges.contains))
    }
  }

  /// Gives them again, for the routines that there are.
  ///
  /// - Returns: Warnings.
  func restore(_ routines: [ProgramName]) -> [String] {
    let present = Set(routines)
    let statements = rights.filter { present.contains($0.routine) }.map(\.statement)
    guard !statements.isEmpty else { return [] }
    do {
      var script = SealedScript(seal)
      for statement in statements { try script.append(statement) }
      return try session.runEach(script).map { complaint in
        "A right on a routine was lost: \(complaint.statement?.head ?? "") (\(complaint.message))"
      }
    } catch {
      return ["Rights on routines were lost: \(RestoreError.cause(of: error))"] + statements.map { "Run: \($0.head)" }
    }
  }
}
