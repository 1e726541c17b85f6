import CofferSystem
import Foundation
import TestSupport
import Testing

@Suite("A PostgreSQL server brought back to random moments, by the built program", .serialized)
struct RandomTargetTests: ServerUserSuite {
  let ground: Playground
  let programs: String
  /// Where everything is: short, because sockets are in it, and in memory, where there is such a place.
  let home = "\(access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp")/coffer-\(UUID().uuidString.prefix(8))"
  private var main: String { "\(home)/main" }

  /// How many targets; `COFFER_TARGET_RUNS` says how many more than a run of all tests has time for, and then they are others each time.
  private static let askedRuns = ProcessInfo.processInfo.environment["COFFER_TARGET_RUNS"].flatMap { Int($0) }
  private static let seed = askedRuns == nil ? 1 : UInt64.random(in: 0 ... .max)

  init() throws {
    ground = try Playground()
    programs = try PostgreSQLCluster.newestPrograms()
    try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
  }

  func socket(_ folder: String) -> String { folder }

  private func startMain() throws {
    try startArchiving(
      main, settings: ["max_prepared_transactions = 8", "autovacuum = off", "shared_buffers = '16MB'"])
    _ = try sql("CREATE TABLE ledger (n int); CREATE TABLE filler (t text)", at: main)
  }

  // MARK: - The ledger

  /// A commit, and a moment behind it and before the next.
  private struct Commit {
    let number: Int
    let transaction: String
    let position: String
    let time: String
  }

  /// Commits numbers: some transactions were begun and prepared before others that are committed earlier, and some are rolled back.
  private func commit(_ numbers: ClosedRange<Int>, _ random: inout SeededRandom) throws -> [Commit] {
    var script: [String] = []
    var prepared: [Int] = []
    /// Where a commit stands in the log and in time; what is behind it is no commit.
    func note(_ number: Int) {
      script.append(
        """
        SELECT 'commit', \(number), pg_current_wal_insert_lsn(), \
        to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US');
        SELECT FROM pg_logical_emit_message(false, '', ''), pg_sleep(0.002);
        """)
    }
    func finish(_ number: Int) {
      script.append("COMMIT PREPARED 'p\(number)';")
      note(number)
    }
    for number in numbers {
      let rows = random.next(below: 40) == 0 ? 4000 : random.next(below: 30)
      let work =
        "BEGIN; INSERT INTO ledger VALUES (\(number)); INSERT INTO filler SELECT repeat('x', 200) FROM generate_series(1, \(rows));"
      let identity = "SELECT 'begun', \(number), pg_current_xact_id();"
      switch random.next(below: 5) {
      case 0:
        script.append("\(work) SAVEPOINT s; INSERT INTO ledger VALUES (-\(number)); ROLLBACK TO s; \(identity) COMMIT;")
        note(number)
      case 1 where prepared.count < 5:
        script.append("\(work) \(identity) PREPARE TRANSACTION 'p\(number)';")
        prepared.append(number)
      case 2:
        script.append("BEGIN; INSERT INTO ledger VALUES (-\(number)); ROLLBACK; \(work) \(identity) COMMIT;")
        note(number)
      default:
        script.append("\(work) \(identity) COMMIT;")
        note(number)
      }
      if !prepared.isEmpty, random.next(below: 4) == 0 {
        finish(prepared.remove(at: random.next(below: prepared.count)))
      }
      if random.next(below: 25) == 0 { script.append("SELECT FROM pg_switch_wal();") }
    }
    for number in prepared { finish(number) }
    let rows = try sql(script.joined(separator: "\n"), at: main).split(separator: "\n").map {
      $0.split(separator: "|").map(String.init)
    }
    let begun = Dictionary(uniqueKeysWithValues: rows.filter { $0.first == "begun" }.map { ($0[1], $0[2]) })
    return try rows.filter { $0.first == "commit" }.map { row in
      Commit(
        number: try #require(Int(row[1])), transaction: try #require(begun[row[1]]), position: row[2],
        time: row[3] + "Z")
    }
  }

  // MARK: - Targets

  private struct Target {
    let words: [String]
    /// How many of the commits are there.
    let count: Int
  }

  /// - Parameter newest: The first commit behind the newest base backup: a transaction before that is not looked for.
  private func target(
    _ commits: [Commit], from first: Int, newest: Int, _ random: inout SeededRandom
  ) -> Target {
    // Behind it there is a commit, which a time has to have.
    let index = first + random.next(below: commits.count - 1 - first)
    let isExclusive = random.next(below: 2) == 0
    let words = isExclusive ? ["--to-exclusive"] : []
    switch random.next(below: 3) {
    case 0: return Target(words: ["--to-time", commits[index].time] + words, count: index + 1)
    case 2 where index > newest:
      return Target(words: ["--to-xid", commits[index].transaction] + words, count: index + (isExclusive ? 0 : 1))
    default: return Target(words: ["--to-lsn", commits[index].position] + words, count: index + 1)
    }
  }

  @Test("Each restore has exactly what was committed by its target, by time, by place and by transaction")
  func targets() throws {
    defer { try? FileManager.default.removeItem(atPath: home) }
    try startMain()
    defer { _ = try? control("stop", main) }
    var random = SeededRandom(Self.seed)
    let before = try commit(1...5, &random)
    let made = try coffer("create")
    try #require(made.status == .exited(0), "\(made.errors)")
    let earlier = before + (try commit(6...100, &random))
    // Of one base backup the server has sent the files, and of the other they are read.
    let path = "\(home)/config.yaml"
    try String(contentsOfFile: path, encoding: .utf8)
      .replacingOccurrences(of: "base_backup: true", with: "base_backup: true, read_files: true")
      .write(toFile: path, atomically: true, encoding: .utf8)
    let read = try coffer("create")
    try #require(read.status == .exited(0), "\(read.errors)")
    let commits = earlier + (try commit(101...200, &random))
    try waitUntilArchived(sql("CREATE TABLE last (); SELECT pg_walfile_name(pg_switch_wal())", at: main), at: main)
    try #require(try sql("SELECT count(*) FROM ledger", at: main) == "\(commits.count)")

    let restored = "\(home)/restored"
    for run in 1...max(Self.askedRuns ?? 20, 1) {
      let target = target(commits, from: before.count + 1, newest: earlier.count, &random)
      let comment: Comment = "seed \(Self.seed), target \(run): \(target.words)"
      let outcome = try server(
        [
          ground.binary, "--config", "\(home)/config.yaml", "restore", "--cluster", "main", "--target-directory",
          restored, "--start",
        ] + target.words)
      try #require(outcome.status == .exited(0), "\(comment): \(outcome.errors)")
      let found = try sql("SELECT n FROM ledger ORDER BY n", at: restored).split(separator: "\n").compactMap { Int($0) }
      #expect(found == commits.prefix(target.count).map(\.number).sorted(), comment)
      try #require(try control("stop", restored) == .exited(0))
      try done("rm", "-rf", restored)
    }
  }
}
