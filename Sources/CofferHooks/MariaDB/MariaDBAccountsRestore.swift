/// The restore of a server's accounts. Changes to them are no transaction; when one fails, the accounts are made what
/// they were.
struct MariaDBAccountsRestore {
  private let accounts: MariaDBAccounts
  private let before: MariaDBAccounts
  private let session: MariaDBSession

  /// Works out what is to change.
  ///
  /// - Parameter present: The server's accounts as it has them.
  init(_ statements: [MariaDBStatement], present: [MariaDBStatement], session: MariaDBSession) throws {
    self.session = session
    let own = try session.query("SELECT CURRENT_USER()").first?.first ?? ""
    let roles = try session.query("SELECT ROLE_NAME FROM information_schema.ENABLED_ROLES").compactMap {
      MariaDBAccounts.Account($0)
    }
    let protected = Set([MariaDBAccounts.Account(current: own)] + roles)
    accounts = MariaDBAccounts(statements, protecting: protected, present: present)
    before = MariaDBAccounts(present, protecting: protected, present: statements)
  }

  /// - Returns: Warnings.
  /// - Throws: `RestoreError`; the accounts are then as they were.
  func run() throws -> [String] {
    do {
      try session.run(accounts.script)
    } catch {
      undo()
      throw error
    }
    return accounts.refused.map {
      "The account \($0.quoted) is the one that restores, or its role: it was left as it is"
    } + (try runOptional())
  }

  private func runOptional() throws -> [String] {
    // A statement a line, so that an error's line tells the statement.
    let statements = accounts.optional.map { $0.text.split(separator: UInt8(ascii: "\n")).joined(separator: " ".utf8) }
    let script = statements.flatMap { $0 + Array(";\n".utf8) }
    return try session.run(script, goesOn: true).map { line in
      guard let number = line.firstMatch(of: /at line (\d+): (.*)/), let index = Int(number.1),
        statements.indices.contains(index - 1)
      else { return "Not granted or made: \(line)" }
      return "Not done: \(String(decoding: Array(statements[index - 1]), as: UTF8.self)) (\(number.2))"
    }
  }

  private func undo() {
    let new = accounts.created.filter { !before.created.contains($0) }
    let drops = (new + [MariaDBAccounts.Account(current: "mariadb_dump_import_role")]).map { account in
      "DROP \(account.host == nil ? "ROLE" : "USER") IF EXISTS \(account.quoted);\n"
    }
    let servers = accounts.createdServers.filter { !before.createdServers.contains($0) }.map { name in
      "DROP SERVER IF EXISTS \(MariaDBConnection.quotedIdentifier(name));\n"
    }
    let script = Array((drops + servers).joined().utf8) + before.script + before.optional.flatMap(\.script)
    _ = try? session.run(script, goesOn: true)
  }
}
