import CofferStorage
import CofferSystem
import Testing

@testable import CofferRepository

@Suite("The program makes of rounds what the model does")
struct RoundModelTests {
  private let repository: TestRepository

  init() throws {
    repository = try TestRepository()
  }

  private func archive(_ number: Int) -> String { "20270101t000000z-\(number)" }

  /// Puts what the model's list shows.
  private func show(_ listing: RoundListing) throws {
    for status in try repository.store.list("gc") { try repository.store.delete(status.name) }
    func digests(_ numbers: SmallSet) -> Set<Digest256> { Set(numbers.elements.map { digest(UInt8($0)) }) }
    for plan in listing.plans {
      try repository.plan(plan.round, condemned: digests(plan.condemned), index: digests(plan.index))
    }
    for round in listing.closings(by: .full).elements { try repository.close(round) }
    for sweep in listing.sweeps {
      try repository.sweep(
        sweep.round, going: digests(sweep.going), index: digests(sweep.index),
        census: sweep.census.elements.map { archive($0) })
    }
  }

  @Test(
    "Whatever a list of gc/ shows: the same newest round, the same archives, index objects and refusals",
    arguments: 1...4)
  func same(seed: UInt64) throws {
    var state = seed
    func next(_ count: UInt64) -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state >> 33) % count
    }
    var refusals = 0
    for _ in 0..<60 {
      var listing = RoundListing()
      for round in 1...3 {
        let (index, census) = (SmallSet(bits: next(16)), SmallSet(bits: next(16)))
        if next(2) == 0 { listing.plans.append(Plan(round: round, condemned: SmallSet(bits: next(16)), index: index)) }
        if next(2) == 0 { listing.close(round, by: .full) }
        if next(2) == 0 { listing.sweeps.append(Sweep(round: round, going: [], index: index, census: census)) }
      }
      try show(listing)
      guard let view = RoundView(listing, Conditions()) else {
        refusals += 1
        #expect(throws: RepositoryError.self) { try Rounds.load(repository.context) }
        continue
      }
      let rounds = try Rounds.load(repository.context)
      #expect(rounds.newest == view.number && rounds.highestClosed == view.highestClosed)
      for number in 0..<4 {
        for round in 0...4 {
          let object = ArchiveObject(number: number, signer: .full, round: round, chunks: [])
          let expected: ArchiveStanding =
            switch view.standing(of: object) {
            case .counts: .counts
            case .undecided: .undecided
            case .void: .void
            }
          #expect(rounds.standing(of: archive(number), round: round) == expected, "\(listing) \(object)")
          let counts = round >= view.number || view.index?.contains(number) != false
          #expect(rounds.counts(digest(UInt8(number)), round: round) == counts, "\(listing) index \(number)")
        }
      }
    }
    #expect((1..<60).contains(refusals))
  }
}
