import CofferSystem

/// Judges which packs of what index objects say are to be leaned on.
struct LeanablePacks {
  let context: RepositoryContext
  /// The packs that are in the store, with their sizes.
  let existing: [Digest256: Int]
  /// Those that were found damaged, as somebody has just looked for them; nil to look here.
  var quarantined: Set<Digest256>?

  /// The runs that count for a purpose, those of trusted keys first, each avoiding the packs that are not to be leaned on.
  func runs(_ runs: [IndexRun], for purpose: IndexLoader.Purpose) throws -> [IndexRun] {
    let trusted = runs.filter { isTrusted($0.signer) }
    // Of all runs before any is judged: a pack may lean on one of another run.
    for run in trusted {
      for pack in packs(of: run) { if let size = wrongSize(pack) { note(pack.digest, size: size, instead: pack.size) } }
    }
    let damaged = damagedPacks(trusted, try quarantined ?? context.quarantine.load(context))
    let judged = trusted.map { run in
      run.avoiding(numbers(in: run) { damaged.contains($0.digest) || purpose.isWriting && !isTrusted($0, in: run) })
    }
    guard !purpose.isWriting else { return judged }
    return judged + runs.filter { !isTrusted($0.signer) }.map { avoidingDoubtful($0, damaged) }
  }

  /// What a run that is nobody's word says against a pack concerns its own copies only.
  private func avoidingDoubtful(_ run: IndexRun, _ damaged: Set<Digest256>) -> IndexRun {
    var doubtful = numbers(in: run) { damaged.contains($0.digest) || wrongSize($0) != nil }
    for (number, base) in run.bases where existing[base] == nil || damaged.contains(base) { doubtful.insert(number) }
    return run.avoiding(doubtful)
  }

  /// The packs that were found damaged, have another size than they should, or are gone, and all that lean on such, however
  /// far down.
  private func damagedPacks(_ trusted: [IndexRun], _ quarantined: Set<Digest256>) -> Set<Digest256> {
    var damaged = quarantined
    var leaning: [Digest256: [Digest256]] = [:]
    for run in trusted {
      for pack in packs(of: run) where wrongSize(pack) != nil { damaged.insert(pack.digest) }
      for (number, base) in run.bases {
        leaning[base, default: []].append(run.pack(number).digest)
        if existing[base] == nil { damaged.insert(base) }
      }
    }
    var rest = Array(damaged)
    while let base = rest.popLast() {
      for pack in leaning[base] ?? [] where damaged.insert(pack).inserted { rest.append(pack) }
    }
    return damaged
  }

  private func wrongSize(_ pack: IndexRun.Pack) -> Int? {
    guard let size = existing[pack.digest], size != pack.size, pack.size > 0 else { return nil }
    return size
  }

  private func note(_ pack: Digest256, size: Int, instead right: Int) {
    context.remarks.add(
      Diagnosis(
        subject: "repository \(context.location)",
        problem: "Pack \(pack) has \(size) bytes instead of \(right); nothing leans on it any more, and what it holds "
          + "is stored again when it comes by",
        suggestion: "Run 'coffer check' to see which archives are affected"))
    context.quarantine.add(pack, "it has \(size) bytes instead of \(right)", context)
  }

  // MARK: - Whose word counts

  /// Whose pack it is: only a full key's index object is believed when it names packs of another key.
  private func isTrusted(_ pack: IndexRun.Pack, in run: IndexRun) -> Bool {
    guard let signer = pack.signer, context.signers[run.signer]?.role == .full else { return isTrusted(run.signer) }
    return isTrusted(signer)
  }

  private func isTrusted(_ signer: KeyID) -> Bool {
    context.signers[signer].map(context.trustsForDeduplication) ?? false
  }

  private func packs(of run: IndexRun) -> some Sequence<IndexRun.Pack> {
    (0..<run.layout.packCount).lazy.map { run.pack($0) }
  }

  private func numbers(in run: IndexRun, where isMeant: (IndexRun.Pack) -> Bool) -> Set<Int> {
    Set((0..<run.layout.packCount).filter { isMeant(run.pack($0)) })
  }
}
