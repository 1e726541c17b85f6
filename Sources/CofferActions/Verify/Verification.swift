import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferSystem
import FoundationEssentials
import Glibc

/// Which dumps are to be shown to restore.
struct VerifySelection {
  /// The archive's name, its id, or `latest`; nil for all that count.
  var archive: String? = "latest"
  /// Of each archive.
  var dumps: RestoreSelection
  /// How many, those first that were not proven for longest; nil for all.
  var sample: Int?

  /// What the configuration wants.
  init(_ context: ActionContext) {
    dumps = RestoreSelection(hooks: context.run.hooks)
    dumps.takesGlobals = true
    sample = context.root[VerifyOptions.sample]
  }
}

/// Drills for the dumps of a repository.
struct Verification {
  private let context: ActionContext
  private let access: OpenRepository

  init(_ context: ActionContext, _ access: OpenRepository) {
    self.context = context
    self.access = access
  }

  /// Restores what is chosen, one dump after the other.
  ///
  /// - Throws: What is wrong with any of them, together, when all have had their turn.
  func run(_ selection: VerifySelection) throws {
    let reader = try access.repository.reader()
    let history = try ProofHistory(context, access)
    let chosen = try chosen(selection, reader, history)
    let count = min(selection.sample ?? chosen.count, chosen.count)
    guard !context.isDryRun else {
      for (dump, archive) in chosen.prefix(count) {
        context.console.answer("Would restore \(dump.identity.title) of \(archive.name) to \(place(dump))")
      }
      return
    }
    let progress = try ReadingProgress(context)
    defer { progress.stop() }
    let drill = DumpDrill(
      context: context, reader: reader, hooks: try context.hookContext(), progress: progress)
    let keeper = ProofKeeper(context, access)
    // Also of a run that is stopped.
    defer { keeper.put() }
    var proofs: [Proof] = []
    var failures: [any Error] = []
    for (dump, archive) in chosen.prefix(count) {
      context.console.step(
        "\(access.location.path): Restoring \(dump.identity.title) of \(archive.name) to \(place(dump)) "
          + "(\(proofs.count + 1) of \(count))")
      let outcome = try drill.run(dump, of: archive)
      for warning in outcome.warnings { context.console.warning("\(dump.identity.title): \(warning)") }
      if let failure = outcome.failure { failures.append(failure) } else { tell(outcome.proof, dump) }
      proofs.append(outcome.proof)
      keeper.take(outcome.proof)
    }
    keeper.put()
    if context.wantsJSON { report(proofs) }
    ProofDeadline(context, access)?.warn(of: chosen.map(\.dump), history.adding(proofs))
    if !failures.isEmpty { throw SeveralErrors(failures) }
  }

  /// Where it will be restored, for messages.
  private func place(_ dump: ArchiveDump) -> String {
    let hook = context.run.hooks.hook(named: dump.record.hook)
    let host = hook?.isServerWide(dump.facts) == true ? nil : hook?.drillHost(of: dump.facts, root: context.root)
    return host.map { "a database of its own on \(Quoting.terminal($0))" } ?? "a throw-away place"
  }

  private func chosen(
    _ selection: VerifySelection, _ reader: ArchiveReader, _ history: ProofHistory
  ) throws -> [(dump: ArchiveDump, archive: Archive)] {
    let filter = try context.archiveFilter()
    let archives =
      try selection.archive.map { [try access.archive($0, filter)] }
      ?? access.repository.archives().filter { try filter.sees($0) && $0.standing == .counts }
    var all: [(dump: ArchiveDump, archive: Archive)] = []
    for archive in archives {
      context.tellMissing(from: archive)
      let dumps = try ArchiveDump.all(of: archive, reader, context.cancellation)
      guard !dumps.isEmpty else {
        context.console.remark("\(access.location.path): Archive \(archive.name) holds no dumps")
        continue
      }
      // A name that an older archive does not have yet.
      let isOptional = archives.count > 1
      do {
        all += try selection.dumps.select(from: dumps, archive: archive.name, missing: archive.draft.missingDumps)
          .map { ($0, archive) }
      } catch let failure {
        guard isOptional else { throw failure }
      }
    }
    return selection.sample == nil ? all : inTurn(all, history)
  }

  /// Those that were never tried, then those whose last trials are the oldest; the order of the archive otherwise.
  private func inTurn(
    _ all: [(dump: ArchiveDump, archive: Archive)], _ history: ProofHistory
  ) -> [(dump: ArchiveDump, archive: Archive)] {
    let times = history.lastTrials
    let order = all.indices.sorted { left, right in
      let (one, other) = [left, right].map { times[ExactName(all[$0].dump.identity.path)] ?? .distantPast }.pair
      return one == other ? left < right : one < other
    }
    return order.map { all[$0] }
  }

  private func tell(_ proof: Proof, _ dump: ArchiveDump) {
    guard !context.wantsJSON else { return }
    // Of a dump of accounts alone, that there are no tables says nothing.
    let tables = proof.accounts == nil || proof.tables ?? 0 > 0 ? proof.tables : nil
    let counts = [
      proof.accounts.map { "\(Self.count($0, "account"))" }, tables.map { Self.count($0, "table") },
      proof.rows.map { Self.count($0, "row") },
    ].compactMap { $0.map { "\($0), " } }.joined()
    let compared =
      switch (proof.isCompared, proof.tables ?? 0, proof.comparedTables ?? 0) {
      case (false, _, _): "not compared, because they were not counted when dumped"
      case (true, let all, let some) where some < all: "rows of \(some) of \(all) tables compared"
      default: "as they were dumped"
      }
    let asked = (proof.questions ?? 0) > 0 ? "\(Self.count(proof.questions ?? 0, "question")) answered, " : ""
    let end = (proof.tables == nil ? "nothing compared, " : "\(counts)\(compared), ") + asked
    context.console.answer(
      "Proven: \(dump.identity.title) of \(proof.archive): \(end)\(proof.isRestored ? "restored" : "read, not restored,") in "
        + "\(Formats.duration(proof.seconds ?? 0)) by \(proof.server ?? "nobody")")
  }

  private static func count(_ number: some BinaryInteger, _ word: String) -> String {
    "\(number) \(word)\(number == 1 ? "" : "s")"
  }

  private func report(_ proofs: [Proof]) {
    context.run.outcomes.add(
      .object([
        "repository": JSONShapes.repository(access, lastModified: nil), "proofs": .list(proofs.map(\.json)),
      ]))
  }
}

extension [Date] {
  /// The two that there are.
  fileprivate var pair: (Date, Date) { (self[0], self[1]) }
}
