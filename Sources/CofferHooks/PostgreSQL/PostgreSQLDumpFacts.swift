import CofferSystem

/// What is asked of a server before a dump, because no dump has it.
struct PostgreSQLDumpFacts {
  /// The server's; nil when it did not tell.
  private(set) var version: String?
  private(set) var details: [String: String] = [:]
  /// That of all that is dumped; nil when it is not known, or when there are several.
  private(set) var encoding: String?
  /// The role that a session has which is fixed to `PostgreSQLPins`; nil when the server was not asked in one, as behind
  /// a pooler that takes no settings.
  private(set) var role: String?
  /// The setting `lc_monetary` that a session has which asks for `PostgreSQLPins.monetary`: a pooler may ignore that.
  private(set) var monetary: String?
  var warnings: [String] = []
  /// Whether the server has told what was asked.
  private(set) var isKnown = false

  /// How a dump's amounts of money are written, where its session was fixed to that.
  static let monetaryKey = "lc_monetary"

  /// What the first role of a server is called, which its own programs have made it with; of dumps of servers only. From version 16
  /// on only a server whose first role has that name takes what the role has granted.
  static let firstRoleKey = "first_role"
  static let firstRole: PostgreSQLStatement = """
    SELECT \(PostgreSQLAnswer.text("r.rolname")) FROM pg_catalog.pg_roles r WHERE r.oid OPERATOR(pg_catalog.=) 10
    """

  /// The option that had only a part of the database dumped.
  static let partKey = "part"

  /// Whether a dump lacks the facts about its database.
  static let missingKey = "facts"

  /// The server was lost, or not reached, as it was asked: another time it may answer.
  struct Lost: Error {
    /// What was said of that.
    let lines: [String]
    /// psql's; nil where it is not known.
    var status: ExitStatus?
  }

  /// Where the server refuses to tell, the warnings say what the dump is without.
  ///
  /// - Parameter ask: Asks the database that is dumped, or, of what belongs to no single one, the server.
  /// - Throws: `Lost`; `RunCancelled`.
  init(
    _ scope: PostgreSQLDump.Scope, of entry: PostgreSQLEntry,
    ask: (PostgreSQLStatement, _ columns: Int) throws -> [PostgreSQLAnswer.Row]
  ) throws {
    let problem: String
    do {
      let rows = try ask(DatabaseProperties.question, DatabaseProperties.columnCount)
      guard let known = DatabaseProperties.facts(in: rows) else {
        throw PostgreSQLConversation.Ended(lines: [])
      }
      take(known, scope, entry)
      return
    } catch let error as RunCancelled {
      throw error
    } catch let end as PostgreSQLConversation.Ended {
      // A program in pg_dump's place may reach what psql does not.
      let isElsewhere = entry.dumpsElsewhere && PostgreSQLFailure.isUnreached(end.lines)
      if end.isLost, !isElsewhere { throw Lost(lines: end.lines, status: end.status) }
      problem = end.lines.isEmpty ? "psql's answer is not what was asked for" : PostgreSQLFailure.telling(end.lines)
    } catch let error as LaunchError {
      problem = error.diagnosis.problem
    } catch {
      throw Lost(lines: [Diagnosis(of: error).problem])
    }
    note(scope, entry)
    if case .globals = scope { return }
    details[Self.missingKey] = "none"
    warnings.append(
      "What belongs to the database as a whole (encoding, owner, settings, rights, comment) could not be read and is not "
        + "saved: \(problem)")
  }

  private mutating func take(_ facts: [String: String], _ scope: PostgreSQLDump.Scope, _ entry: PostgreSQLEntry) {
    var known = facts
    isKnown = true
    version = known.removeValue(forKey: "server_version")
    role = known.removeValue(forKey: "session_role")
    monetary = known.removeValue(forKey: "session_monetary")
    let database = known.removeValue(forKey: "database")
    let encodings = known.removeValue(forKey: "encodings")?.words ?? []
    let serverSettings = known.removeValue(forKey: DatabaseProperties.serverSettingsKey)
    let isStandby = known.removeValue(forKey: "standby") != nil
    switch scope {
    case .database:
      details = known
      encoding = known["encoding"]
      if let count = known["hidden_user_mappings"] {
        warnings.append(
          "\(count) of the user mappings are saved without their options (passwords, for example), which the user may "
            + "not read; dump as a superuser")
      }
      if isStandby, let count = known["unlogged"] {
        warnings.append("\(count) unlogged tables are saved empty: a standby does not have their rows")
      }
      if !isStandby { details["unlogged"] = nil }
    case .server:
      // pg_dumpall takes for granted that every server has this database as it is.
      details = database == "postgres" ? known : [:]
      details["unlogged"] = nil
      details[DatabaseProperties.serverSettingsKey] = serverSettings
      encoding = encodings.count == 1 ? encodings.first : nil
      if isStandby { warnings.append("Unlogged tables are saved empty: a standby does not have their rows") }
    case .globals:
      details[DatabaseProperties.serverSettingsKey] = serverSettings
      encoding = known["encoding"]
    }
    note(scope, entry)
  }

  private mutating func note(_ scope: PostgreSQLDump.Scope, _ entry: PostgreSQLEntry) {
    if case .globals(let withPasswords) = scope {
      details["entry"] = entry.identity.database
      if withPasswords == false { details["passwords"] = "none" }
    }
    if entry.noOwner { details["no_owner"] = "true" }
    if case .database = scope { details[Self.partKey] = entry.partOption }
    if case .globals = scope { return }
    details.merge(entry.dumpHalf?.detail ?? [:]) { $1 }
  }
}

extension DumpFacts {
  /// What a session has to be fixed to that restores the dump.
  var postgreSQLSettings: [PostgreSQLPins.Setting] {
    details[PostgreSQLDumpFacts.monetaryKey].map { [.init(name: PostgreSQLPins.monetary.name, value: $0)] } ?? []
  }
}
