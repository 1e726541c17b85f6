import Testing

@testable import CofferHooks

@Suite("Dumps that no server can bring to a moment")
struct ReplayObstacleTests {
  @Test("A name that the server's filter would take for another is refused", arguments: [" shop", "\tshop", "a,b"])
  func filtered(name: String) {
    #expect(
      MariaDBReplay.obstacle(
        DumpFacts(identity: DumpIdentity(hook: "mariadb_databases", database: name), format: "sql")) != nil)
  }

  @Test("A dump of a server that folds the case of names is refused")
  func folding() {
    var facts = DumpFacts(identity: DumpIdentity(hook: "mariadb_databases", database: "shop"), format: "sql")
    #expect(MariaDBReplay.obstacle(facts) == nil)
    facts.details["folds_case"] = "1"
    #expect(MariaDBReplay.obstacle(facts) != nil)
  }
}
