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
    sample = context.root[VerifyOptions.sample]
  }
}

/// Drills for the dumps of a repository.
struct Verification {
  private let context: ActionContext
  private let access: OpenRepository
  private let memory: ProofMemory

  /// - Throws: `CryptographyError`.
  init(_ context: ActionContext, _ access: OpenRepository) throws {
    self.context = context
    self.access = access
    memory = ProofMemory(try CheckMemory(context, access))
  }

  /// Restores what is chosen, one dump after the other.
  ///
  /// - Throws: What is wrong with any of them, together, when all have had their turn.
  func run(_ selection: VerifySelection) throws {
    let reader = try access.repository.reader()
    let chosen = try chosen(selection, reader)
    let count = min(selection.sample ?? chosen.count, chosen.count)
    guard !context.isDryRun else {
      for (dump, archive) in chosen.prefix(count) {
        context.console.answer("Would restore \(dump.identity.title) of \(archive.name) to a throw-away place")
      }
      return
    }
    let progress = try ReadingProgress(context)
    defer { progress.stop() }
    let drill = DumpDrill(
      context: context, reader: reader, hooks: try context.hookContext(), progress: progress)
    var proofs: [Proof] = []
    var failures: [any Error] = []
    // Those that are passed over take nobody's turn.
    for (dump, archive) in chosen where proofs.count < count {
      context.console.step(
        "\(access.location.path): Restoring \(dump.identity.title) of \(archive.name) to a throw-away place "
          + "(\(proofs.count + 1) of \(count))")
      let outcome = try drill.run(dump, of: archive)
      for warning in outcome.warnings { context.console.warning("\(dump.identity.title): \(warning)") }
      guard let proof = outcome.proof else { continue }
      if let failure = outcome.failure { failures.append(failure) } else { tell(proof, dump) }
      proofs.append(proof)
      note(proof)
    }
    if context.wantsJSON { report(proofs) }
    warnOfOldProofs(chosen.map(\.dump))
    if !failures.isEmpty { throw SeveralErrors(failures) }
  }

  private func chosen(
    _ selection: VerifySelection, _ reader: ArchiveReader
  ) throws -> [(dump: ArchiveDump, archive: Archive)] {
    let filter = try context.archiveFilter()
    let archives =
      try selection.archive.map { [try access.archive($0, filter)] }
      ?? access.repository.archives().filter { filter.sees($0) && $0.standing == .counts }
    var all: [(dump: ArchiveDump, archive: Archive)] = []
    for archive in archives {
      context.tellMissing(from: archive)
      let dumps = try ArchiveDump.all(in: try reader.items(of: archive, cancellation: context.cancellation))
      guard !dumps.isEmpty else {
        context.console.remark("\(access.location.path): Archive \(archive.name) holds no dumps")
        continue
      }
      // Globals alone, and a name that an older archive does not have yet.
      let isOptional = archives.count > 1 || selection.dumps.databases.isEmpty && dumps.allSatisfy(\.identity.isGlobals)
      do {
        all += try selection.dumps.select(from: dumps, archive: archive.name, missing: archive.draft.missingDumps)
          .map { ($0, archive) }
      } catch let failure {
        guard isOptional else { throw failure }
      }
    }
    return inTurn(all, isSample: selection.sample != nil)
  }

  /// Those that were never proven, then those whose proofs are the oldest; the order of the archive otherwise.
  private func inTurn(
    _ all: [(dump: ArchiveDump, archive: Archive)], isSample: Bool
  ) -> [(dump: ArchiveDump, archive: Archive)] {
    guard isSample else { return all }
    let times = lastTimes()
    let order = all.indices.sorted { left, right in
      let (one, other) = [left, right].map { times[ExactName(all[$0].dump.identity.path)] ?? .distantPast }.pair
      return one == other ? left < right : one < other
    }
    return order.map { all[$0] }
  }

  /// When each was last tried: one that fails must not keep the others from their turn.
  private func lastTimes() -> [ExactName: Date] {
    Dictionary(memory.proofs().map { (ExactName($0.dump), $0.time) }, uniquingKeysWith: max)
  }

  private func tell(_ proof: Proof, _ dump: ArchiveDump) {
    guard !context.wantsJSON else { return }
    let counts =
      proof.tables.map { "\(Self.count($0, "table"))" + (proof.rows.map { ", \(Self.count($0, "row"))" } ?? "") + ", " }
      ?? ""
    let compared =
      switch (proof.isCompared, proof.tables ?? 0, proof.comparedTables ?? 0) {
      case (false, _, _): "not compared, because they were not counted when dumped"
      case (true, let all, let some) where some < all: "rows of \(some) of \(all) tables compared"
      default: "as they were dumped"
      }
    let end = proof.tables == nil ? "nothing compared, " : "\(counts)\(compared), "
    context.console.answer(
      "Proven: \(dump.identity.title) of \(proof.archive): \(end)restored in "
        + "\(Formats.duration(proof.seconds ?? 0)) by \(proof.server ?? "nobody")")
  }

  private static func count(_ number: some BinaryInteger, _ word: String) -> String {
    "\(number) \(word)\(number == 1 ? "" : "s")"
  }

  /// A proof that is not remembered is made again, no more.
  private func note(_ proof: Proof) {
    do {
      try memory.note([proof])
    } catch {
      CheckAction.tellForgotten("That a dump was proven cannot be noted", error, context)
    }
  }

  private func report(_ proofs: [Proof]) {
    context.run.outcomes.add(
      .object([
        "repository": JSONShapes.repository(access, lastModified: nil), "proofs": .list(proofs.map(\.json)),
      ]))
  }

  private func warnOfOldProofs(_ dumps: [ArchiveDump]) {
    guard let limit = context.root[VerifyOptions.within]?.seconds else { return }
    let now = context.surroundings.clock.now()
    let proven = memory.proofs().filter(\.isProven)
    for dump in dumps {
      let last = proven.first { $0.dump.isSame(as: dump.identity.path) }
      guard let last else {
        context.console.warning("\(dump.identity.title): It was never proven to restore")
        continue
      }
      guard now.timeIntervalSince(last.time) > limit else { continue }
      context.console.warning("\(dump.identity.title): It was last proven to restore \(last.age(at: now)) ago")
    }
  }
}

extension [Date] {
  /// The two that there are.
  fileprivate var pair: (Date, Date) { (self[0], self[1]) }
}
