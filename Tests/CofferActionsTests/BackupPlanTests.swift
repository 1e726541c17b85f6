import CofferConfiguration
import CofferHooks
import Testing

@testable import CofferActions

@Suite("What a backup consists of")
struct BackupPlanTests {
  private struct Dump: PlannedDump {
    let identity: DumpIdentity
    let section = ConfigurationSection()

    func start(context: HookContext) throws -> any RunningDump { throw DumpError.duplicate(identity) }
  }

  @Test("Of two dumps for one place the second cannot be taken; the others are as they were")
  func duplicates() {
    let identities = [
      DumpIdentity(hook: "h", database: "a/b"), DumpIdentity(hook: "h", database: "a%2Fb"),
      DumpIdentity(hook: "h", database: "caf\u{e9}"), DumpIdentity(hook: "h", database: "cafe\u{301}"),
      DumpIdentity(hook: "h", database: "a/b", hostname: "localhost"), DumpIdentity(hook: "h", database: "c"),
    ]
    let dumps = BackupPlan.atOwnPlaces(identities.map { Dump(identity: $0) })
    #expect(dumps.map(\.identity) == identities)
    #expect(dumps.map { $0 is ImpossibleDump } == [false, false, false, false, true, false])
    #expect((dumps[4] as? ImpossibleDump)?.cause as? DumpError == .duplicate(identities[4]))
  }
}
