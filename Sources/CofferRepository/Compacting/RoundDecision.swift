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
    for (number, pack) in condemned.sorted().enumerated() {
      try cancellation.check()
      progress(.verifying(pack: number + 1, of: condemned.count))
      let needs = try catalogue.needs(of: pack, survey.marks, context)
      guard needs.isKnown else { continue }
      if try verifier.verified(needs, survives: survivors.contains).allSatisfy({ $0 }) { going.insert(pack) }
    }
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
