import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("The transactions that a MySQL server names")
struct MySQLGTIDTests {
  private static let server = BinaryLogBuilder.server
  private static let other = "00000000-0000-0000-0000-0000000000ff"

  @Test("A set is read and written as servers do, whatever the order of its parts")
  func text() throws {
    for (text, plain) in [
      ("\(Self.server):1-5", "\(Self.server):1-5"), ("", ""), ("\(Self.server):7:1-3:4-5", "\(Self.server):1-5:7"),
      ("\(Self.server.uppercased()):1,\n\(Self.other):2-2", "\(Self.other):2,\(Self.server):1"),
      ("\(Self.server):1-9:3-4:8-20:22", "\(Self.server):1-20:22"),
    ] {
      #expect(MySQLGTIDSet(text)?.text == plain, "\(text)")
    }
    for wrong in [
      "x", Self.server, "\(Self.server):", "\(Self.server):0", "\(Self.server):5-1", "\(Self.server):tag:1-3",
      "\(Self.server):1-2-3", "\(Self.server):9223372036854775807", "3e11fa47:1", "\(Self.server):-1", "0-1-100",
    ] {
      #expect(MySQLGTIDSet(wrong) == nil, "\(wrong)")
    }
    #expect(MySQLGTID("\(Self.server):23")?.text == "\(Self.server):23")
    for wrong in ["\(Self.server):1-2", "\(Self.server):0", "0-1-2", "\(Self.server)"] {
      #expect(MySQLGTID(wrong) == nil, "\(wrong)")
    }
    #expect(TransactionGTID("0-1-2") == .mariadb(BinaryLogGTID(domain: 0, server: 1, sequence: 2)))
    #expect(TransactionGTID("\(Self.server):2") == MySQLGTID("\(Self.server):2").map { .mysql($0) })
  }

  @Test("Transactions are added in any order, and are the same set")
  func insertion() throws {
    var random = SeededRandom(3)
    for _ in 1...200 {
      var numbers = Array(Set((0..<20).map { _ in random.next() % 40 + 1 }))
      let expected = Set(numbers)
      numbers.sort { _, _ in random.next() & 1 == 0 }
      var set = try #require(MySQLGTIDSet(""))
      for number in numbers { set.insert(try #require(MySQLGTID("\(Self.server):\(number)"))) }
      for number in 1...42 as ClosedRange<UInt64> {
        let gtid = try #require(MySQLGTID("\(Self.server):\(number)"))
        #expect(set.contains(gtid) == expected.contains(number))
      }
      #expect(MySQLGTIDSet(try #require(set.text)) == set)
    }
  }

  @Test("What a file begins with is read whole, or not known")
  func list() throws {
    func read(_ bytes: [UInt8]) -> MySQLGTIDSet {
      var set = MySQLGTIDSet()
      bytes.withUnsafeBytes { set.read(list: $0) }
      return set
    }
    var file = BinaryLogBuilder()
    let start = file.bytes.count
    file.addPreviousGTIDs([(1, 6), (8, 9)])
    let body = Array(file.bytes[(start + 19)...].dropLast(4))
    #expect(read(body).text == "\(Self.server):1-5:8")
    #expect(read([UInt8](repeating: 0, count: 8)).text == "")
    for end in 0..<body.count { #expect(!read(Array(body[..<end])).isKnown, "\(end)") }
    #expect(!read(body + [0]).isKnown)
    for place in body.indices {
      var bent = body
      bent[place] ^= 0xff
      _ = read(bent)
    }
    // Out of order, or not apart from each other.
    for stretches in [[(8, 9), (1, 6)], [(1, 6), (6, 9)], [(1, 6), (3, 4)]] as [[(UInt64, UInt64)]] {
      var file = BinaryLogBuilder()
      let start = file.bytes.count
      file.addPreviousGTIDs(stretches)
      #expect(!read(Array(file.bytes[(start + 19)...].dropLast(4))).isKnown, "\(stretches)")
    }
    // A count that no body can have.
    #expect(!read([UInt8](repeating: 0xff, count: 200)).isKnown)
  }
}

extension MySQLGTIDTests {
  @Test("Of more stretches than servers have nothing is kept, in whatever order they come")
  func many() throws {
    var file = BinaryLogBuilder()
    let start = file.bytes.count
    file.addPreviousGTIDs((1...200_000).map { (UInt64($0) * 3, UInt64($0) * 3 + 1) })
    var set = MySQLGTIDSet()
    file.bytes[(start + 19)...].dropLast(4).withUnsafeBytes { set.read(list: $0) }
    #expect(!set.isKnown && set.text == nil)
    let third = try #require(MySQLGTID("\(Self.server):3"))
    #expect(!set.contains(third))
    set.insert(third)
    #expect(!set.contains(third) && !set.isKnown)
    let numbers = (1...100_000).map { String($0 * 3) }
    let most = "\(Self.server):" + numbers.joined(separator: ":")
    #expect(MySQLGTIDSet(most)?.text == most)
    #expect(
      MySQLGTIDSet("\(Self.server):" + numbers.prefix(5000).reversed().joined(separator: ":"))?.text
        == "\(Self.server):" + numbers.prefix(5000).joined(separator: ":"))
    #expect(MySQLGTIDSet(most + ":1000000") == nil)
  }
}

@Suite("A binary log of MySQL, made by hand as its source writes it", .serialized)
struct MySQLReplayTests {
  private static let start: UInt32 = 1_800_000_000
  private static let server = BinaryLogBuilder.server
  private let context: HookContext
  private let folder = "/tmp/coffer-mysql-\(UUID().uuidString.prefix(8))"

  init() throws {
    context = try makeContext()
  }

  /// Two files; each transaction is committed ten seconds behind the one before it, and the dump was made between the first two.
  private struct Log {
    var first = BinaryLogBuilder(begun: start)
    var second = BinaryLogBuilder(begun: start)
    /// Where the dump was made, and where the last transaction ends that is wanted.
    var place: UInt64 = 0
    var ends: [UInt64: UInt64] = [:]

    init(before: [(UInt64, UInt64)] = [(1, 9)]) {
      first.addPreviousGTIDs([(1, 5)])
      first.addMySQLGTID(5, committed: start)
      first.addStatement("BEGIN", time: start)
      first.add(19, [1, 2, 3, 4, 5, 6, 7, 8], time: start)
      first.add(16, [1, 0, 0, 0, 0, 0, 0, 0], time: start)
      place = first.ends.last ?? 0
      // Its session has set the time, which its beginning does not go by.
      first.addMySQLGTID(6, committed: start + 10)
      first.addStatement("CREATE TABLE t (a INT)", time: start + 9_000_000)
      ends[6] = first.ends.last
      first.addMySQLGTID(7, committed: start + 20)
      first.add(40, [2, 1, 0, 3, 2, 200, 0, 1, 2, 10, 20, 0x28, 0xb5, 0x2f, 0xfd], time: start + 20)
      ends[7] = first.ends.last
      first.addMySQLGTID(nil, committed: start + 30)
      first.addStatement("XA START X'61',X'',1", time: start + 30)
      first.addStatement("XA END X'61',X'',1", time: start + 30)
      first.add(38, [0, 1, 2], time: start + 30)
      first.addMySQLGTID(8, committed: start + 40)
      first.addStatement("BEGIN", time: start + 40)
      first.addStatement("INSERT INTO old VALUES (1)", time: start + 40)
      first.addStatement("COMMIT", time: start + 40)
      ends[8] = first.ends.last
      first.add(4, [4, 0, 0, 0, 0, 0, 0, 0] + Array("binlog.000002".utf8), time: start + 40)
      second.addPreviousGTIDs(before)
      second.addMySQLGTID(9, committed: start + 50)
      second.addStatement("BEGIN", time: start + 50)
      second.add(16, [2, 0, 0, 0, 0, 0, 0, 0], time: start + 50)
      ends[9] = second.ends.last
    }

    var pieces: [ReplayPiece] {
      [("binlog.000001", first), ("binlog.000002", second)].map { name, file in
        let format = Int(BinaryLogBuilder().bytes.count)
        return ReplayPiece(
          file: name, range: 4..<UInt64(file.bytes.count), format: Array(file.bytes[4..<format]),
          events: Array(file.bytes[4...]))
      }
    }
  }

  private func place(
    _ log: Log, gtid: String? = "\(BinaryLogBuilder.server):1-5", time: Int = 2, at offset: UInt64 = 0
  ) throws -> DumpLogPlace {
    try #require(
      DumpLogPlace(
        file: "binlog.000001", position: log.place + offset, gtid: gtid, time: UInt64(Int(Self.start) + time),
        server: Self.server))
  }

  private func gtid(_ number: UInt64) throws -> TransactionGTID {
    try #require(TransactionGTID("\(Self.server):\(number)"))
  }

  private func ground() throws -> DrillGround { try DrillGround(in: "/tmp", user: "nobody", context: context) }

  private func replay(
    _ log: Log, _ place: DumpLogPlace, to target: ReplayTarget, on ground: DrillGround, _ name: String = "log"
  ) throws -> ReplayLog {
    let replay = try ReplayLog(from: [place], of: ["shop"], to: target, .mysql, on: ground, name: name)
    for piece in log.pieces { guard try replay.take(piece, gtid: "") else { break } }
    try replay.finish()
    return replay
  }

  @Test("Each target is reached with exactly the transactions that were committed by then")
  func targets() throws {
    let log = Log()
    let ground = try ground()
    defer { ground.remove() }
    let format = BinaryLogBuilder().bytes
    let cases: [(ReplayTarget, Int, UInt64?)] = [
      (.time(Int64(Self.start) + 9), 0, nil), (.time(Int64(Self.start) + 10), 1, 6),
      (.time(Int64(Self.start) + 19), 1, 6), (.time(Int64(Self.start) + 29), 2, 7), (.gtid(try gtid(7)), 2, 7),
      (.time(Int64(Self.start) + 30), 3, nil), (.gtid(try gtid(8)), 4, 8), (.time(Int64(Self.start) + 45), 4, 8),
      (.gtid(try gtid(9)), 5, 9), (.time(.max), 5, 9),
    ]
    for (number, (target, count, last)) in cases.enumerated() {
      let reached = try replay(log, place(log), to: target, on: ground, "log\(number)")
      #expect(reached.transactionCount == count, "\(target)")
      let expected = try last.map { try gtid($0) }
      #expect(reached.reached?.gtid == expected, "\(target)")
      #expect(reached.isAtTarget == (target != .time(.max)))
      guard let last, last < 8 else { continue }
      // The server is given the format, and what is between the dump and the target.
      let file = FileManager.default.contents(atPath: "\(ground.path)/log\(number)/relay.000001").map { [UInt8]($0) }
      let end = Int(try #require(log.ends[last]))
      #expect(file?.starts(with: format[..<4] + log.first.bytes[4..<format.count]) == true)
      #expect(file?.dropFirst(format.count).elementsEqual(log.first.bytes[Int(log.place)..<end]) == true)
    }
  }

  @Test("A server stands before what a file begins with when it has gone over that, and there it is waited for")
  func fileBeginning() throws {
    let log = Log()
    let ground = try ground()
    defer { ground.remove() }
    // Between the last transaction of the first file and the first of the second.
    let reached = try replay(log, place(log), to: .time(Int64(Self.start) + 45), on: ground)
    let format = BinaryLogBuilder().bytes.count
    let rest = log.first.bytes.count - Int(log.place)
    #expect(reached.end == .init(file: 1, offset: UInt64(format + rest)))
    // A dump that was made there.
    let second = try #require(
      DumpLogPlace(
        file: "binlog.000002", position: log.second.ends[1], gtid: "\(Self.server):1-8",
        time: UInt64(Self.start) + 45, server: Self.server))
    let both = try ReplayLog(
      from: [place(log), second], of: ["shop"], to: .gtid(gtid(9)), .mysql, on: ground, name: "both")
    for piece in log.pieces { guard try both.take(piece, gtid: "") else { break } }
    try both.finish()
    #expect(both.starts == [.init(file: 1, offset: UInt64(format)), .init(file: 1, offset: UInt64(format + rest))])
    #expect(both.end == .init(file: 2, offset: log.ends[9] ?? 0) && both.transactionCount == 5)
  }

  @Test("A log of another time, other transactions, a gap and what is no place are seen")
  func faults() throws {
    let log = Log()
    let ground = try ground()
    defer { ground.remove() }
    var count = 0
    func fault(_ log: Log, _ place: DumpLogPlace, _ target: ReplayTarget = .time(.max)) throws -> ReplayFault? {
      count += 1
      do {
        _ = try replay(log, place, to: target, on: ground, "log\(count)")
        return nil
      } catch let fault as ReplayFault {
        return fault
      }
    }
    #expect(try fault(log, place(log)) == nil)
    #expect(try fault(log, place(log, gtid: nil)) == nil)
    for wrong in ["\(Self.server):1-4", "\(Self.server):1-6", ""] {
      let place = try place(log, gtid: wrong)
      #expect(try fault(log, place) == .notThere(place), "\(wrong)")
    }
    for seconds in [-4000, 4000] {
      let place = try place(log, gtid: nil, time: seconds)
      #expect(try fault(log, place) == .notThere(place), "\(seconds)")
    }
    let beside = try place(log, at: 3)
    #expect(try fault(log, beside) == .notThere(beside))
    let early = try place(log)
    #expect(try fault(log, early, .gtid(gtid(3))) == .targetBefore(early))
    #expect(try fault(log, early, .time(Int64(Self.start) - 1)) == .targetBefore(early))
    #expect(try fault(Log(before: [(1, 8)]), early) == .missing(before: "binlog.000002"))
    let bytes = log.first.bytes
    for index in stride(from: 4, to: bytes.count, by: 3) {
      var bent = bytes
      bent[index] ^= 0xff
      let replay = try ReplayLog(
        from: [early], of: ["shop"], to: .time(.max), .mysql, on: ground, name: "bent\(index)")
      // Nothing but a fault: it must end.
      do {
        _ = try replay.take(
          ReplayPiece(
            file: "binlog.000001", range: 4..<UInt64(bent.count), format: log.pieces[0].format,
            events: Array(bent[4...])),
          gtid: "")
      } catch is ReplayFault {}
    }
  }

  @Test("The server is told by the words of version 8, and what it was told about other databases is left out")
  func statements() throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    chmod(folder, 0o777)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    func write(_ name: String, _ text: String) throws {
      try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
      chmod("\(folder)/\(name)", 0o755)
    }
    try write(
      "mysqld",
      """
      #!/bin/sh
      case "$*" in
      *--version*) echo 'mysqld  Ver 8.0.36 for Linux on x86_64 (MySQL Community Server - GPL)'; exit;;
      *--initialize-insecure*) exit;;
      esac
      echo "$*" >\(folder)/server.new
      mv \(folder)/server.new \(folder)/server
      exec sleep 600

      """)
    try write(
      "mysql",
      """
      #!/bin/sh
      for argument; do
        case $argument in *'SET SESSION sql_mode'*) sql=${argument#*"sql_mode = ''; "};; esac
      done
      case $sql in
      'SELECT @@socket') test -f \(folder)/server || exit 1; sed -n 's/.*--socket=\\([^ ]*\\).*/\\1/p' \(folder)/server; exit;;
      *information_schema*) exit;;
      'SHOW DATABASES') echo shop; exit;;
      'SHOW REPLICA STATUS') cat \(folder)/status; exit;;
      esac
      printf '%s\\n' "$sql" >>\(folder)/log

      """)
    let context = try makeContext(path: "\(folder):/usr/bin:/bin")
    let ground = try DrillGround(in: "/tmp", user: "nobody", context: context)
    defer { ground.remove() }
    let log = Log()
    var facts = DumpFacts(
      identity: DumpIdentity(hook: "mysql_databases", database: "sh_op"), format: "sql", serverVersion: "8.0.35")
    facts.log = try place(log)
    #expect(MariaDBReplay.obstacle(facts) == nil)
    let laid = try replay(log, place(log), to: .gtid(gtid(8)), on: ground)
    let end = try #require(laid.end)
    try write(
      "status",
      "Relay_Log_File\tRelay_Log_Pos\tReplica_SQL_Running\tLast_SQL_Errno\tLast_SQL_Error\tExec_Source_Log_Pos\n"
        + "relay.000001\t\(end.offset)\tYes\t0\t\t4711\n")
    let replay = try MariaDBReplay(of: [facts], bytes: 1000, laid, on: ground)
    defer { replay.remove() }
    do {
      _ = try replay.run { _ in }
      Issue.record("there is no such database")
    } catch ReplayError.dropped(let identity) {
      #expect(identity.database == "sh_op")
    }
    let told = try String(contentsOfFile: "\(folder)/log", encoding: .utf8).split(separator: "\n").map(String.init)
    let format = BinaryLogBuilder().bytes.count
    #expect(
      told == [
        "CREATE DATABASE IF NOT EXISTS `shop`",
        "CHANGE REPLICATION SOURCE TO SOURCE_HOST = 'none.invalid', SOURCE_AUTO_POSITION = 0, RELAY_LOG_FILE = 'relay.000001', RELAY_LOG_POS = \(format)",
        #"CHANGE REPLICATION FILTER REPLICATE_WILD_DO_TABLE = ('sh\\_op.%')"#, "START REPLICA SQL_THREAD",
        "STOP REPLICA",
      ])
    let started = try String(contentsOfFile: "\(folder)/server", encoding: .utf8)
    #expect(
      started.contains(
        " --server-id=1 --replicate-same-server-id --skip-relay-log-recovery --relay-log-purge=OFF --innodb-stats-auto-recalc=OFF --skip-replica-start --replica-exec-mode=STRICT "
          + "--replica-sql-verify-checksum --replica-max-allowed-packet=1G --replica-parallel-workers=0 --gtid-mode=OFF_PERMISSIVE\n"
      ), "\(started)")
    #expect(started.contains(" --relay-log=\(ground.path)/log/relay --relay-log-index=\(ground.path)/log/relay.index "))
  }

  @Test(
    "A dump of MySQL notes the place where the configuration stores its server's log, and the user may",
    arguments: [true, false])
  func dump(hasEntry: Bool) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    func write(_ name: String, _ text: String) throws {
      try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
      chmod("\(folder)/\(name)", 0o755)
    }
    try write(
      "mysql",
      """
      #!/bin/sh
      case "$*" in
      *--version*) echo 'mysql  Ver 8.0.36 for Linux on x86_64 (MySQL Community Server - GPL)';;
      *'SHOW VARIABLES'*) printf 'version\\t8.0.36\\nlog_bin\\tON\\nserver_uuid\\t\(Self.server)\\nlog_slave_updates\\tON\\n';;
      *CURRENT_USER*) echo 'backup@localhost';;
      *'SHOW GRANTS'*) echo 'GRANT SELECT, RELOAD, PROCESS, SHOW DATABASES, LOCK TABLES, REPLICATION CLIENT, SHOW VIEW, EVENT, TRIGGER ON *.* TO `backup`@`localhost`';;
      *Ssl_cipher*) printf 'Ssl_cipher\\t\\n';;
      esac

      """)
    try write(
      "text",
      """
      -- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
      --
      -- Host: localhost    Database: shop
      -- ------------------------------------------------------
      SET @MYSQLDUMP_TEMP_LOG_BIN = @@SESSION.SQL_LOG_BIN;
      SET @@SESSION.SQL_LOG_BIN= 0;

      --
      -- GTID state at the beginning of the backup
      --

      SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ '00000000-0000-0000-0000-0000000000ff:1-3,
      \(Self.server):1-5';

      --
      -- Position to start replication or point-in-time recovery from
      --

      -- CHANGE REPLICATION SOURCE TO SOURCE_LOG_FILE='binlog.000007', SOURCE_LOG_POS=1697;

      --
      -- Current Database: `shop`
      --
      -- CHANGE REPLICATION SOURCE TO SOURCE_LOG_FILE='binlog.000009', SOURCE_LOG_POS=9;
      SET @@GLOBAL.GTID_PURGED='\(Self.server):1-99';
      -- Dump completed on 2026-01-31  3:00:00

      """)
    try write(
      "mysqldump",
      """
      #!/bin/sh
      case "$*" in *--version*) echo 'mysqldump  Ver 8.0.36 for Linux on x86_64 (MySQL Community Server - GPL)'; exit;; esac
      printf '%s\\n' "$@" >\(folder)/arguments
      cat \(folder)/text

      """)
    let context = try makeContext(path: "\(folder):/usr/bin:/bin")
    let entry = "mysql_servers:\n  - {name: main, socket_path: /run/mysqld.sock, username: coffer}\n"
    let root = try makeRoot(
      "mysql_databases:\n  - {name: shop, socket_path: /run/mysqld.sock, username: backup}\n" + (hasEntry ? entry : ""))
    let taken = try TakenDump(MariaDBHook(.mysql).dumps(of: root, context: context)[0], context: context)
    let arguments = try String(contentsOfFile: "\(folder)/arguments", encoding: .utf8).split(separator: "\n")
    #expect(arguments.contains("--source-data=2") == hasEntry && arguments.contains("--single-transaction"))
    guard hasEntry else {
      #expect(taken.facts.log == nil)
      return
    }
    let log = try #require(taken.facts.log)
    #expect(log.file == "binlog.000007" && log.position == 1697 && log.server == Self.server)
    #expect(log.gtid == "00000000-0000-0000-0000-0000000000ff:1-3,\(Self.server):1-5")
    #expect(try JSONDecoder().decode(DumpLogPlace.self, from: JSONEncoder().encode(log)) == log)
  }
}
