import Foundation
import Testing

/// The protocol of `Documentation/deleting.md`, kept whole, in every way that small repositories can go.
@Suite("Deleting: the protocol")
struct DeletingModelTests {
  /// How many random ways to go; `COFFER_MODEL_RUNS` says how many more than a quick run of all tests has time for.
  private static let askedRuns = ProcessInfo.processInfo.environment["COFFER_MODEL_RUNS"].flatMap { Int($0) }

  @Test(
    "Whatever the order of steps, every archive that counts restores",
    arguments: zip(Scenario.small, Scenario.worldCounts))
  func everyWay(_ scenario: Scenario, _ count: Int) {
    let exploration = scenario.world().explore()
    #expect(exploration.fault == nil, "\(scenario.name)")
    #expect(exploration.isComplete)
    #expect(exploration.worldCount == count, "\(scenario.name)")
  }

  @Test("A compactor that is rounds behind deletes nothing that later rounds need")
  func roundsBehind() {
    let exploration = Scenario.lateCompactor.world().explore(limit: Self.askedRuns == nil ? 20_000 : .max)
    #expect(exploration.fault == nil)
    #expect(exploration.worldCount >= 20_000)
    #expect(exploration.isComplete || Self.askedRuns == nil)
  }

  @Test("With everything at once every archive that counts restores, and space comes back")
  func randomWays() {
    let runs = Self.askedRuns ?? 250
    var worldCount = 0
    for seed in 1...UInt64(max(runs, 1)) {
      let exploration = Scenario.large.world().walk(seed: seed)
      worldCount += exploration.worldCount
      guard exploration.fault == nil else {
        Issue.record("seed \(seed): \(exploration.fault.map { "\($0)" } ?? "")")
        return
      }
    }
    // A way has some ninety steps; fewer would mean that processes stand still.
    #expect(worldCount > runs * 80)
  }

  @Test("What nobody needs goes, although a thief's session never ends")
  func spaceComesBack() {
    var world = Scenario.waiting.world()
    var deletedPack = false
    while let event = world.events().last {
      world = event.world
      if !world.store.standing.contains(0) { deletedPack = true }
    }
    #expect(world.hasEnded)
    #expect(deletedPack || world.leftovers().isEmpty)
    #expect(world.leftovers().isEmpty)
  }
}

extension Scenario: CustomTestStringConvertible {
  var testDescription: String { name }
}
