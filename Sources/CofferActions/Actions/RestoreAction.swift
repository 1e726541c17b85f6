import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferSystem
import Glibc

/// `restore`: puts databases back.
enum RestoreAction {
  private static let targetName = Flag<String?>(
    "--target-name", value: "NEW", help: "Restore the one chosen database under another name.")
  private static let hostname = Flag<String?>("--hostname", value: "HOST", help: "Restore to this server.")
  private static let port = Flag<Int?>("--port", value: "PORT", .port, help: "Restore to this port.")
  private static let container = Flag<String?>(
    "--container", value: "NAME", help: "Restore to the server in this container; docker or podman know its address.")
  static let username = Flag<String?>("--username", value: "USER", help: "Restore as this user.")
  private static let password = Flag<String?>(
    "--password", value: "PASSWORD", isSecret: true,
    help: "The user's password. Others on this machine can see it in the process list; restore_password is safer.")

  private static let table = Flag<[String]>(
    "--table", value: "NAME",
    help: "Restore only this table of the one chosen database, such as public.orders, or those that a pattern like "
      + "'public.order*' matches; may be repeated. What is not chosen stays as it is.")
  private static let tableAs = Flag<String?>(
    "--table-as", value: "NEW", help: "Restore the one chosen table under another name, such as orders_yesterday.")
  private static let replaceTables = Flag<Bool>(
    "--replace-tables", help: "Put chosen tables in the place of those that are there, which are dropped.")

  static let declaration = ActionDeclaration(
    "restore", "-r", abstract: "Put databases back, to where they came from or elsewhere.",
    discussion: """
      Everything is checked for all chosen databases before any of them is touched: the dumps, the programs, the \
      servers, the permissions. Then the plan is shown and, on a terminal, asked for. Each database is restored in one \
      step that succeeds whole or changes nothing. A database that is missing is created; one that the configuration \
      does not have any more is restored to where its archive says it came from, or to where the flags say. With --cluster \
      a whole PostgreSQL server is laid down, set up to recover to a moment, or a MariaDB server as its physical backup has it. \
      With --to-time or --to-gtid databases of MariaDB or MySQL come back as they were at a moment: the binary log that 'coffer binlog receive' has stored is replayed on their dumps in a \
      throw-away server, by the programs of the system that are installed, and what comes of it is restored. With --cluster it is replayed on the physical backup, before the folder appears. \
      A whole MongoDB server comes back with --to-time or --to-ts by its dump and the oplog that 'coffer oplog receive' has stored.
      """,
    flags: [
      SharedFlags.archive, SharedFlags.at, SharedFlags.repository, SharedFlags.matchArchives, SelectionFlags.database,
      table,
      tableAs, replaceTables, targetName, hostname, port, container, username, password,
    ] + SelectionFlags.origin + [ReplayRequest.gtid, OplogRequest.timestamp, ClusterRestoreFlags.cluster]
      + ClusterRestoreFlags.shared
      + ClusterRestoreFlags.others
      + [SharedFlags.progress, SharedFlags.json, Confirmation.yes],
    examples: [
      "coffer restore --archive latest", "coffer restore --at '2026-01-31 03:00'",
      "coffer restore --archive latest --database users --dry-run",
      "coffer restore --archive latest --database users --hostname spare.example.org --port 5433",
      "coffer restore --archive latest --database users --target-name users_yesterday",
      "coffer restore --archive latest --database shop --table public.orders --table-as orders_yesterday",
      "coffer restore --database shop --to-time '2026-01-31 14:31:07' --target-name shop_before",
      "coffer restore --database all --hook mongodb --to-time '2026-01-31 14:31:07' --hostname spare.example.org",
      "coffer restore --cluster main --target-directory /srv/pg --to-time '2026-01-31 14:31:07' --start",
      "coffer restore --cluster main --target-directory /srv/mysql --owner mysql --to-time '2026-01-31 14:31:07'",
    ], options: [VerifyOptions.place], databases: .chosen, repositories: .one, run: run)

  private static func run(_ context: ActionContext) throws {
    let request = try ClusterRequest(context, refusing: ofDatabases)
    let ofTables: [any CommandFlag] = [table, tableAs, replaceTables]
    let oplog = try request == nil ? OplogRequest(context, refusing: ofTables) : nil
    let replay = try request == nil && oplog == nil ? ReplayRequest(context, refusing: ofTables) : nil
    try context.forEachRepository { location in
      if let request { return try restore(request, from: location, context) }
      if let oplog { return try restore(oplog, in: context.open(location, forData: true), context) }
      if let replay { return try restore(replay, from: location, context) }
      try restore(from: location, context)
    }
  }

  /// Flags that say nothing of a whole server.
  private static let ofDatabases: [any CommandFlag] =
    [
      SelectionFlags.database, table, tableAs, replaceTables, targetName, hostname, port, container, password,
      OplogRequest.timestamp,
    ] + SelectionFlags.origin.filter { $0.name != SelectionFlags.hook.name }

  private static func restore(
    _ request: ClusterRequest, from location: RepositoryLocation, _ context: ActionContext
  ) throws {
    let restore: any ServerRestore =
      try request.isOfMariaDB(context)
      ? PhysicalBackupRestore(request, from: location, context) : ClusterRestore(request, from: location, context)
    defer { restore.end() }
    if try isWanted(restore.summary, restore.warnings, context) { try restore.run() }
    // It has led to the target all the same; the repository has to be looked at.
    if !restore.unreadable.isEmpty { throw SeveralErrors(restore.unreadable) }
  }

  private static func restore(
    _ request: ReplayRequest, from location: RepositoryLocation, _ context: ActionContext
  ) throws {
    let access = try context.open(location, forData: true)
    if let oplog = try OplogRequest(request, in: access, context) { return try restore(oplog, in: access, context) }
    let hooks = try context.hookContext()
    let ground = try ReplayRestore.ground(hooks, context)
    defer { ground.remove() }
    let target = target(context)
    let restore = try ReplayRestore(request, to: target, in: access, on: ground, hooks, context) { dumps in
      try checkTargets(dumps, target, context.run.hooks)
    }
    if try isWanted(restore.summary, [], context) { try restore.run() }
  }

  private static func restore(_ request: OplogRequest, in access: OpenRepository, _ context: ActionContext) throws {
    let target = target(context)
    let restore = try OplogRestore(request, to: target, in: access, context) { dumps in
      try checkTargets(dumps, target, context.run.hooks)
    }
    if try isWanted(restore.summary, restore.warnings, context) { try restore.run() }
  }

  private static func restore(from location: RepositoryLocation, _ context: ActionContext) throws {
    let access = try context.open(location, forData: true)
    let archive = try access.archive(
      try context.wantedArchive(), try context.archiveFilter())
    context.tellMissing(from: archive)
    let isNarrow = SelectionFlags.selection(context).isNarrow || !context.flags[table].isEmpty
    let reader = try access.repository.reader(forDataOf: isNarrow ? nil : archive)
    let dumps = try ArchiveDump.all(of: archive, reader, context.cancellation)
    let chosen = try withoutBases(
      SelectionFlags.selection(context).select(
        from: dumps, archive: archive.name, missing: archive.draft.missingDumps), context)
    let target = target(context)
    try checkTargets(chosen, target, context.run.hooks)
    let tables = try tables(of: chosen, context)
    let plan = try RestorePlan(
      chosen, of: archive, to: target, tables: tables, reader: reader, hooks: try context.hookContext(),
      context: context)
    if try isWanted(plan.summary, [], context) { try plan.restoreAll() }
  }

  /// Shows what will be done, and asks on a terminal whether it is to be.
  ///
  /// - Returns: false in a dry run.
  private static func isWanted(_ summary: [String], _ warnings: [String], _ context: ActionContext) throws -> Bool {
    for line in summary { context.console.answer("\(context.isDryRun ? "Would restore" : "To restore:") \(line)") }
    for warning in warnings { context.console.warning(warning) }
    guard !context.isDryRun else { return false }
    try Confirmation.ask("Go on?", "restore", context)
    return true
  }

  /// Base backups are put into no server that runs: they are left out unless there is nothing else, which is refused.
  private static func withoutBases(_ dumps: [ArchiveDump], _ context: ActionContext) -> [ArchiveDump] {
    let rest = dumps.filter { !$0.record.isOfServer }
    guard !rest.isEmpty, rest.count < dumps.count else { return dumps }
    for dump in dumps where dump.record.isOfServer {
      context.console.remark("\(dump.identity.title) is not restored: it is laid down by 'coffer restore --cluster'")
    }
    return rest
  }

  private static func target(_ context: ActionContext) -> RestoreTarget {
    var target = RestoreTarget(
      hostname: context.flags[hostname], port: context.flags[port], username: context.flags[username],
      password: context.flags[password], container: context.flags[container], databaseName: context.flags[targetName])
    for choice in context.run.hooks.choices { target.choose(choice, choice.values(in: context.flags)) }
    return target
  }

  /// - Returns: nil when whole databases are restored.
  private static func tables(of dumps: [ArchiveDump], _ context: ActionContext) throws -> TableSelection? {
    let selection = TableSelection(
      names: context.flags[table], newName: context.flags[tableAs], replaces: context.flags[replaceTables])
    guard !selection.names.isEmpty else {
      guard let flag = selection.newName.map({ _ in tableAs.name }) ?? (selection.replaces ? replaceTables.name : nil)
      else { return nil }
      throw UsageError(argument: flag, problem: "No table is chosen", suggestion: "Name it with --table")
    }
    guard dumps.count == 1 else {
      throw UsageError(
        argument: table.name, problem: "\(dumps.count) databases are meant, and tables are those of one",
        suggestion: "Choose it with --database")
    }
    return selection
  }

  /// One target for several databases of the same name would let the last one win.
  private static func checkTargets(_ dumps: [ArchiveDump], _ target: RestoreTarget, _ hooks: HookRegistry) throws {
    func isFile(_ dump: ArchiveDump) -> Bool { hooks.hook(named: dump.record.hook)?.kind.isFile ?? false }
    func knows(_ choice: RestoreChoice, _ dump: ArchiveDump) -> Bool {
      let known = hooks.hook(named: dump.record.hook)?.choices ?? []
      return known.contains { $0.flag.isSame(as: choice.flag) }
    }
    let namesServer = target.hostname != nil || target.port != nil || target.container != nil
    if namesServer, let file = dumps.first(where: isFile) {
      throw UsageError(
        argument: file.identity.title,
        problem: "It is a file, which would be replaced where it is and not on that server",
        suggestion: "Choose the databases of servers with --hook or --database")
    }
    for (choice, _) in target.chosen {
      guard let place = choice.place else { continue }
      let count = dumps.count { knows(choice, $0) }
      guard count > 1 else { continue }
      throw UsageError(
        argument: choice.flag, problem: "\(count) databases would be restored to the same \(place)",
        suggestion: "Choose one with --database")
    }
    if target.databaseName != nil, dumps.count > 1 {
      throw UsageError(
        argument: targetName.name, problem: "\(dumps.count) databases would be restored under the same name",
        suggestion: "Choose one with --database")
    }
    guard namesServer else { return }
    var seen: Set<ExactName> = []
    for dump in dumps {
      guard seen.insert(ExactName("\(dump.record.hook)/\(dump.record.database)")).inserted else {
        throw UsageError(
          argument: dump.record.database, problem: "Several dumps of that name would be restored to the same server",
          suggestion: "Choose one with --original-hostname, --original-port, --original-container or --original-label")
      }
    }
  }
}
