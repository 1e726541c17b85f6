import CofferStorage
import CofferSystem

/// What a round that is closed decides: which condemned packs go, and what of earlier rounds counts from then on.
///
/// The plan may be old and wrong. What it condemns is looked at anew, pack by pack, by the packs' own directories: one goes only
/// if everything needed in it has another copy, in a pack that counts and is not condemned, which was read just now.
struct RoundDecision {
  let going: Set<Digest256>
  /// Older index objects that count further on.
  let index: Set<Digest256>
  /// Packs that a new index object has to name, since the old ones name what goes, too.
  let uncovered: Set<Digest256>
  /// The archives of earlier rounds that count, by their ids.
  let census: [String]
  /// Condemned packs that stay.
  let pardoned: Set<Digest256>

  /// - Throws: `StorageError`, when the store does not answer; `RunCancelled`; `IndexCache.Damaged`.
  init(
    _ plan: RoundPlan, _ survey: RoundSurvey, _ context: RepositoryContext, _ cancellation: Cancellation,
    progress: @Sendable (CompactionProgress) -> Void
  ) throws {
    let catalogue = survey.catalogue
    let condemned = plan.condemned.intersection(survey.standing.keys)
    let survivors = survey.counting.subtracting(plan.condemned)
    let verifier = try CopyVerifier(context, catalogue, cancellation)
    var going: Set<Digest256> = []
    try catalogue.forEachBatch(
      of: condemned.sorted(), survey.marks, context,
      willRead: { number in
        try cancellation.check()
        progress(.verifying(pack: number + 1, of: condemned.count))
      },
      { batch in
        let verified = try verifier.verified(batch.filter(\.isKnown), survives: survivors.contains)
        for (needs, chunks) in zip(batch.filter(\.isKnown), verified) where chunks.allSatisfy({ $0 }) {
          going.insert(needs.pack)
        }
      })
    going = catalogue.withoutBasesOfRest(going)
    let (kept, covered, uncovered) = survey.index.divided(without: going)
    self.going = going
    pardoned = condemned.subtracting(going)
    index = Set(kept.filter { $0.round < plan.round }.map(\.digest))
    // A pack whose base is gone is no pack to lean on.
    self.uncovered = uncovered.union(pardoned).subtracting(covered).filter { digest in
      catalogue.packs[digest]?.bases.allSatisfy { catalogue.packs[$0] != nil && !going.contains($0) } == true
    }
    census = survey.archives.filter { $0.round < plan.round }.map(\.id)
  }
}
