import CofferSystem

/// The accounts that a dump's views and routines act for, made where they are missing: a view that looks at another view, or calls a
/// function, can only be made where the other one's definer is. They are locked, and have rights on the dump's databases only.
struct MariaDBDefiners {
  private let session: MariaDBSession
  private var made: [MariaDBAccounts.Account] = []

  /// - Parameters:
  ///   - known: Those that the dump makes itself later; nil for all definers.
  ///   - databases: That are worked in.
  /// - Throws: `RestoreError`; none is left then.
  init(
    of programs: [MariaDBScript.StoredProgram], among known: Set<MariaDBAccounts.Account>?, on databases: [String],
    session: MariaDBSession
  ) throws {
    let definers = Set(programs.compactMap(\.statement.definer))
    try self.init(definers.filter { known?.contains($0) ?? true }, on: databases, session: session)
  }

  /// - Parameters:
  ///   - definers: Roles among them, which have no host, are left out.
  ///   - databases: That are worked in.
  /// - Throws: `RestoreError`; none is left then.
  init(_ definers: Set<MariaDBAccounts.Account>, on databases: [String], session: MariaDBSession) throws {
    self.session = session
    let wanted = definers.filter { $0.host?.isEmpty == false }
    guard !wanted.isEmpty else { return }
    let there = Set(
      try session.query("SELECT User, Host FROM mysql.user", 2).compactMap { MariaDBAccounts.Account($0) })
    do {
      for account in wanted.subtracting(there).sorted(by: { $0.quoted < $1.quoted }) {
        made.append(account)
        _ = try session.query("CREATE USER \(account.quoted) ACCOUNT LOCK", 0)
        for database in databases {
          _ = try session.query("GRANT ALL ON \(MariaDBChecks.scope(database)) TO \(account.quoted)", 0)
        }
      }
    } catch {
      remove()
      throw error
    }
  }

  /// Drops those that were made, for a restore that is given up.
  func remove() {
    for account in made {
      // What cannot be dropped now can log in nowhere.
      _ = try? session.unstoppable().query("DROP USER IF EXISTS \(account.quoted)", 0)
    }
  }
}
