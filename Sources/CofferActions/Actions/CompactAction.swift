import CofferConfiguration
import CofferRepository
import CofferSystem
import Glibc

/// `compact`: gives the space of deleted archives back.
enum CompactAction {
  private static let threshold = Flag<Int?>(
    "--threshold", value: "PERCENT", .number(0...100),
    help: "How much of a pack must be unused before the rest is written anew. Default: compact_threshold.")
  private static let maximum = Flag<Int?>(
    "--max-repack-size", value: "SIZE", .size,
    help: "Read and write anew at most so much, those packs first that give most for least. Packs that nothing needs "
      + "any more go in any case. For example 500M or 20G.")
  private static let wait = Flag<Double>(
    "--wait", value: "DURATION", .duration, default: 0,
    help:
      "How long to wait for backups that are running, for example 30m or 2h. Without it, what is left to do is left to "
      + "the next run.")
  private static let exclusive = Flag<Bool>(
    "--exclusive",
    help: "Promise that nobody else compacts the repository meanwhile. Places that overwrite what has a name already, "
      + "as rclone does, are compacted only with it.")
  private static let cleanup = Flag<Bool>("--cleanup-commits", help: "Accepted; it has no effect.")

  static let declaration = ActionDeclaration(
    "compact", abstract: "Give back the space of deleted archives.",
    discussion: """
      Also writes packs anew out of which the newest archives are restored by decoding much more than they hold, because days of \
      edits lean on each other's data: theirs in full and in order, older archives' as differences. \
      Works beside any number of backups and restores, also of other machines, and may be stopped at any time: the next run \
      takes up what was begun. Backups that were running when it began are waited for before anything is deleted; if they \
      have not ended after --wait, the run says which, and is a success: the next one goes on. As long as an archive's record \
      or lists cannot be read nothing is deleted; of archives of write-only keys that lasts a week, and what can be reached \
      of them is kept. With a write-only key it does nothing, and says so. Nor does it, without --exclusive, where the place \
      overwrites what has a name already: there two that compact at the same moment would undo each other's decisions. In object \
      storage that locks objects (s3: object_lock_days), locks of which less than half is left are renewed afterwards.
      """,
    flags: [
      SharedFlags.repository, threshold, maximum, wait, exclusive, SharedFlags.progress, SharedFlags.json, cleanup,
    ],
    examples: ["coffer compact --dry-run", "coffer compact --max-repack-size 20G --wait 1h"],
    options: [RetentionOptions.compaction, GeneralOptions.packing], isMonitored: true, run: run)

  /// Archives that are not whole which are told one by one: a stolen key may store thousands.
  private static let told = 10

  private static func run(_ context: ActionContext) throws {
    try context.forEachRepository { location in
      let access = try context.open(location)
      // Hosts that may only add run a bare 'coffer', too.
      guard access.repository.role == .full else {
        if context.wantsJSON { context.run.outcomes.add(skipped(access)) }
        let reason = "\(location.path): Not compacted: the key in use is write-only; it takes a full one"
        return context.run.parsed.isStandard ? context.console.remark(reason) : context.console.warning(reason)
      }
      let options = CompactionOptions(
        threshold: context.flags[threshold] ?? context.root[RetentionOptions.compactThreshold].value,
        repackSize: context.flags[maximum], wait: context.flags[wait], isDryRun: context.isDryRun,
        compressionLevel: context.root[GeneralOptions.compression].level, isExclusive: context.flags[exclusive])
      let console = context.console
      let showsProgress =
        context.flags.contains(SharedFlags.progress) || context.root[OutputOptions.progress]
        || (console.isTerminal && console.verbosity >= 0 && !context.wantsJSON)
      defer { if showsProgress { console.status("") } }
      let report: CompactionReport
      do {
        report = try access.repository.compact(options, cancellation: context.cancellation) { progress in
          if showsProgress { console.status("\(location.path): \(text(progress))") }
        }
      } catch CompactionError.overwritingStore where context.run.parsed.isStandard {
        // Every run of a timer would fail by it; repo-create has said it.
        if context.wantsJSON { context.run.outcomes.add(skipped(access)) }
        return context.console.remark(
          "\(location.path): Not compacted: the place overwrites what has a name already; run 'coffer compact "
            + "--exclusive' while nobody else compacts it")
      }
      // What the compaction did is told, whatever comes of that.
      let locks = Result { try access.renewLocks(context) }
      if showsProgress { console.status("") }
      for pack in report.damagedPacks {
        console.warning(
          "\(location.path): Pack \(pack) is damaged, and something needed in it is nowhere else; it stays as it is. Run "
            + "'coffer check --level 4' to see which archives are affected")
      }
      for archive in report.incompleteArchives.prefix(told) {
        console.warning(
          "\(location.path): Archive \(Quoting.terminal(archive.name)) (\(archive.id)), which a write-only key has signed, is "
            + "not whole; what can be reached of it is kept. \(Quoting.terminal(archive.detail)). If it is lost for good, "
            + "'coffer delete --archive \(archive.id)' takes it away")
      }
      if report.incompleteArchives.count > told {
        console.warning(
          "\(location.path): So are \(report.incompleteArchives.count - told) more archives; 'coffer check' names them")
      }
      if context.wantsJSON {
        let renewed: LockReport? = if case .success(let renewed) = locks { renewed } else { nil }
        context.run.outcomes.add(json(report, renewed, access))
      } else {
        tell(report, location, context)
      }
      _ = try locks.get()
    }
  }

  private static func text(_ progress: CompactionProgress) -> String {
    switch progress {
    case .marking(let number, let count): "Looking what archive \(number) of \(count) needs"
    case .moving(let number, let count): "Writing anew what is needed of pack \(number) of \(count)"
    case .waiting(let count): "Waiting for \(count) running \(count == 1 ? "backup" : "backups")"
    case .verifying(let number, let count): "Making sure that nothing needs pack \(number) of \(count)"
    case .deleting(let number, let count): "Deleting pack \(number) of \(count)"
    }
  }

  private static func tell(_ report: CompactionReport, _ location: RepositoryLocation, _ context: ActionContext) {
    let packs = "\(report.packs) \(report.packs == 1 ? "pack" : "packs") of \(Formats.size(report.packSize))"
    let reason = report.refreshedPacks > 0 ? " (\(report.refreshedPacks) so that restores stay fast)" : ""
    let moved = report.movedPacks > 0 ? ", \(report.movedPacks) of them written anew in part\(reason)" : ""
    let traffic = "read \(Formats.size(report.bytesRead)) and wrote \(Formats.size(report.bytesWritten))"
    // Who has asked at a terminal is answered; a run by a timer is silent when all is well.
    let isAsked = !context.run.parsed.isStandard
    func tell(_ text: String, _ isAnswer: Bool) {
      if isAnswer { context.console.answer(text) } else { context.console.step(text) }
    }
    let isWatched = isAsked && context.console.isTerminal
    if report.logs.joinedSegments > 0 {
      tell(
        "\(location.path): Joined \(report.logs.joinedSegments) small segments of logs into \(report.logs.joinedObjects) objects",
        false)
    }
    switch report.outcome {
    case .nothing:
      tell("\(location.path): Nothing to give back: \(Formats.size(report.sizeAfter))", isWatched)
    case .planned:
      context.console.answer(
        "\(location.path): Would give up \(packs)\(moved); about \(Formats.size(report.gain)) come free")
    case .waiting where context.isDryRun:
      context.console.answer("\(location.path): Would go on with round \(report.round), which was begun before")
    case .waiting:
      // Every hour somebody backs up: no news for who has not asked for compacting.
      for session in report.waitingFor { tell("\(location.path): Waiting for \(text(session))", isAsked) }
      tell(
        "\(location.path): What goes is decided when these have ended, by the next 'coffer compact'; \(traffic)",
        isAsked)
    case .done:
      tell(
        "\(location.path): Gave up \(packs)\(moved); \(Formats.size(report.sizeBefore)) before, "
          + "\(Formats.size(report.sizeAfter)) after; \(traffic)", isWatched)
    case .overtaken:
      context.console.step("\(location.path): Somebody else goes on with the compaction")
    }
  }

  private static func text(_ session: AwaitedSession) -> String {
    let kind = session.isWriteOnly ? "the backup with a write-only key" : "the backup"
    let host = session.hostname.map { " on \(Quoting.terminal($0))" } ?? ""
    return "\(kind) of process \(session.process)\(host), last heard of on \(Formats.time(session.lastSign))"
  }

  private static func skipped(_ access: OpenRepository) -> JSONValue {
    .object([
      "repository": JSONShapes.repository(access, lastModified: nil),
      "compaction": .object(["outcome": .text("skipped")]),
    ])
  }

  private static func json(
    _ report: CompactionReport, _ locks: LockReport?, _ access: OpenRepository
  ) -> JSONValue {
    .object([
      "repository": JSONShapes.repository(access, lastModified: nil),
      "compaction": .object([
        "outcome": .text(report.outcome.rawValue), "round": .number(report.round),
        "size_before": .number(Int(clamping: report.sizeBefore)),
        "size_after": .number(Int(clamping: report.sizeAfter)),
        "packs": .number(report.packs), "packs_size": .number(Int(clamping: report.packSize)),
        "space_to_come": report.outcome == .planned ? .number(Int(clamping: report.gain)) : .null,
        "repacked": .number(report.movedPacks), "repacked_size": .number(Int(clamping: report.movedSize)),
        "refreshed": .number(report.refreshedPacks), "refreshed_size": .number(Int(clamping: report.refreshedSize)),
        "pardoned": .number(report.pardonedPacks), "damaged": .list(report.damagedPacks.map { .text($0) }),
        "incomplete_archives": .list(
          report.incompleteArchives.map {
            .object(["archive": .text($0.name), "id": .text($0.id), "problem": .text($0.detail)])
          }),
        "log_segments_joined": .number(report.logs.joinedSegments),
        "log_objects_joined": .number(report.logs.joinedObjects),
        "log_objects_deleted": .number(report.logs.deletedObjects),
        "bytes_read": .number(Int(clamping: report.bytesRead)),
        "bytes_written": .number(Int(clamping: report.bytesWritten)),
        "locks": locks.map {
          .object(["objects": .number($0.objects), "renewed": .number($0.renewed)])
        } ?? .null,
        "waiting_for": .list(
          report.waitingFor.map { session in
            .object([
              "session": .text(session.id), "hostname": JSONValue(session.hostname),
              "process": .number(Int(session.process)), "write_only": .bool(session.isWriteOnly),
              "last_sign": .text(Formats.isoTime(session.lastSign)),
            ])
          }),
      ]),
    ])
  }
}
