import CofferConfiguration
import CofferRepository
import CofferSystem

/// A check of a repository's own content, and how its outcome is told.
struct RepositoryCheck {
  private let context: ActionContext
  private let access: OpenRepository
  private let memory: CheckMemory
  private let repairs: Bool

  init(_ context: ActionContext, _ access: OpenRepository, _ memory: CheckMemory, repairs: Bool) {
    self.context = context
    self.access = access
    self.memory = memory
    self.repairs = repairs
  }

  private var place: String { access.location.path }

  /// - Parameter duration: Seconds after which the check stops; the next one goes on there.
  /// - Returns: Whether everything was looked at.
  /// - Throws: `DamageFound`, when everything that was found has been told.
  func make(_ level: CheckLevel, duration: Int?) throws -> Bool {
    // No limit unless it is one.
    let newest = context.root[CheckOptions.last].flatMap { $0 > 0 ? $0 : nil }
    let limit = duration.map { CheckLimit(duration: Double($0), progress: memory.progress(level)) }
    let progress = try ReadingProgress(context)
    defer { progress.stop() }
    let report = try access.repository.check(
      level, newestArchives: newest, limit: limit, repairs: repairs && !context.isDryRun,
      watch: ShownCheck(progress: progress, place: place), cancellation: context.cancellation)
    progress.stop()
    if !context.isDryRun {
      if let progress = report.progress { note(progress) } else { memory.forgetProgress(level) }
    }
    tellRepairs(report)
    tellHealed(report.healed)
    for remark in report.remarks {
      context.console.warning("\(Console.text(remark.diagnosis)); no archive needs it")
    }
    for finding in report.findings { context.console.error(Self.diagnosis(of: finding)) }
    guard report.findings.isEmpty else { throw DamageFound(repository: place, count: report.findings.count) }
    tellEnd(report, level, newest)
    return report.progress == nil
  }

  private func tellEnd(_ report: CheckReport, _ level: CheckLevel, _ newest: Int?) {
    if let progress = report.progress {
      return context.console.step(
        "\(place): \(progress.packCount) of \(progress.packTotal) packs were looked at (level \(level.rawValue)); the time "
          + "is over, and the next check with a limit goes on from there")
    }
    if level >= .tables, report.archiveCount == 0 {
      return context.console.warning(
        "\(place): It holds no archive. A new repository looks like this, and one that has lost everything")
    }
    context.console.remark(
      "\(place): \(report.objectCount) objects and \(report.archiveCount) archives are whole (level \(level.rawValue))"
        + (newest.map { $0 < report.archiveCount ? "; only the newest \($0) were followed" : "" } ?? ""))
  }

  private func tellRepairs(_ report: CheckReport) {
    guard repairs else { return }
    let dry = context.isDryRun ? "; with --dry-run nothing was changed" : ""
    context.console.answer(
      "\(place): Index objects were made anew for \(report.indexedAgain) packs; nothing was removed\(dry)")
    guard report.leftUnindexed > 0 else { return }
    context.console.warning(
      "\(place): \(report.leftUnindexed) packs that write-only keys stored are in no index object, and were not read "
        + "whole: 'coffer check --repair --level 4' does that and names them again")
  }

  private func tellHealed(_ items: [DamagedItem]) {
    guard !items.isEmpty else { return }
    for item in items {
      let line =
        "\(Self.title(of: item)): Bytes \(ByteRanges.text(item.healed)) are read from another copy; nothing is missing"
      if repairs { context.console.answer(line) } else { context.console.step(line) }
    }
    context.console.remark(
      "\(place): Damage takes nothing from \(items.count) files and dumps of archives: other copies of what was damaged "
        + "are whole")
  }

  private static func diagnosis(of finding: CheckFinding) -> Diagnosis {
    guard let item = finding.item else { return finding.diagnosis }
    return Diagnosis(
      subject: title(of: item), problem: finding.problem,
      suggestion: "It heals when a backup stores the same bytes again; an older or newer archive may have them whole")
  }

  /// A database by its name, as far as the archive tells it.
  private static func title(of item: DamagedItem) -> String {
    let archive = "archive \(item.archive.name)"
    guard let record = try? DumpRecord(of: item.item) else { return "\(archive), \(item.item.path)" }
    return "\(archive), \(ArchiveDump(record: record, items: [item.item]).identity.title)"
  }

  /// A check that is not remembered begins anew, no more.
  private func note(_ progress: CheckProgress) {
    do {
      try memory.note(progress)
    } catch {
      CheckAction.tellForgotten("How far the check came cannot be noted, so the next one begins anew", error, context)
    }
  }
}

/// Shows how far a check of a repository is.
private struct ShownCheck: CheckWatch {
  let progress: ReadingProgress
  let place: String

  func begins(_ stage: CheckStage, total: UInt64) {
    let title =
      switch stage {
      case .packs: "looking at packs"
      case .archives: "following archives"
      }
    progress.begin("\(place), \(title)", total: total)
  }

  func isThrough(_ bytes: UInt64) {
    progress.add(bytes)
  }
}
