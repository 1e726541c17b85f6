import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferSystem
import FoundationEssentials
import Glibc

/// One backup into one or several repositories: everything is read once.
struct Backup {
  /// What came of a backup.
  struct Outcome {
    var archives: [(access: OpenRepository, archive: Archive)] = []
    /// Dumps that are not in the archives, with why.
    var missing: [(identity: DumpIdentity, cause: any Error)] = []
    var failures: [RepositoryFailure] = []

    var errors: [any Error] { missing.map(\.cause) + failures }
  }

  private let context: ActionContext
  private let repositories: [OpenRepository]
  private let lists: Bool
  private let hooks: HookContext
  private let plan: BackupPlan

  /// Works out what is to be backed up; nothing is started yet.
  init(_ context: ActionContext, into repositories: [OpenRepository], lists: Bool) throws {
    self.context = context
    self.repositories = repositories
    self.lists = lists
    hooks = try context.hookContext()
    plan = try BackupPlan(context, hooks)
  }

  /// Stores everything and commits.
  ///
  /// - Throws: What kept every archive from being made.
  func makeArchives(comment: String, _ note: ArchiveNote) throws -> Outcome {
    let shortages = try SpaceNeeded(context, plan, hooks)?.failures(of: repositories) ?? []
    let short = Set(shortages.map { ExactName($0.location.path) })
    let repositories = repositories.filter { !short.contains(ExactName($0.location.path)) }
    guard !repositories.isEmpty else { throw SeveralErrors(shortages) }
    let start = context.surroundings.clock.now()
    let archiveName = context.archiveName
    let name = archiveName.expand(context.archiveNameFormat)
    let options = sessionOptions(named: name, hostname: archiveName.hostname)
    let group = RepositoryGroup(repositories, context) { access, cancellation in
      try access.repository.beginSession(options: options, cancellation: cancellation)
    }
    guard !group.members.isEmpty else { throw SeveralErrors(shortages + group.failures) }
    defer {
      for unsettled in group.settle() { context.console.warning(Console.text(unsettled.diagnosis)) }
    }
    do {
      let display = try ProgressDisplay(
        of: group, waits: context.run.waits, console: context.console, clock: context.surroundings.clock,
        isForced: context.flags.contains(SharedFlags.progress) || context.root[OutputOptions.progress],
        isQuiet: context.wantsJSON, expected: { Self.lastSize(repositories, context) })
      defer { display.stop() }
      var outcome = Outcome()
      let needs: [LogNeed]
      (outcome.missing, needs) = try storeDumps(in: group, display)
      let files = FileStorer(context: context, group: group) { add($0, to: group, $1) }
      let configuration = configurationPaths
      let taken = Set(configuration.map { ItemPath($0).withoutLeadingSlash })
      try files.store(plan.sources, except: taken) { display.subject = $0.text }
      try storeConfiguration(configuration, files, in: group)
      display.subject = "finishing"
      let committed = group.commit(
        ArchiveDraft(
          name: name, hostname: archiveName.hostname, username: archiveName.username,
          commandLine: context.run.commandLine, comment: comment, tags: note.tags, label: note.label,
          reason: note.reason, configuration: context.configuration?.path ?? "", keepUntil: note.keepUntil,
          start: start, missingDumps: outcome.missing.map(\.identity.path), logNeeds: needs))
      outcome.archives = committed.map { ($0.access, $0.archive) }
      outcome.failures = shortages + group.failures
      for (access, archive, twins) in committed { tell(twins, of: archive, access) }
      return outcome
    } catch is RepositoryGroup.NoneLeft {
      throw SeveralErrors(shortages + group.failures)
    } catch {
      group.abandon()
      throw error
    }
  }

  /// How many bytes the newest whole archive of this machine had. What cannot be asked now is not shown, and no more.
  private static func lastSize(_ repositories: [OpenRepository], _ context: ActionContext) -> UInt64? {
    guard let filter = try? context.archiveFilter() else { return nil }
    return repositories.lazy.compactMap { access in
      try? access.repository.archives().last { try filter.sees($0) && $0.standing != .void && !$0.isPartial }
    }.first?.statistics.originalSize
  }

  /// A run beside this one may have taken the same name after this one had looked, or a compaction decides yet whether what an
  /// earlier one has made counts: both archives stay.
  private func tell(_ twins: [Archive], of archive: Archive, _ access: OpenRepository) {
    guard !twins.isEmpty else { return }
    context.console.warning(
      "\(access.location.path): Another run has made an archive of the name \(archive.name), too. Both are "
        + "kept; tell them apart by their ids: \((twins.map(\.id) + [archive.id]).joined(separator: ", "))")
  }

  private func sessionOptions(named name: String, hostname: String) -> SessionOptions {
    SessionOptions(
      compressionLevel: context.root[GeneralOptions.compression].level,
      isLevelChosen: context.root.given(GeneralOptions.compression) != nil, hostname: hostname, archiveName: name,
      files: FilesCacheOptions(context))
  }

  // MARK: - Databases

  /// - Returns: The dumps that failed, when the others are to be kept, and what the others need of logs.
  private func storeDumps(
    in group: RepositoryGroup, _ display: ProgressDisplay
  ) throws -> (missing: [(identity: DumpIdentity, cause: any Error)], needs: [LogNeed]) {
    var hooks = hooks
    hooks.cancellation = try context.cancellation.follower()
    let lanes = DumpLanes(
      plan, context.root[GeneralOptions.parallelDumps], DumpStorer(context: context, hooks: hooks, group: group),
      display)
    var missing: [(identity: DumpIdentity, cause: any Error)] = []
    var needs: [LogNeed] = []
    var binaryLogs = BinaryLogNeeds(context)
    var oplogs = OplogNeeds(context)
    for (dump, outcome) in try lanes.takeDumps() {
      switch outcome {
      case .success(let items):
        for item in items { add(item.stream, to: group, item.make) }
        needs += items.compactMap(\.need)
        let warnings = [
          binaryLogs.add(dump.section, dump.identity, items.lazy.compactMap(\.log).first),
          oplogs.add(dump.section, dump.identity, hasOplog: items.contains(where: \.hasOplog)),
        ]
        for warning in warnings.compactMap(\.self) { context.console.warning(warning) }
      case .failure(let error): missing.append((dump.identity, error))
      }
    }
    // Nothing but failures makes no archive.
    guard missing.isEmpty || missing.count < plan.dumps.count || !plan.sources.roots.isEmpty else {
      throw SeveralErrors(missing.map(\.cause))
    }
    return (missing, needs + binaryLogs.all + oplogs.all)
  }

  // MARK: - Files

  /// The configuration's files, which no rule for sources leaves out.
  private var configurationPaths: [String] {
    let options = context.root[GeneralOptions.bootstrap]
    guard options[BootstrapOptions.storeConfigFiles] else { return [] }
    return context.configurationFiles.flatMap { Self.followingLinks(absolute($0)) }
  }

  private func storeConfiguration(_ paths: [String], _ files: FileStorer, in group: RepositoryGroup) throws {
    guard !paths.isEmpty else { return }
    for path in paths { try files.store(path) }
    let manifest = JSONValue.object([
      "coffer_version": .text(Program.version),
      "config_paths": .list(paths.map { .text($0) }),
    ])
    let stream = try group.store(MemorySource(Array(manifest.rendered.utf8)))
    let now = context.surroundings.clock.now()
    add(stream, to: group) { .own(BootstrapManifest.path, $0, at: now) }
  }

  private static let linkLimit = 10

  /// A file's path and, when it is a link, those of what it leads to.
  private static func followingLinks(_ path: String) -> [String] {
    var paths = [path]
    while paths.count <= linkLimit, let last = paths.last,
      let target = try? FileManager.default.destinationOfSymbolicLink(atPath: last)
    {
      paths.append(target.begins(with: "/") ? target : UserPath.parent(of: last) + "/" + target)
    }
    return paths
  }

  /// The path from the root on, without empty and `.` parts.
  private func absolute(_ path: String) -> String {
    let full = UserPath.absolute(path, from: context.folder, home: context.surroundings.environment.home)
    return "/" + full.parts(by: "/", keepingEmpty: false).filter { $0 != "." }.joined(separator: "/")
  }

  private func add(
    _ stream: RepositoryGroup.Stored?, to group: RepositoryGroup, _ item: (StreamReference?) -> ArchiveItem
  ) {
    group.add(stream, item)
    if lists { context.console.answer(item(nil).path.text) }
  }
}
