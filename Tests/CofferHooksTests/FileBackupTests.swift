import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("Base backups of files that are read here", .serialized)
struct FileBackupTests {
  private let hook = PostgreSQLClusterHook()

  private func plan(_ entry: String, _ context: HookContext) throws -> any PlannedDump {
    try #require(try hook.dumps(of: makeRoot("postgresql_clusters:\n" + entry), context: context).first)
  }

  private func entry(_ cluster: PostgreSQLCluster, data: String? = nil, user: String = "postgres") -> String {
    cluster.entry("read_files: true", "data_directory: \(data ?? cluster.data)", user: user)
  }

  private func fails(_ entry: String) throws -> DumpError {
    try #require(
      #expect(throws: DumpError.self) {
        let context = try makeContext()
        _ = try TakenDump(plan(entry, context), context: context)
      })
  }

  /// Lays an archive down in a folder of the server's user.
  @discardableResult
  private func lay(_ dump: TakenDump, _ name: String, _ cluster: PostgreSQLCluster) throws -> String {
    let laid = "\(cluster.folder)/\(name)"
    try cluster.run(["mkdir", "-m", "700", laid])
    try Data(dump.bytes).write(to: URL(fileURLWithPath: "\(laid).tar"))
    try cluster.run(["tar", "-xf", "\(laid).tar", "-C", laid])
    return laid
  }

  /// Paths, kinds, rights, sizes and times of all that is laid down.
  private func listing(_ laid: String, _ cluster: PostgreSQLCluster, without patterns: [String]) throws -> [String] {
    try cluster.run(["find", laid, "-printf", "%P %y %m %s %T@\n"]).split(separator: "\n").map(String.init)
      .filter { line in !patterns.contains { line.hasPrefix($0) } }
      // A folder's size is the file system's own, and tar's folders get the time at which they were filled.
      .map { line in line.contains(" d ") ? line.split(separator: " ").prefix(3).joined(separator: " ") : line }
      .sorted()
  }

  /// The blocks before an archive's members.
  private static func blocks(_ dump: TakenDump) -> [[UInt8]] {
    var blocks: [[UInt8]] = []
    var place = 0
    while place + TarBlock.size <= dump.bytes.count,
      let block = TarBlock(Array(dump.bytes[place..<place + TarBlock.size]))
    {
      blocks.append(block.bytes)
      place += TarBlock.size
      if block.isFile { place += Int(block.contentSize) + TarBlock.fill(after: block.contentSize) }
    }
    return blocks
  }

  @Test("It has the same files, byte for byte, as one that the server sends, and what is laid down is the same server")
  func same() throws {
    let cluster = try PostgreSQLCluster(["--data-checksums", "--wal-segsize=1"])
    let place = "\(cluster.folder)/a way"
    try cluster.run(["mkdir", place])
    try cluster.sql("CREATE TABLESPACE away LOCATION '\(place)'")
    try cluster.sql("CREATE DATABASE shop")
    try cluster.sql(
      """
      CREATE TABLE sale (n int PRIMARY KEY, text text);
      INSERT INTO sale SELECT n, md5(n::text) FROM generate_series(1, 20000) n;
      CREATE TABLE far (n int) TABLESPACE away; INSERT INTO far SELECT generate_series(1, 5000);
      CREATE UNLOGGED TABLE gone (n int); INSERT INTO gone SELECT generate_series(1, 5000);
      CREATE UNLOGGED TABLE far_gone (n int) TABLESPACE away; INSERT INTO far_gone SELECT generate_series(1, 5000);
      VACUUM
      """, in: "shop")
    // What no backup has.
    let junk = [
      "base/pgsql_tmp", "base/1/t3_12345", "base/1/t3_12345_fsm.1", "backup_label.old", "postgresql.auto.conf.tmp",
      "pg_replslot/slot", "pg_stat_tmp/some", "global/pg_internal.init.7", "pg_wal/archive_status/x.ready",
    ]
    for name in junk { try cluster.run(["touch", "\(cluster.data)/\(name)"]) }
    try cluster.run(["mkfifo", "\(cluster.data)/fifo"])
    try cluster.run(["ln", "-s", "/etc/passwd", "\(cluster.data)/link"])
    try cluster.sql("CHECKPOINT")
    try cluster.run(["rm", "\(cluster.data)/base/pgsql_tmp"])

    let context = try makeContext()
    let sent = try TakenDump(plan(cluster.entry(), context), context: context)
    let read = try TakenDump(plan(entry(cluster), context), context: context)
    #expect(read.warnings.contains { $0.contains("fifo") } && read.warnings.contains { $0.contains("link") })
    let base = try #require(read.facts.base)
    let other = try #require(sent.facts.base)
    #expect(base.systemIdentifier == other.systemIdentifier && base.timeline == 1 && base.hasChecksums)
    #expect(base.segmentSize == 1 << 20 && base.start < base.end && base.start > other.start)
    #expect(base.tablespaces == other.tablespaces && base.tablespaces.count == 1)
    #expect(read.facts.format == sent.facts.format && read.facts.serverVersion == sent.facts.serverVersion)

    // What is stored of one is stored of the other, to the byte.
    let blocks = Set(Self.blocks(sent))
    let foreign = Self.blocks(read).filter { !blocks.contains($0) }.map {
      String(decoding: $0[..<100].prefix { $0 != 0 }, as: UTF8.self)
    }
    #expect(
      foreign.allSatisfy { name in
        ["backup_label", "global/pg_control", "pg_logical/", "pg_wal", "tablespace_map"].contains {
          name.hasPrefix($0)
        }
      }, "\(foreign)")

    let (theirs, ours) = (try lay(sent, "sent", cluster), try lay(read, "read", cluster))
    // Of another moment, and the manifest.
    let others = [
      "backup_label", "backup_manifest", "global/pg_control", "pg_logical/replorigin_checkpoint", "pg_wal/0",
      "pg_wal/archive_status/0", "tablespace_map",
    ]
    try expectSame(
      listing(ours, cluster, without: others).joined(separator: "\n"),
      listing(theirs, cluster, without: others).joined(separator: "\n"))
    let differing = try cluster.run([
      "sh", "-c", "diff -r -q --exclude=pg_wal \"$0\" \"$1\" || true", theirs, ours,
    ])
    let lines = differing.split(separator: "\n").map(String.init)
    #expect(
      lines.allSatisfy { line in
        ["backup_label", "backup_manifest", "pg_control"].contains { line.contains($0) }
      }, "\(differing)")
    #expect(try cluster.run(["cat", "\(ours)/backup_label"]).contains("START WAL LOCATION: \(base.start.text) "))
    let oid = try cluster.sql("SELECT oid FROM pg_tablespace WHERE spcname = 'away'")
    #expect(try cluster.run(["cat", "\(ours)/tablespace_map"]) == "\(oid) \(place)\n")

    let content = try cluster.content()
    try cluster.run(["mv", "\(ours)/pg_tblspc/\(oid)", "\(cluster.folder)/moved"])
    try cluster.run(["sh", "-c", "cat > \"$0\"", "\(ours)/tablespace_map"], input: "\(oid) \(cluster.folder)/moved\n")
    try cluster.stop()
    try cluster.start(ours)
    defer { try? cluster.stop(ours) }
    let emptied = content.replacingOccurrences(of: place, with: "\(cluster.folder)/moved")
    #expect(try cluster.sql("SELECT count(*) FROM gone", in: "shop") == "0")
    #expect(try cluster.sql("SELECT count(*) FROM far_gone", in: "shop") == "0")
    try cluster.sql("INSERT INTO gone SELECT generate_series(1, 5000)", in: "shop")
    try cluster.sql("INSERT INTO far_gone SELECT generate_series(1, 5000)", in: "shop")
    try expectSame(cluster.content(), emptied)
  }

  @Test("Taken while the server is written to, in pieces that end within pages, it is one moment with every page whole")
  func underLoad() throws {
    let cluster = try PostgreSQLCluster(
      ["--data-checksums", "--wal-segsize=1"], settings: ["max_wal_size = 32MB", "wal_keep_size = 8GB"])
    try cluster.sql(
      """
      CREATE TABLE account (n int PRIMARY KEY, amount int NOT NULL, text text);
      INSERT INTO account SELECT n, 100, repeat('x', 300) FROM generate_series(1, 20000) n
      """)
    let script = """
      DO $$ DECLARE picked int; BEGIN FOR i IN 1..100000000 LOOP
        picked := 1 + (random() * 9999)::int;
        UPDATE account SET amount = amount - 1, text = md5(i::text) WHERE n = picked;
        UPDATE account SET amount = amount + 1 WHERE n = 10001;
        COMMIT;
        IF i % 500 = 0 THEN CHECKPOINT; END IF;
        PERFORM pg_sleep(0.0005);
      END LOOP; END $$
      """
    let server = HandedOver(cluster)
    // The load ends with the server, also where something fails.
    defer { try? cluster.stop() }
    let writer = try TestThread("writer") { _ = try? server.value.sql(script) }

    while try cluster.sql("SELECT max(amount) FROM account") == "100" { usleep(10_000) }

    let context = try makeContext()
    let running = try plan(entry(cluster), context).start(context: context)
    defer { running.abandon() }
    guard case .stream(let source) = running.output else { return }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 50_000)
    while case let count = try piece.withUnsafeMutableBytes({ try source.read(into: $0) }), count > 0 {
      bytes += piece[..<count]
      usleep(1000)
    }
    let dump = TakenDump(facts: try running.finish().facts, bytes: bytes)
    let laid = try lay(dump, "laid", cluster)
    let before = try cluster.sql("SELECT amount FROM account WHERE n = 10001")
    try cluster.stop()
    try writer.end()
    try cluster.start(laid)
    #expect(try cluster.sql("SELECT sum(amount), count(*) FROM account") == "2000000|20000")
    #expect(try Int(cluster.sql("SELECT amount FROM account WHERE n = 10001")) ?? .max < Int(before) ?? 0)
    #expect(try cluster.sql("SET enable_seqscan = off; SELECT count(*) FROM account WHERE n > 0").hasSuffix("20000"))
    try cluster.run(["\(cluster.programs)/pg_ctl", "-D", laid, "-w", "-s", "-m", "fast", "stop"])
    try cluster.run(["\(cluster.programs)/pg_checksums", "--check", "-D", laid])
  }

  @Test("Of a standby it is the standby's, whose log goes on from it")
  func standby() throws {
    let cluster = try PostgreSQLCluster(["--wal-segsize=1"])
    try cluster.sql("CREATE TABLE t AS SELECT n FROM generate_series(1, 10000) n")
    let standby = "\(cluster.folder)/standby"
    try cluster.run([
      "\(cluster.programs)/pg_basebackup", "-h", cluster.folder, "-U", "postgres", "-D", standby, "-R", "-c", "fast",
    ])
    try cluster.configure(["port = 5433", "cluster_name = 'standby'"], in: standby)
    try cluster.start(standby)
    defer { try? cluster.stop(standby) }
    try cluster.sql("CREATE TABLE u AS SELECT n FROM generate_series(1, 10000) n; CHECKPOINT")
    let end = try cluster.sql("SELECT pg_switch_wal()")
    func asked(_ text: String) throws -> String {
      try cluster.run(["\(cluster.programs)/psql", "-h", cluster.folder, "-p", "5433", "-U", "postgres", "-XAtc", text])
        .trimmingCharacters(in: .whitespacesAndNewlines)
    }
    for _ in 0..<200 where try asked("SELECT pg_last_wal_replay_lsn() >= '\(end)'") != "t" { usleep(50_000) }
    _ = try asked("CHECKPOINT")
    let context = try makeContext()
    // The primary's connection with the standby's files would restore to rubbish.
    let mixed = try fails(entry(cluster, data: standby))
    guard case .misconfigured(_, let problem, _) = mixed else {
      Issue.record("\(mixed)")
      return
    }
    #expect(problem.contains("is not the data directory of this server"))
    let own = cluster.entry("read_files: true", "data_directory: \(standby)", "port: 5433")
    let dump = try TakenDump(plan(own, context), context: context)
    #expect(dump.facts.base?.timeline == 1)
    let laid = try lay(dump, "laid", cluster)
    try cluster.run(["rm", "\(laid)/standby.signal"])
    try cluster.stop(standby)
    try cluster.stop()
    try cluster.start(laid)
    defer { try? cluster.stop(laid) }
    #expect(try asked("SELECT sum(n) FROM t") == "50005000" && asked("SELECT sum(n) FROM u") == "50005000")
  }

  @Test("A page that is damaged on the server's disk fails it, and the message has the file and the page")
  func damagedPage() throws {
    let cluster = try PostgreSQLCluster(["--data-checksums"])
    try cluster.sql("CREATE TABLE t AS SELECT n FROM generate_series(1, 10000) n; CHECKPOINT")
    let path = try cluster.sql("SELECT pg_relation_filepath('t')")
    try cluster.damagePage(of: path)
    let error = try fails(entry(cluster))
    guard case .damaged(_, ["\(path), page 3"], 1) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(error.diagnosis.problem.contains(path) && error.diagnosis.suggestion?.contains("damaged") == true)
    #expect(!error.isWorthARetry)
    // The server's backup mode ended with the connection.
    let context = try makeContext()
    try cluster.sql("TRUNCATE t; CHECKPOINT")
    _ = try TakenDump(plan(entry(cluster), context), context: context)
  }

  @Test("It takes the right to begin and end it, and none to replicate; what is missing is said with what to do")
  func rights() throws {
    let cluster = try PostgreSQLCluster()
    try cluster.sql("CREATE ROLE keeper LOGIN")
    let weak = try fails(entry(cluster, user: "keeper"))
    #expect(weak.diagnosis.suggestion?.contains("GRANT EXECUTE ON FUNCTION pg_backup_start") == true, "\(weak)")
    #expect(!weak.isWorthARetry)
    let names =
      try Int(cluster.sql("SHOW server_version_num")) ?? 0 >= 150_000
      ? "pg_backup_start, pg_backup_stop" : "pg_start_backup(text, boolean, boolean), pg_stop_backup(boolean, boolean)"
    try cluster.sql("GRANT EXECUTE ON FUNCTION \(names) TO keeper")
    let context = try makeContext()
    let rehearsed = try plan(entry(cluster, user: "keeper"), context).rehearsal.start(context: context)
    #expect(try rehearsed.finish().facts.serverVersion == cluster.sql("SHOW server_version"))
    let dump = try TakenDump(plan(entry(cluster, user: "keeper"), context), context: context)
    #expect(dump.facts.base != nil)
    let nowhere = try fails(cluster.entry("read_files: true"))
    #expect(nowhere.diagnosis.suggestion?.contains("data_directory") == true)
    let absent = try makeContext()
    #expect(throws: (any Error).self) {
      try TakenDump(plan(entry(cluster, data: "\(cluster.folder)/nothing"), absent), context: absent)
    }
  }

  @Test("A link of the server's that leads to what is another's is not followed")
  func foreignLink() throws {
    guard geteuid() == 0 else { return }
    let cluster = try PostgreSQLCluster()
    try cluster.run(["ln", "-s", "/etc", "\(cluster.data)/pg_tblspc/4711"])
    guard case .misconfigured(_, let problem, _) = try fails(entry(cluster)) else {
      Issue.record("it was followed")
      return
    }
    #expect(problem.contains("/etc"))
  }

  @Test("A run that is stopped, and a connection that is gone at the end, leave no backup")
  func cut() throws {
    let cluster = try PostgreSQLCluster()
    for isStopped in [false, true] {
      let cancellation = try Cancellation()
      let context = try makeContext(cancellation: cancellation)
      let running = try plan(entry(cluster), context).start(context: context)
      defer { running.abandon() }
      guard case .stream(let source) = running.output else { return }
      var piece = [UInt8](repeating: 0, count: 4096)
      #expect(try piece.withUnsafeMutableBytes { try source.read(into: $0) } > 0)
      if isStopped {
        cancellation.cancel()
        #expect(throws: RunCancelled.self) { try running.finish() }
      } else {
        let ended =
          "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'coffer base backup'"
        #expect(try cluster.sql(ended) == "t")
        let error = #expect(throws: DumpError.self) { try running.finish() }
        #expect(error?.isWorthARetry == true, "\(String(describing: error))")
      }
    }
  }
}
