import CofferConfiguration
import CofferRepository
import CofferSystem
import Foundation

/// `check`: looks for damage.
enum CheckAction {
  private static let level = Flag<CheckLevel?>(
    "--level", value: "N", FlagParser("a number from 1 to 4") { Int($0).flatMap(CheckLevel.init) },
    help: "1: objects are what their names say. 2: and tables open and agree. 3: and every archive finds all it needs. "
      + "4: and every byte decrypts, decompresses and hashes to what it should. Default: what 'checks' says.")
  private static let only = Flag<[CheckOptions.Name]>(
    "--only", value: "CHECK", each: .choice,
    help:
      "Make this check, whatever 'checks' says: repository (level 2), archives (3), data (4) or extract, which reads "
      + "the newest archive to its end; may be repeated.")

  static let declaration = ActionDeclaration(
    "check", "-k", abstract: "Look for damage in the repositories.",
    discussion: """
      Each level does what the ones below it do. Damage is told with the object and the archives it affects. \
      Packs that are found damaged are remembered in the repository: nothing leans on them any more, and the next backup \
      stores anew what comes by of them. A check \
      that the configuration wants once a week, say, is passed over until a week after it was last made; a check that \
      is asked for by --level, --only or --force is made now.
      """,
    flags: [level, only, SharedFlags.force, SharedFlags.repository], examples: ["coffer check --level 4"],
    options: [CheckOptions.schema], isMonitored: true, run: run)

  private static func run(_ context: ActionContext) throws {
    let schedule = CheckSchedule(context.root)
    let wanted = context.root[CheckOptions.repositories]
    try context.forEachRepository { location in
      if let wanted, !wanted.contains(where: location.matches), !isAsked(context) {
        return context.console.remark("\(location.path): Not checked: it is not among check_repositories")
      }
      let access = try context.open(location)
      if let level = context.flags[level] { return try check(access, level, context) }
      let memory = CheckMemory(context, repository: access.repository.header.id)
      let now = context.surroundings.clock.now()
      let wanted = checks(schedule, context)
      if wanted.isEmpty { context.console.remark("\(location.path): Not checked: 'checks' names no check") }
      let due = wanted.filter { isAsked(context) || $0.isDue(last: memory.last($0.name), now: now) }
      for check in wanted where !due.contains(check) {
        context.console.remark(Self.postponed(check, last: memory.last(check.name), now: now, location))
      }
      if let level = due.compactMap(\.level).max() { try check(access, level, context) }
      for check in due where check.level == nil { try self.check(access, check.name, context) }
      for check in due where !context.isDryRun && check.name != .spot { note(check, memory, at: now, context) }
    }
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
    _ check: CheckSchedule.Check, _ memory: CheckMemory, at date: Date, _ context: ActionContext
  ) {
    do {
      try memory.note(check.name, at: date)
    } catch {
      let cause = Diagnosis(of: error)
      context.console.warning(
        Console.text(
          Diagnosis(
            subject: cause.subject,
            problem: "That '\(check.name.rawValue)' was checked cannot be noted, so the next run checks it again: "
              + cause.problem,
            suggestion: "Set user_state_directory to a folder that this user can write to")))
    }
  }

  /// Whether the command line says which checks to make now.
  private static func isAsked(_ context: ActionContext) -> Bool {
    context.flags.contains(level) || context.flags.contains(only) || context.flags.contains(SharedFlags.force)
  }

  private static func checks(_ schedule: CheckSchedule, _ context: ActionContext) -> [CheckSchedule.Check] {
    guard context.flags.contains(only) else { return schedule.checks }
    return context.flags[only].map { CheckSchedule.Check(name: $0) }
  }

  private static func check(_ access: OpenRepository, _ level: CheckLevel, _ context: ActionContext) throws {
    // No limit unless it is one.
    let newest = context.root[CheckOptions.last].flatMap { $0 > 0 ? $0 : nil }
    let report = try access.repository.check(
      level, newestArchives: newest, cancellation: context.cancellation)
    for remark in report.remarks {
      context.console.warning("\(Console.text(remark.diagnosis)); no archive needs it")
    }
    for finding in report.findings { context.console.error(finding.diagnosis) }
    guard report.findings.isEmpty else {
      throw DamageFound(repository: access.location.path, count: report.findings.count)
    }
    context.console.step(
      "\(access.location.path): \(report.objectCount) objects and \(report.archiveCount) archives are whole "
        + "(level \(level.rawValue))"
        + (newest.map { $0 < report.archiveCount ? "; only the newest \($0) were followed" : "" } ?? ""))
  }

  private static func check(
    _ access: OpenRepository, _ name: CheckOptions.Name, _ context: ActionContext
  ) throws {
    guard name == .extract else {
      return context.console.warning("The check '\(name.rawValue)' is not made yet; 'data' reads every stored byte")
    }
    let filter = try context.archiveFilter()
    guard let archive = try access.repository.archives().last(where: { filter.sees($0) && $0.standing != .void }) else {
      return context.console.remark("\(access.location.path): No archive to read for 'extract'")
    }
    let reader = try access.repository.reader()
    for item in try reader.items(of: archive, cancellation: context.cancellation) {
      guard case .file(let stream) = item.content else { continue }
      try reader.read(stream, into: DiscardingSink(), cancellation: context.cancellation)
    }
    context.console.step("\(access.location.path): Archive \(archive.name) was read to its end")
  }
}

/// A check found damage; the findings were told one by one.
struct DamageFound: DiagnosableError, Equatable {
  let repository: String
  let count: Int

  var diagnosis: Diagnosis {
    Diagnosis(
      subject: "repository \(repository)", problem: "The check found damage in \(count) places",
      suggestion: "Copy the repository as it is, then make a new backup: chunks that come by again are stored anew")
  }
}
