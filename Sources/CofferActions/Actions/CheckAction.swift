import CofferConfiguration
import CofferRepository
import CofferSystem
import FoundationEssentials
import Glibc

/// `check`: looks for damage.
enum CheckAction {
  private static let level = Flag<CheckLevel?>(
    "--level", value: "N", FlagParser("a number from 1 to 4") { Int($0).flatMap(CheckLevel.init) },
    help: "1: objects are what their names say. 2: and tables open and agree. 3: and every archive finds all it needs. "
      + "4: and every byte decrypts, decompresses and hashes to what it should. Default: what 'checks' says.")
  private static let only = Flag<[CheckOptions.Name]>(
    "--only", value: "CHECK", each: .choice,
    help:
      "Make this check, whatever 'checks' says: repository (level 2), archives (3), data (4), extract, which reads "
      + "the newest archive to its end, spot, which compares files on the disk with it, or restore, which does as "
      + "'coffer verify' does; may be repeated.")
  private static let maxDuration = Flag<Int?>(
    "--max-duration", value: "SECONDS", .count,
    help: "Stop after so many seconds. The next check of the same level that has a limit goes on from there.")
  private static let repair = Flag<Bool>(
    "--repair",
    help: "Look at everything (level 4, unless --level or --only says otherwise), make index objects anew for packs "
      + "that none names, and say what is lost and what heals. No data is removed.")

  static let declaration = ActionDeclaration(
    "check", "-k", abstract: "Look for damage in the repositories.",
    discussion: """
      Each level does what the ones below it do. Damage is told with the object, the archives and databases it affects, and \
      the bytes that are lost. Packs that are found damaged are remembered in the repository: nothing leans on them any \
      more, and the next backup stores anew what comes by of them. A check \
      that the configuration wants once a week, say, is passed over until a week after it was last made; a check that \
      is asked for by --level, --only, --repair or --force is made now. With a limit of time it is made in parts, and \
      counts as made when it came to its end. In object storage that locks objects (s3: object_lock_days), locks of which less \
      than half is left are renewed before. A bare 'coffer' leaves out the checks that take a full key where the key is \
      write-only.
      """,
    flags: [level, only, maxDuration, repair, SharedFlags.force, SharedFlags.repository, SharedFlags.progress],
    examples: ["coffer check --level 4", "coffer check --only data --max-duration 3600", "coffer check --repair"],
    options: [CheckOptions.schema, VerifyOptions.schema, GeneralOptions.backup, SourceOptions.schema],
    databases: .drilled, isMonitored: true, run: run)

  private static func run(_ context: ActionContext) throws {
    let schedule = CheckSchedule(context.root)
    let wanted = context.root[CheckOptions.repositories]
    try context.forEachRepository { location in
      if let wanted, !wanted.contains(where: location.matches), !isAsked(context) {
        return context.console.remark("\(location.path): Not checked: it is not among check_repositories")
      }
      let access = try context.open(location)
      // Whatever the checks find.
      let locks = Result { try access.renewLocks(context) }
      do { try make(schedule, access, context) } catch {
        guard !(error is RunCancelled), case .failure(let other) = locks else { throw error }
        throw SeveralErrors([error, other])
      }
      _ = try locks.get()
    }
  }

  /// Makes the checks that are asked for, or due.
  private static func make(_ schedule: CheckSchedule, _ access: OpenRepository, _ context: ActionContext) throws {
    let location = access.location
    let memory = try CheckMemory(context, access)
    let check = RepositoryCheck(context, access, memory, repairs: context.flags.contains(repair))
    let duration = context.flags[maxDuration]
    if let level = askedLevel(context) {
      _ = try check.make(level, duration: duration)
      return
    }
    let now = context.surroundings.clock.now()
    let wanted = checks(schedule, context)
    if wanted.isEmpty { context.console.remark("\(location.path): Not checked: 'checks' names no check") }
    let possible = wanted.filter { mayBeMade($0, access, context) }
    let due = possible.filter { isAsked(context) || $0.isDue(last: memory.last($0.name), now: now) }
    for check in possible where !due.contains(check) {
      context.console.remark(Self.postponed(check, last: memory.last(check.name), now: now, location))
    }
    for part in parts(due, duration) where try check.make(part.level, duration: part.duration) {
      for name in part.names where !context.isDryRun { note(name, memory, at: now, context) }
    }
    for check in due where check.level == nil {
      try self.check(access, check, context)
      if !context.isDryRun { note(check.name, memory, at: now, context) }
    }
    // A drill has said it.
    if !due.contains(where: { $0.name == .restore }) { try ProofDeadline(context, access)?.warn() }
  }

  /// A bare `coffer` leaves out what only a full key can do: every run of a host without one would fail.
  private static func mayBeMade(
    _ check: CheckSchedule.Check, _ access: OpenRepository, _ context: ActionContext
  ) -> Bool {
    guard context.run.parsed.isStandard, !isAsked(context), access.repository.role != .full,
      check.level.map({ $0 >= .recipes }) ?? true
    else { return true }
    context.console.remark(
      "\(access.location.path): Not checked: '\(check.name.rawValue)' takes a full key; the one in use is write-only")
    return false
  }

  /// Checks of a repository's content that are made as one.
  struct Part: Equatable {
    let level: CheckLevel
    let duration: Int?
    let names: [CheckOptions.Name]
  }

  /// The deepest check does the others' work; but one that has a limit of its own is made by itself, unless a deeper one
  /// without is made anyway.
  ///
  /// - Parameter duration: A limit for all; nil for their own.
  static func parts(_ due: [CheckSchedule.Check], _ duration: Int?) -> [Part] {
    let levels = due.compactMap { check in check.level.map { (check: check, level: $0) } }
    let together = duration == nil ? levels.filter { $0.check.maxDuration == nil } : levels
    let deepest = together.map(\.level).max()
    let covered = levels.filter { entry in deepest.map { entry.level <= $0 } ?? false }
    var parts = deepest.map { [Part(level: $0, duration: duration, names: covered.map(\.check.name))] } ?? []
    for (check, level) in levels where deepest.map({ level > $0 }) ?? true {
      parts.append(Part(level: level, duration: check.maxDuration, names: [check.name]))
    }
    return parts
  }

  /// The level that the command line wants, whatever is configured.
  private static func askedLevel(_ context: ActionContext) -> CheckLevel? {
    guard context.flags.contains(repair) else { return context.flags[level] }
    let only = context.flags[only].compactMap { CheckSchedule.Check(name: $0).level }.max()
    // Index objects are repaired by what directories say.
    return max(context.flags[level] ?? only ?? .content, .tables)
  }

  /// Why a check is not made now.
  static func postponed(
    _ check: CheckSchedule.Check, last: Date?, now: Date, _ location: RepositoryLocation
  ) -> String {
    let past = last.map { "was made on \(Formats.time($0))" } ?? "was not made yet"
    return "\(location.path): Not checked: '\(check.name.rawValue)' \(past), and is due on "
      + "\(Formats.time(check.due(last: last, now: now))); 'coffer check --force' makes it now"
  }

  /// A check that is not remembered is made again, no more.
  private static func note(
    _ name: CheckOptions.Name, _ memory: CheckMemory, at date: Date, _ context: ActionContext
  ) {
    do {
      try memory.note(name, at: date)
    } catch {
      tellForgotten(
        "That '\(name.rawValue)' was checked cannot be noted, so the next run checks it again", error, context)
    }
  }

  static func tellForgotten(_ problem: String, _ error: any Error, _ context: ActionContext) {
    let cause = Diagnosis(of: error)
    context.console.warning(
      Console.text(
        Diagnosis(
          subject: cause.subject, problem: "\(problem): \(cause.problem)",
          suggestion: "Set user_state_directory to a folder that this user can write to")))
  }

  /// Whether the command line says which checks to make now.
  private static func isAsked(_ context: ActionContext) -> Bool {
    context.flags.contains(level) || context.flags.contains(only) || context.flags.contains(repair)
      || context.flags.contains(SharedFlags.force)
  }

  private static func checks(_ schedule: CheckSchedule, _ context: ActionContext) -> [CheckSchedule.Check] {
    guard context.flags.contains(only) else { return schedule.checks }
    return context.flags[only].map { name in
      schedule.checks.first { $0.name == name } ?? CheckSchedule.Check(name: name)
    }
  }

  private static func check(
    _ access: OpenRepository, _ check: CheckSchedule.Check, _ context: ActionContext
  ) throws {
    guard check.name != .restore else { return try Verification(context, access).run(VerifySelection(context)) }
    guard check.name != .spot else {
      guard let tolerances = check.tolerances else { throw SpotTolerances.missing }
      return try SpotCheck(context, access, tolerances).run()
    }
    let filter = try context.archiveFilter()
    guard let archive = try access.repository.archives().last(where: { try filter.sees($0) && $0.standing != .void })
    else {
      return context.console.remark("\(access.location.path): No archive to read for 'extract'")
    }
    let reader = try access.repository.reader()
    let progress = try ReadingProgress(context)
    defer { progress.stop() }
    progress.begin("archive \(archive.name), reading", total: archive.statistics.originalSize)
    try reader.forEachItem(of: archive, cancellation: context.cancellation) { item in
      guard case .file(let stream) = item.content else { return }
      try reader.read(stream, into: progress.counting(DiscardingSink()), cancellation: context.cancellation)
    }
    progress.stop()
    context.console.step("\(access.location.path): Archive \(archive.name) was read to its end")
  }
}

/// A check found damage; the findings were told one by one.
struct DamageFound: DiagnosableError, Equatable {
  let repository: String
  let count: Int

  var diagnosis: Diagnosis {
    let places = count == 1 ? "a place that is damaged" : "\(count) places that are damaged"
    return Diagnosis(
      subject: "repository \(repository)", problem: "The check found \(places) or cannot be read",
      suggestion: "Copy the repository as it is, then make a new backup: chunks that come by again are stored anew. "
        + "'coffer check --repair' says what is lost, and what heals")
  }
}
