import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("What dumps of MariaDB note of their server's log", .serialized)
struct MariaDBLogDumpTests {
  private let bench: ReplayBench
  private var server: OwnMariaDBServer { bench.server }
  private var context: HookContext { bench.context }

  init() throws {
    bench = try ReplayBench()
  }

  @Test("A dump notes the place at which it was made, also for a user without rights over the server")
  func place() throws {
    try bench.commit(1)
    let status = try server.sql("SHOW MASTER STATUS").split(separator: "\t")
    let gtid = try server.sql("SELECT @@gtid_binlog_pos")
    let place = try #require(try bench.dump("shop").facts.log)
    #expect(place.file == status[0] && place.position == UInt64(status[1]) && place.gtid == gtid)
    try server.sql(
      "CREATE USER backup@localhost; GRANT SELECT, LOCK TABLES, SHOW VIEW, TRIGGER, EVENT, EXECUTE ON *.* TO backup@localhost"
    )
    let root = try makeRoot(
      "mariadb_databases:\n  - {name: shop, socket_path: \(server.socket), username: backup}\n")
    let limited = try TakenDump(MariaDBHook(.mariadb).dumps(of: root, context: context)[0], context: context)
    let now = try server.sql("SHOW MASTER STATUS").split(separator: "\t")
    #expect(limited.facts.log?.position == UInt64(now[1]))
    let record = try JSONDecoder().decode(DumpLogPlace.self, from: JSONEncoder().encode(place))
    #expect(record == place)
  }

  @Test(
    "A replica that does not write down what it gets is warned of where its log is stored, and one that is none is not")
  func replica() throws {
    let entry = "mariadb_servers:\n" + server.entry()
    func warnings(storesLog: Bool = true) throws -> (remarks: [String], dump: [String]) {
      let root = try makeRoot("mariadb_databases:\n" + bench.entry("shop") + (storesLog ? entry : ""))
      let receiving = try makeRoot(entry)[MariaDBServerOptions.mariadbServers][0]
      let facts = try BinaryLogServer(receiving, .mariadb, host: "db1", context: context).ask(context)
      let taken = try TakenDump(MariaDBHook(.mariadb).dumps(of: root, context: context)[0], context: context)
      return (facts.remarks.map(\.problem), taken.warnings)
    }
    func areTold(_ texts: [String]) -> Bool { texts.contains { $0.contains("log_slave_updates") } }
    let plain = try warnings()
    #expect(!areTold(plain.remarks) && !areTold(plain.dump))
    // As one that was restored.
    try server.sql("SET GLOBAL gtid_slave_pos = '0-9-5'")
    let restored = try warnings()
    #expect(!areTold(restored.remarks) && !areTold(restored.dump))
    try server.sql("CHANGE MASTER TO MASTER_HOST = 'none.invalid', MASTER_USER = 'x'")
    let replica = try warnings()
    #expect(areTold(replica.remarks) && areTold(replica.dump))
    #expect(try !areTold(warnings(storesLog: false).dump))
  }

  @Test("A server that does not tell its place is dumped without it")
  func untold() throws {
    let programs = try Programs()
    defer { withExtendedLifetime(programs) {} }
    let client = try programs.make(
      "case \"$*\" in *BINLOG_GTID_POS*) echo 'ERROR 1305 (42000): FUNCTION BINLOG_GTID_POS does not exist' >&2; exit 1;; esac; exec mariadb \"$@\""
    )
    let root = try makeRoot(
      "mariadb_databases:\n  - {name: shop, mariadb_command: \(client), socket_path: \(server.socket), username: root}\n"
    )
    let taken = try TakenDump(MariaDBHook(.mariadb).dumps(of: root, context: context)[0], context: context)
    #expect(taken.facts.log == nil)
    #expect(!String(decoding: taken.bytes, as: UTF8.self).contains("CHANGE MASTER"))
  }
}
