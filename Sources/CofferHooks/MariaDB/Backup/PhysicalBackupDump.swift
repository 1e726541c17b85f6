import CofferConfiguration
import CofferSystem

/// A physical backup of a whole server by mariadb-backup, which reads the server's files while it runs.
struct PhysicalBackupDump: PlannedDump {
  /// What dump records call its form.
  static let format = "xbstream"
  /// What messages call what makes it.
  static let program = "mariadb-backup"

  private let entry: MariaDBEntry

  /// - Throws: `DumpError` where none can be made of such an entry.
  init(_ entry: MariaDBEntry) throws(DumpError) {
    self.entry = entry
    guard entry.dialect.dumpsAccounts else {
      throw .misconfigured(
        entry.identity, problem: "base_backup is for MariaDB: MySQL has no program that streams one",
        suggestion:
          "Dump its databases (mysql_databases), or give the command line of another program to custom_databases")
    }
    guard !entry.connection.leavesTheHost else {
      throw .misconfigured(
        entry.identity,
        problem: "base_backup reads the server's files on this machine, and the server is configured to be at "
          + "\(Quoting.terminal(entry.connection.place))",
        suggestion: "Run 'coffer create' on the server's host, and write socket_path, or 'hostname: 127.0.0.1'")
    }
  }

  var identity: DumpIdentity { entry.identity }
  var section: ConfigurationSection { entry.section }

  func start(context: HookContext) throws -> any RunningDump {
    let details = try details(context)
    return try entry.guarded {
      try entry.connection.withBackupCommand(
        section[MariaDBServerOptions.backupCommand].words, ["--backup", "--stream=xbstream"], context: context
      ) { command in
        var command = command
        command.errorLimit = PhysicalBackupStream.errorLimit
        return PhysicalBackupStream(
          try DumpStream(command, of: identity, context: context), of: identity, details, clock: context.clock)
      }
    }
  }

  /// What a server that replays the log on it has to do alike, and the files do not say.
  ///
  /// - Returns: Nothing where the server cannot be asked: it will fail the backup with a better message.
  /// - Throws: `RunCancelled`.
  private func details(_ context: HookContext) throws -> [String: String] {
    func ask(_ sql: String) throws -> [[String]] {
      let answer = try entry.connection.query(sql, options: entry.listOptions, context: context)
      return answer.status.isSuccess ? answer.rows : []
    }
    do {
      let value = try ask("SELECT @@lower_case_table_names").first?.first ?? "0"
      var details = value.isSame(as: "0") ? [:] : [MariaDBServerFacts.foldingKey: "1"]
      details[SystemTimeZone.key] = try SystemTimeZone.offsets(ask)
      return details
    } catch let error as RunCancelled {
      throw error
    } catch {
      return [:]
    }
  }
}
