import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("Base backups of PostgreSQL servers", .serialized)
struct BaseBackupTests {
  private let hook = PostgreSQLClusterHook()

  private func plan(_ entry: String, _ context: HookContext) throws -> any PlannedDump {
    let dumps = try hook.dumps(of: try makeRoot("postgresql_clusters:\n" + entry), context: context)
    #expect(dumps.count == 1)
    return try #require(dumps.first)
  }

  private func fails(_ entry: String) throws -> DumpError {
    try #require(
      #expect(throws: DumpError.self) {
        let context = try makeContext()
        _ = try TakenDump(plan(entry, context), context: context)
      })
  }

  /// Tables of several databases, one of them in a tablespace.
  private func fill(_ cluster: PostgreSQLCluster, tablespace: String) throws {
    try cluster.run(["mkdir", tablespace])
    try cluster.sql("CREATE TABLESPACE away LOCATION '\(tablespace)'; CREATE DATABASE shop; CREATE ROLE clerk")
    try cluster.sql(
      """
      CREATE TABLE sale (n int PRIMARY KEY, text text);
      INSERT INTO sale SELECT n, md5(n::text) FROM generate_series(1, 20000) n;
      CREATE TABLE far (n int) TABLESPACE away; INSERT INTO far SELECT generate_series(1, 5000);
      CREATE INDEX far_index ON far (n) TABLESPACE away
      """, in: "shop")
  }

  @Test(
    "Laid down by tar it is what pg_verifybackup wants, and a server with the same content; its facts are the server's")
  func whole() throws {
    let cluster = try PostgreSQLCluster(["--data-checksums", "--wal-segsize=1"])
    let place = "\(cluster.folder)/a way"
    try fill(cluster, tablespace: place)
    let context = try makeContext()
    let dump = try TakenDump(plan(cluster.entry(), context), context: context)
    // Committed behind it: no part of it.
    let content = try cluster.content()
    try cluster.sql("CREATE TABLE late (n int)", in: "shop")

    let base = try #require(dump.facts.base)
    #expect(dump.facts.format == "base")
    #expect(dump.facts.serverVersion == (try cluster.sql("SHOW server_version")))
    #expect(String(base.systemIdentifier) == (try cluster.sql("SELECT system_identifier FROM pg_control_system()")))
    #expect(base.timeline == 1 && base.segmentSize == 1 << 20 && base.hasChecksums && base.start < base.end)
    let oid = try cluster.sql("SELECT oid FROM pg_tablespace WHERE spcname = 'away'")
    #expect(base.tablespaces.map { String($0.oid) } == [oid])
    #expect(base.tablespaces.map(\.location.text) == [place])

    let laid = "\(cluster.folder)/laid"
    try cluster.run(["mkdir", "-m", "700", laid])
    try Data(dump.bytes).write(to: URL(fileURLWithPath: "\(cluster.folder)/tar"))
    try cluster.run(["tar", "-xf", "\(cluster.folder)/tar", "-C", laid])
    try cluster.run(["\(cluster.programs)/pg_verifybackup", "--exit-on-error", laid])
    let label = try cluster.run(["cat", "\(laid)/backup_label"])
    #expect(label.contains("START WAL LOCATION: \(base.start.text) "), "\(label)")

    // To run, the tablespace needs a place of its own.
    try cluster.run(["mv", "\(laid)/pg_tblspc/\(oid)", "\(cluster.folder)/moved"])
    try cluster.run(["sh", "-c", "cat > \"$0\"", "\(laid)/tablespace_map"], input: "\(oid) \(cluster.folder)/moved\n")
    try cluster.stop()
    try cluster.start(laid)
    defer { try? cluster.stop(laid) }
    let moved = content.replacingOccurrences(of: place, with: "\(cluster.folder)/moved")
    #expect(try cluster.content() == moved)
    #expect(try cluster.sql("SELECT count(*), sum(n) FROM far", in: "shop") == "5000|12502500")
  }

  @Test("A page that is damaged on the server's disk fails it, and the message has the file")
  func damagedPage() throws {
    let cluster = try PostgreSQLCluster(["--data-checksums"])
    try cluster.sql("CREATE TABLE t AS SELECT n FROM generate_series(1, 10000) n; CHECKPOINT")
    let path = try cluster.sql("SELECT pg_relation_filepath('t')")
    try cluster.damagePage(of: path)
    let error = try fails(cluster.entry())
    guard case .replication(_, .refused(_, "BASE_BACKUP", "XX001", _), let told) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(told.contains { $0.contains(path) }, "\(told)")
    #expect(error.diagnosis.problem.contains(path) && error.diagnosis.suggestion?.contains("damaged") == true)
    #expect(!error.isWorthARetry)
  }

  @Test("A connection that is cut in the middle, and a run that is stopped, end it")
  func cut() throws {
    let cluster = try PostgreSQLCluster()
    try cluster.sql("CREATE TABLE t AS SELECT n, repeat('x', 500) FROM generate_series(1, 60000) n")
    for isStopped in [false, true] {
      let cancellation = try Cancellation()
      let context = try makeContext(cancellation: cancellation)
      let running = try plan(cluster.entry(), context).start(context: context)
      defer { running.abandon() }
      guard case .stream(let source) = running.output else { return }
      var piece = [UInt8](repeating: 0, count: 4096)
      #expect(try piece.withUnsafeMutableBytes { try source.read(into: $0) } > 0)
      if isStopped {
        cancellation.cancel()
        #expect(throws: RunCancelled.self) { try running.finish() }
      } else {
        #expect(
          try cluster.sql(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_replication") == "t")
        let error = #expect(throws: DumpError.self) { try running.finish() }
        #expect(error?.isWorthARetry == true, "\(String(describing: error))")
        #expect(error?.identity.title == "postgresql server 'main' at \(cluster.folder)")
      }
    }
    // Nobody holds a place at the server any more.
    for _ in 0..<100 {
      if try cluster.sql("SELECT count(*) FROM pg_stat_replication") == "0" { return }
      usleep(50_000)
    }
    Issue.record("a connection is left")
  }

  @Test("What keeps it from being made is said with what to do, and a rehearsal finds it without making one")
  func rights() throws {
    let cluster = try PostgreSQLCluster(settings: ["log_replication_commands = on"])
    try cluster.sql("CREATE ROLE weak LOGIN; CREATE ROLE strong LOGIN REPLICATION")
    let weak = cluster.entry(user: "weak")
    #expect(try fails(weak).diagnosis.suggestion?.contains("REPLICATION") == true)
    let strong = cluster.entry(user: "strong")
    func rehearse(_ entry: String) throws -> DumpFacts? {
      let context = try makeContext()
      let running = try plan(entry, context).rehearsal.start(context: context)
      defer { running.abandon() }
      guard case .stream(let source) = running.output else { return nil }
      var piece = [UInt8](repeating: 0, count: 10)
      #expect(try piece.withUnsafeMutableBytes { try source.read(into: $0) } == 0)
      return try running.finish().facts
    }
    #expect(throws: DumpError.self) { try rehearse(weak) }
    #expect(try rehearse(strong)?.serverVersion == cluster.sql("SHOW server_version"))
    let log = try cluster.run(["cat", "\(cluster.folder)/server.log"])
    #expect(log.contains("IDENTIFY_SYSTEM") && !log.contains("BASE_BACKUP"))

    try cluster.run(["sh", "-c", "echo 'local all all trust' > \"$0\"", "\(cluster.data)/pg_hba.conf"])
    try cluster.sql("SELECT pg_reload_conf()")
    for _ in 0..<100 where try cluster.sql("SELECT count(*) FROM pg_hba_file_rules") != "1" { usleep(20_000) }
    let refused = try fails(strong)
    #expect(refused.diagnosis.suggestion?.contains("pg_hba.conf") == true, "\(refused.diagnosis)")
    try cluster.run(["sh", "-c", "echo 'local replication all trust' >> \"$0\"", "\(cluster.data)/pg_hba.conf"])
    try cluster.stop()
    // What comes of wal_level = minimal, too, with which the server starts only then.
    try cluster.configure(["wal_level = minimal", "max_wal_senders = 0"])
    try cluster.start()
    #expect(try fails(strong).diagnosis.suggestion?.contains("max_wal_senders") == true)
  }

  @Test("An entry that does not ask for base backups has none")
  func unasked() throws {
    let root = try makeRoot("postgresql_clusters:\n  - name: main\n    hostname: nowhere.invalid\n")
    #expect(try hook.dumps(of: root, context: makeContext()).isEmpty)
    #expect(HookRegistry([hook]).configured(in: root).isEmpty)
  }

  @Test("The host that stores a log is the server's, unless that is this one or something else is said")
  func logHosts() throws {
    for (lines, host) in [
      ("", "here"), ("hostname: db1", "db1"), ("hostname: /run/postgresql", "here"), ("hostname: localhost", "here"),
      ("hostname: 10.0.0.1\n    log_hostname: db1", "db1"), ("log_hostname: db2", "db2"),
    ] {
      let entry = try #require(
        try makeRoot("postgresql_clusters:\n  - name: main\n    \(lines)\n")[PostgreSQLClusterOptions.clusters].first)
      #expect(ServerLogOptions.host(of: entry, here: "here") == host, "\(lines)")
    }
  }
}
