import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("Sessions that go on from one PostgreSQL database to the next", .serialized)
struct PostgreSQLConversationTests: PostgreSQLSuite {
  let ground: PostgreSQLGround
  private let context: HookContext
  private var log: String { ground.programs.path + "/starts" }

  init() throws {
    ground = try PostgreSQLGround()
    context = try makeContext()
  }

  /// What the programs of that name were started with, a line each.
  private func starts(_ program: String) throws -> Int {
    let text = try String(contentsOfFile: log, encoding: .utf8)
    return text.split(separator: "\n").count { $0 == program }
  }

  /// Whether all sessions of psql but the one that asks have ended, or soon do: a server notices when they are gone.
  private func nobodyStays() throws -> Bool {
    for _ in 0..<100 {
      if try one.run("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'psql'") == "1\n" { return true }
      usleep(50_000)
    }
    return false
  }

  private func noting(_ program: String, _ before: String = "") throws -> String {
    try standIn("echo \(program) >>\(log)\n\(before)\nexec \(program) \"$@\"\n")
  }

  @Test("Facts, snapshots and rows of many databases come of two psql, whatever the names are; versions are asked once")
  func few() throws {
    // The third cannot be told to a psql that runs.
    let names = ["go one", "go\"two'\\ $x :y", "gox\nthree = 'a' b", "go\u{301}four", "go{five}%"]
    for (number, name) in names.enumerated() {
      try one.recreate(name)
      try one.run("CREATE TABLE t AS SELECT generate_series(1, \(number + 1)) AS a", in: name)
    }
    defer { for name in names { try? one.drop(name) } }
    let (psql, pgDump) = (try noting("psql"), try noting("pg_dump"))
    let root = try configured(
      one.entry("go*", "psql_command: \(psql)", "pg_dump_command: \(pgDump)", "globals: false"))
    let dumps = try hook.dumps(of: root, context: context)
    #expect(Set(dumps.map(\.identity.database)) == Set(names))
    for dump in dumps {
      let facts = try TakenDump(dump, context: context).facts
      let number = try #require(names.firstIndex(of: dump.identity.database))
      #expect(facts.content?.tables == [.init(name: "public.t", rows: UInt64(number + 1))], "\(facts)")
      #expect(facts.content?.remark == nil && facts.details["owner"] == "postgres" && facts.clientVersion != nil)
    }
    // Two sessions, of which the first asks for the list, and two more for the name with the line break.
    #expect(try starts("psql") == 4)
    #expect(try starts("pg_dump") == names.count + 1)
    // When the last dump has begun nobody stays in a database.
    #expect(try one.run("SELECT count(*) FROM pg_stat_activity WHERE datname LIKE 'go%'") == "0\n")
  }

  @Test(
    "What a server is asked, its databases and what they have in common takes the sessions that go on to the databases")
  func server() throws {
    let names = ["common_a", "common_b"]
    for name in names { try one.recreate(name) }
    defer { for name in names { try? one.drop(name) } }
    let psql = try noting("psql")
    let root = try configured(one.entry("common_*", "psql_command: \(psql)", "globals: true"))
    let dumps = try hook.dumps(of: root, context: context)
    #expect(dumps.map(\.identity.isGlobals) == [true, false, false])
    let taken = try dumps.map { try TakenDump($0, context: context) }
    #expect(taken[0].facts.details["first_role"] == "postgres" && taken[0].facts.details["passwords"] == nil)
    #expect(taken.allSatisfy { $0.facts.serverVersion != nil && $0.facts.details["facts"] == nil })
    #expect(try starts("psql") == 2)
    #expect(try nobodyStays())
  }

  @Test("Nobody stays in the server's own database where it has nothing to dump")
  func nothingPlanned() throws {
    #expect(try hook.dumps(of: configured(one.entry("no_such_*")), context: context)[0] is ImpossibleDump)
    #expect(try nobodyStays())
  }

  @Test("A server is asked in the next database where its usual one is not to be had")
  func template() throws {
    try one.recreate("aside")
    defer { try? one.drop("aside") }
    let psql = try standIn(
      "case \"$*\" in *\"dbname='postgres'\"*) echo 'psql: error: no such database' >&2; exit 2;; esac\nexec psql \"$@\"\n"
    )
    let root = try configured(one.entry("asid*", "psql_command: \(psql)", "globals: false"))
    #expect(try hook.dumps(of: root, context: context).map(\.identity.database) == ["aside"])
    let broken = try standIn("echo 'psql: error: out of order' >&2; exit 2\n")
    let dumps = try hook.dumps(of: configured(one.entry("asid*", "psql_command: \(broken)")), context: context)
    let error = #expect(throws: DumpError.self) { try dumps[0].start(context: context) }
    #expect(error?.diagnosis.problem.contains("out of order") == true, "\(error?.diagnosis.problem ?? "")")
  }

  @Test("A dump that was prepared has the facts and the rows of one that was not, and starts psql no more often")
  func prepared() throws {
    let names = ["ready_a", "ready_b", "ready_c"]
    for (number, name) in names.enumerated() {
      try one.recreate(name)
      try one.run("CREATE TABLE t AS SELECT generate_series(1, \(number + 1)) AS a; CREATE SEQUENCE s", in: name)
      try one.run("SELECT nextval('s'); COMMENT ON DATABASE \(name) IS 'of \(name)'", in: name)
    }
    defer { for name in names { try? one.drop(name) } }
    let (psql, pgDump) = (try noting("psql"), try noting("pg_dump"))
    let root = try configured(
      one.entry("ready_*", "psql_command: \(psql)", "pg_dump_command: \(pgDump)", "globals: false"))
    let dumps = try hook.dumps(of: root, context: context)
    for (number, dump) in dumps.enumerated() {
      let ready = dump.prepared(context: context)
      try one.run("INSERT INTO t VALUES (100)", in: names[number])
      if number == 1 { try one.run("SELECT nextval('s')", in: names[number]) }
      let taken = try TakenDump(ready, context: context).facts
      #expect(taken.content?.tables == [.init(name: "public.t", rows: UInt64(number + 2))], "\(taken)")
      #expect(taken.content?.sequences.count == (number == 1 ? 0 : 1) && taken.content?.remark == nil)
      #expect(taken.details["comment"] == "of \(names[number])" && taken.clientVersion != nil)
    }
    #expect(try starts("psql") == 2)
    #expect(try starts("pg_dump") == names.count + 1)
    #expect(try one.run("SELECT count(*) FROM pg_stat_activity WHERE datname LIKE 'ready%'") == "0\n")
  }

  @Test("What was prepared for a dump that does not come leaves nobody in its database")
  func preparedForNothing() throws {
    for name in ["wait_a", "wait_b"] { try one.recreate(name) }
    defer { for name in ["wait_a", "wait_b", "wait_c"] { try? one.drop(name) } }
    let dumps = try hook.dumps(of: configured(one.entry("wait_*", "globals: false")), context: context)
    do {
      let ready = dumps[0].prepared(context: context)
      #expect(try one.run("SELECT count(*) FROM pg_stat_activity WHERE datname = 'wait_a'") == "2\n")
      _ = ready
    }
    #expect(try nobodyStays())
    try one.run("ALTER DATABASE wait_a RENAME TO wait_c")
    #expect(try TakenDump(dumps[1], context: context).facts.content?.remark == nil)
  }

  @Test(
    "What was prepared and is gone, or could not be, is had anew, and keeps no dump from being made or failing as any other"
  )
  func preparedInVain() throws {
    for name in ["vain_a", "vain_b", "vain_c"] { try one.recreate(name) }
    try one.run("CREATE TABLE t AS SELECT 1 AS a", in: "vain_c")
    defer { for name in ["vain_a", "vain_b", "vain_c"] { try? one.drop(name) } }
    let entry = one.entry("vain_*", "globals: false", "max_replica_lag: 60")
    let dumps = try hook.dumps(of: configured(entry), context: context)
    // Another one in the place of the database, as when it is refreshed from somewhere else.
    let first = dumps[0].prepared(context: context)
    try one.recreate("vain_a")
    try one.run("COMMENT ON DATABASE vain_a IS 'another'")
    try one.run("CREATE TABLE t AS SELECT generate_series(1, 3) AS a", in: "vain_a")
    let facts = try TakenDump(first, context: context).facts
    #expect(facts.content?.remark == nil && facts.content?.rowCount == 3 && facts.details["comment"] == "another")
    #expect(try TakenDump(first, context: context).facts.content?.remark == nil, "it is asked anew")
    try one.drop("vain_b")
    #expect(throws: DumpError.self) { try TakenDump(dumps[1].prepared(context: context), context: context) }
    #expect(try TakenDump(dumps[2].prepared(context: context), context: context).facts.content?.rowCount == 1)
  }

  @Test("A server without room for the sessions of the next dump has the one that it failed made without them")
  func withoutRoom() throws {
    for name in ["room_a", "room_b"] {
      try one.recreate(name)
      try one.run("CREATE TABLE t AS SELECT 1 AS a", in: name)
    }
    try one.run(
      "CREATE ROLE crowded LOGIN PASSWORD 'c' CONNECTION LIMIT 2; GRANT pg_read_all_data TO crowded")
    defer {
      for name in ["room_a", "room_b"] { try? one.drop(name) }
      _ = try? one.run("DROP ROLE crowded")
    }
    // A server takes a moment to see that a session has ended.
    let pgDump = try noting("pg_dump", "sleep 0.3")
    let entry = """
        - {name: room_*, hostname: \(one.hostname), port: \(one.port), username: crowded, password: c,
           pg_dump_command: \(pgDump), globals: false}

      """
    let dumps = try hook.dumps(of: configured(entry), context: context)
    let running = try dumps[0].start(context: context)
    let ready = dumps[1].prepared(context: context)
    let error = #expect(throws: DumpError.self) { try TakenDump(running) }
    #expect(error?.diagnosis.problem.contains("too many connections") == true)
    let facts = try TakenDump(dumps[0].alone, context: context).facts
    #expect(facts.content?.remark?.contains("nothing was counted") == true && facts.details["owner"] == "postgres")
    #expect(try TakenDump(ready, context: context).facts.content?.rowCount == 1)
  }

  @Test("Nor has what databases have in common to go without where sessions for one of them took all the room")
  func commonWithoutRoom() throws {
    for name in ["packed_a", "packed_b"] {
      try one.recreate(name)
      try one.run("CREATE TABLE t AS SELECT 1 AS a", in: name)
    }
    try one.run("CREATE ROLE packed LOGIN PASSWORD 'p' CONNECTION LIMIT 2; GRANT pg_read_all_data TO packed")
    defer {
      for name in ["packed_a", "packed_b"] { try? one.drop(name) }
      _ = try? one.run("DROP ROLE packed")
    }
    // A server takes a moment to see that a session has ended.
    let pgDump = try standIn("sleep 0.3\nexec pg_dump \"$@\"\n", name: "slow/pg_dump")
    _ = try standIn("sleep 0.3\nexec pg_dumpall \"$@\"\n", name: "slow/pg_dumpall")
    let entry = """
        - {name: packed_*, hostname: \(one.hostname), port: \(one.port), username: packed, password: p,
           pg_dump_command: \(pgDump), globals: true}

      """
    let dumps = try hook.dumps(of: configured(entry), context: context)
    #expect(dumps.map(\.identity.isGlobals) == [true, false, false])
    let ready = dumps[1].prepared(context: context)
    let running = try dumps[0].start(context: context)
    let error = #expect(throws: DumpError.self) { try TakenDump(running) }
    #expect(error?.diagnosis.problem.contains("too many connections") == true)
    #expect(running.hasCompany)
    let globals = try dumps[0].alone.start(context: context)
    #expect(!globals.hasCompany)
    let facts = try TakenDump(globals).facts
    #expect(facts.format == "globals" && facts.serverVersion != nil)
    #expect(try TakenDump(ready, context: context).facts.content?.rowCount == 1)
    #expect(try TakenDump(dumps[2].prepared(context: context), context: context).facts.content?.rowCount == 1)
  }

  @Test("A session that ends between two databases is replaced, and one that fails in a database spoils no other")
  func ended() throws {
    for name in ["end_a", "end_b", "end_c"] {
      try one.recreate(name)
      try one.run("CREATE TABLE t AS SELECT 1 AS a", in: name)
    }
    defer { for name in ["end_a", "end_b", "end_c"] { try? one.drop(name) } }
    let root = try configured(one.entry("end_*", "globals: false"))
    let dumps = try hook.dumps(of: root, context: context)
    #expect(try TakenDump(dumps[0], context: context).facts.content?.rowCount == 1)
    try one.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'end_a'")
    try one.drop("end_b")
    #expect(throws: DumpError.self) { try TakenDump(dumps[1], context: context) }
    #expect(try TakenDump(dumps[2], context: context).facts.content?.rowCount == 1)
  }

  @Test("A psql that is not given what it is to read is asked by its arguments, and nothing is counted")
  func withoutInput() throws {
    try one.recreate("deaf")
    defer { try? one.drop("deaf") }
    let psql = try standIn("exec psql \"$@\" </dev/null")
    let facts = try take(configured(one.entry("deaf", "psql_command: \(psql)", "globals: false")), context).facts
    #expect(facts.details["owner"] == "postgres" && facts.details["facts"] == nil && facts.serverVersion != nil)
    #expect(facts.content?.remark?.contains("nothing was counted") == true, "\(facts)")
  }

  @Test("Where psql is killed as it is asked about the database it is asked once more, and then the dump fails")
  func killed() throws {
    try one.recreate("lost_words")
    defer { try? one.drop("lost_words") }
    let mark = ground.programs.path + "/was-killed"
    let once = try standIn("test -e \(mark) || { touch \(mark); kill -9 $$; }; exec psql \"$@\"")
    let facts = try take(configured(one.entry("lost_words", "psql_command: \(once)", "globals: false")), context).facts
    #expect(facts.details["owner"] == "postgres" && facts.details["facts"] == nil)
    #expect(FileManager.default.fileExists(atPath: mark))
    let always = try standIn("kill -9 $$")
    let root = try configured(one.entry("lost_words", "psql_command: \(always)", "globals: false"))
    do {
      _ = try take(root, context)
      Issue.record("The dump succeeded")
    } catch let error as any DiagnosableError {
      #expect(error.diagnosis.subject.contains("'lost_words'"))
      #expect(error.diagnosis.problem.contains("psql was killed by signal 9"), "\(error.diagnosis)")
    }
  }
}
