import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferSystem
import Foundation

/// `restore`: puts databases back.
enum RestoreAction {
  private static let database = Flag(
    "--database", "--data-source", value: "NAME", repeatable: true, help: "Restore only this database; may be repeated."
  )
  private static let hostname = Flag("--hostname", value: "HOST", help: "Restore to this server.")
  private static let port = Flag("--port", value: "PORT", help: "Restore to this port.")
  private static let username = Flag("--username", value: "USER", help: "Restore as this user.")
  private static let password = Flag(
    "--password", value: "PASSWORD",
    help: "The user's password. Others on this machine can see it in the process list; restore_password is safer.")
  private static let restorePath = Flag(
    "--restore-path", value: "FILE", help: "Restore a SQLite database to this file.")
  private static let hook = Flag("--hook", value: "NAME", help: "Only dumps of this hook, for example postgresql.")
  private static let originalHostname = Flag(
    "--original-hostname", value: "HOST", help: "Only dumps that came from this host.")
  private static let originalPort = Flag("--original-port", value: "PORT", help: "Only dumps that came from this port.")
  private static let originalLabel = Flag("--original-label", value: "LABEL", help: "Only dumps with this label.")

  static let declaration = ActionDeclaration(
    "restore", "-r", abstract: "Put databases back, to where they came from or elsewhere.",
    discussion: """
      Everything is checked for all chosen databases before any of them is touched: the dumps, the programs, the \
      servers, the permissions. Each database is then restored in one step that succeeds whole or changes nothing. A \
      PostgreSQL database that is missing is created.
      """,
    flags: [
      SharedFlags.archive, SharedFlags.repository, database, hostname, port, username, password, restorePath, hook,
      originalHostname, originalPort, originalLabel,
    ],
    examples: [
      "coffer restore --archive latest", "coffer restore --archive latest --database users --dry-run",
      "coffer restore --archive latest --database users --hostname spare.example.org --port 5433",
    ], repositories: .one, run: run)

  private static func run(_ context: ActionContext) throws {
    try context.forEachRepository { try restore(from: $0, context) }
  }

  private static func restore(from location: RepositoryLocation, _ context: ActionContext) throws {
    let access = try context.open(location)
    let archive = try access.archive(context.flags[SharedFlags.archive] ?? "latest")
    let reader = try access.repository.reader()
    let dumps = ArchiveDump.all(in: try reader.items(of: archive, cancellation: context.cancellation))
    let chosen = try selection(context).select(from: dumps, archive: archive.name)
    let hooks = try context.hookContext()
    let target = try target(context)
    try checkTargets(chosen, target)
    let plans = try chosen.map { dump -> (dump: ArchiveDump, plan: any PlannedRestore) in
      guard let hook = HookRegistry.hook(named: dump.record.hook) else {
        throw RestoreError.refused(
          dump.identity, problem: "this version of coffer has no hook \(dump.record.hook)", suggestion: nil)
      }
      return (dump, try hook.restore(of: dump.facts, to: target, root: context.root, context: hooks))
    }
    for (_, plan) in plans {
      if context.isDryRun {
        context.console.answer("Would restore \(plan.summary)")
      } else {
        context.console.step("To restore: \(plan.summary)")
      }
    }
    guard !context.isDryRun else { return }
    for (dump, plan) in plans {
      try restore(dump, plan, reader, hooks, context)
      context.console.answer("Restored \(plan.summary) from \(archive.name)")
    }
  }

  private static func restore(
    _ dump: ArchiveDump, _ plan: any PlannedRestore, _ reader: ArchiveReader, _ hooks: HookContext,
    _ context: ActionContext
  ) throws {
    var folder: String?
    if plan.wantsFolder { folder = try extractFolder(dump, reader, hooks, context) }
    if folder == nil, !plan.isReversible, case .file(let stream)? = dump.items.first?.content {
      try reader.read(stream, into: DiscardingSink(), cancellation: context.cancellation)
    }
    let running = try plan.start(folder: folder, context: hooks)
    do {
      if folder == nil, case .file(let stream)? = dump.items.first?.content {
        try reader.read(stream, into: running, cancellation: context.cancellation)
      }
    } catch {
      running.abandon()
      throw error
    }
    for warning in try running.finish() { context.console.warning(warning) }
  }

  /// Brings a dump of many files back into the run's own folder.
  private static func extractFolder(
    _ dump: ArchiveDump, _ reader: ArchiveReader, _ hooks: HookContext, _ context: ActionContext
  ) throws -> String {
    let extractor = try FileExtractor(destination: hooks.runtime.path)
    let name = Array("restore-\(UInt32.random(in: 0 ... .max))".utf8)
    let depth = dump.path.split(separator: "/").count
    for item in dump.items {
      let parts = [name] + item.path.bytes.split(separator: UInt8(ascii: "/")).dropFirst(depth).map(Array.init)
      try extractor.extract(item, parts: parts) { sink in
        if case .file(let stream) = item.content {
          try reader.read(stream, into: sink, cancellation: context.cancellation)
        }
      }
    }
    return hooks.runtime.path + "/" + String(decoding: name, as: UTF8.self)
  }

  private static func selection(_ context: ActionContext) throws -> RestoreSelection {
    RestoreSelection(
      databases: context.flags.all(database), hook: context.flags[hook],
      originalHostname: context.flags[originalHostname],
      originalPort: try number(context.flags[originalPort], originalPort),
      originalLabel: context.flags[originalLabel])
  }

  private static func target(_ context: ActionContext) throws -> RestoreTarget {
    RestoreTarget(
      hostname: context.flags[hostname], port: try number(context.flags[port], port),
      username: context.flags[username], password: context.flags[password], path: context.flags[restorePath])
  }

  /// One target for several databases of the same name would let the last one win.
  private static func checkTargets(_ dumps: [ArchiveDump], _ target: RestoreTarget) throws {
    let files = dumps.filter { $0.record.hook == "sqlite_databases" }
    if target.path != nil, files.count > 1 {
      throw UsageError(
        argument: restorePath.name, problem: "\(files.count) databases would be restored to the same file",
        suggestion: "Choose one with --database")
    }
    guard target.hostname != nil || target.port != nil else { return }
    var seen: Set<String> = []
    for dump in dumps where dump.record.hook != "sqlite_databases" {
      guard seen.insert("\(dump.record.hook)/\(dump.record.database)").inserted else {
        throw UsageError(
          argument: dump.record.database, problem: "Several dumps of that name would be restored to the same server",
          suggestion: "Choose one with --original-hostname, --original-port or --original-label")
      }
    }
  }

  private static func number(_ text: String?, _ flag: Flag) throws -> Int? {
    guard let text else { return nil }
    guard let number = Int(text), (1...65535).contains(number) else {
      throw UsageError(
        argument: flag.name, problem: "'\(text)' is no port", suggestion: "Write a number from 1 to 65535")
    }
    return number
  }
}
