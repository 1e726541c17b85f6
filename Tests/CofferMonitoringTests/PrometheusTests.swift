import CofferSystem
import Foundation
import Testing

@testable import CofferMonitoring

@Suite("Figures for Prometheus")
struct PrometheusTests {
  private let folder: String

  init() throws {
    folder = NSTemporaryDirectory() + "coffer-prometheus-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  private func deliver(_ event: MonitoringEvent) throws -> String {
    let hook = try service(PrometheusTextfile.self, "textfile: \(folder)/coffer.prom")
    #expect(hook.states == [.finish, .fail, .log])
    try hook.deliver(event, through: .impatient())
    return try String(contentsOfFile: "\(folder)/coffer.prom", encoding: .utf8)
  }

  @Test("The file is in the exposition format, with escaped labels, readable by others, and nothing is left beside it")
  func format() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let text = try deliver(event(.finish))
    #expect(
      text.hasPrefix(
        """
        # HELP coffer_run_success Whether the last run had no errors.
        # TYPE coffer_run_success gauge
        coffer_run_success{configuration="/etc/coffer/config.yaml"} 1
        # HELP coffer_run_end_timestamp_seconds When the last run ended.
        # TYPE coffer_run_end_timestamp_seconds gauge
        coffer_run_end_timestamp_seconds{configuration="/etc/coffer/config.yaml"} 1800000075

        """))
    let place = #"configuration="/etc/coffer/config.yaml",repository="local""#
    for line in [
      "coffer_archive_last_success_timestamp_seconds{\(place)} 1800000006",
      "coffer_archive_duration_seconds{\(place)} 6.5", "coffer_archive_read_bytes{\(place)} 589000000",
      "coffer_archive_new_bytes{\(place)} 94400000", "coffer_archive_stored_bytes{\(place)} 3470000",
      "coffer_databases_succeeded{\(place)} 2", "coffer_databases_failed{\(place)} 0",
      #"coffer_database_bytes{\#(place),hook="postgresql_databases",place="localhost",database="users"} 400000"#,
      #"coffer_database_bytes{\#(place),hook="postgresql_databases",place="localhost",database="it's \"odd\" \\ \n"} 7"#,
      #"coffer_database_duration_seconds{\#(place),hook="postgresql_databases",place="localhost",database="users"} 1.25"#,
    ] {
      #expect(text.contains("\n\(line)\n"), "\(line) is not in \(text)")
    }
    #expect(text.hasSuffix("\n") && !text.contains("\n\n"))
    #expect(Metrics(parsing: text).text == text)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["coffer.prom"])
    var facts = stat()
    #expect(stat("\(folder)/coffer.prom", &facts) == 0 && facts.st_mode & 0o777 == 0o644)
  }

  @Test("A failed run keeps the times of the last success, and other configurations and repositories their figures")
  func kept() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    _ = try deliver(event(.finish))
    var other = event(.finish).report
    other.configuration = "/etc/coffer.d/other.yaml"
    _ = try deliver(MonitoringEvent(.finish, report: other))
    var failed = report(errors: ["broken"])
    failed.end = noon + 500
    failed.repositories[0].archive = nil
    failed.repositories[0].dumps = [dump("lost", bytes: 5), dump("users", bytes: nil)]
    failed.repositories[0].dumps[1].end = noon + 490
    failed.repositories[0].proofs = [proof("lost", isProven: false), proof("users", isProven: true)]
    let text = try deliver(MonitoringEvent(.fail, report: failed))
    let place = #"configuration="/etc/coffer/config.yaml",repository="local""#
    let users = #"{\#(place),hook="postgresql_databases",place="localhost",database="users"}"#
    for line in [
      #"coffer_run_success{configuration="/etc/coffer/config.yaml"} 0"#,
      #"coffer_run_success{configuration="/etc/coffer.d/other.yaml"} 1"#,
      #"coffer_run_last_success_timestamp_seconds{configuration="/etc/coffer/config.yaml"} 1800000075"#,
      #"coffer_run_end_timestamp_seconds{configuration="/etc/coffer/config.yaml"} 1800000500"#,
      "coffer_archive_last_success_timestamp_seconds{\(place)} 1800000006",
      "coffer_databases_succeeded{\(place)} 0", "coffer_databases_failed{\(place)} 2",
      "coffer_database_success\(users.replacing("users", with: "lost")) 0",
      "coffer_database_success\(users) 0", "coffer_database_last_success_timestamp_seconds\(users) 1800000002",
      "coffer_database_bytes\(users) 400000",
      "coffer_proof_success\(users.replacing("users", with: "lost")) 0", "coffer_proof_success\(users) 1",
      "coffer_proof_last_success_timestamp_seconds\(users) 1800000400", "coffer_proof_rows\(users) 7",
      "coffer_proof_restore_seconds\(users) 3.5",
      #"coffer_databases_failed{configuration="/etc/coffer/config.yaml",repository="/mnt/remote"} 1"#,
      #"coffer_archive_read_bytes{configuration="/etc/coffer.d/other.yaml",repository="local"} 589000000"#,
    ] {
      #expect(text.contains("\n\(line)\n"), "\(line) is not in \(text)")
    }
    #expect(!text.contains("coffer_proof_rows\(users.replacing("users", with: "lost"))"))
    #expect(text.split(separator: "\n").filter { $0.hasPrefix("# TYPE") }.count == Self.ofRuns.count)
    // A dump that fails to restore takes nothing of an earlier proof away.
    var later = failed
    later.repositories[0].proofs = [proof("users", isProven: false)]
    let unproven = try deliver(MonitoringEvent(.fail, report: later))
    #expect(unproven.contains("\ncoffer_proof_success\(users) 0\n"))
    #expect(unproven.contains("\ncoffer_proof_last_success_timestamp_seconds\(users) 1800000400\n"))
  }

  /// What runs tell; the others are of `status`.
  private static let ofRuns = Metrics.Family.allCases.filter { !Metrics.Family.ofBackups.contains($0) }

  @Test("A run that was skipped is neither a success nor a failure: what the run before it told stays")
  func skipped() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let before = try deliver(event(.finish))
    #expect(before.contains("\ncoffer_run_skipped{configuration=\"/etc/coffer/config.yaml\"} 0\n"))
    var skipped = report()
    skipped.isSkipped = true
    skipped.end = noon + 900
    let after = try deliver(MonitoringEvent(.log, report: skipped))
    let figure = "coffer_run_skipped{configuration=\"/etc/coffer/config.yaml\"}"
    #expect(after == before.replacing("\(figure) 0", with: "\(figure) 1"))
    // The log of any other run is no news.
    #expect(try deliver(event(.log)) == after)
    #expect(try deliver(event(.finish)) == before)
  }

  @Test("How backups stand replaces what was known of the same repository, and nothing else; names stay names")
  func backups() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let run = try deliver(event(.finish))
    let file = try MetricsFile("\(folder)/coffer.prom", option: "--prometheus")
    func figures(_ repository: String, _ names: [String]) -> BackupFigures {
      BackupFigures(
        configuration: "/c.yaml", repository: repository,
        whole: .init(time: noon, due: nil, bytes: 9, growth: nil, isOverdue: false),
        databases: names.map {
          .init(
            hook: "sqlite_databases", place: "localhost", name: $0,
            backups: .init(
              time: noon + 0.5, due: noon + 86400, bytes: 7, growth: -2, lastProof: noon - 60, isOverdue: true))
        })
    }
    let forged = "x\"} 1\ncoffer_run_success{configuration=\"forged\"} 1"
    try file.update(with: figures("here", ["old", forged]))
    try file.update(with: figures("there", ["old"]))
    try file.update(with: figures("here", [forged]))
    let text = try String(contentsOfFile: "\(folder)/coffer.prom", encoding: .utf8)
    let labels = #"configuration="/c.yaml",repository="here""#
    let name = #"x\"} 1\ncoffer_run_success{configuration=\"forged\"} 1"#
    let database = #"\#(labels),hook="sqlite_databases",place="localhost",database="\#(name)""#
    for line in [
      "coffer_backup_overdue{\(labels)} 0", "coffer_backup_bytes{\(labels)} 9", "coffer_backup_overdue{\(database)} 1",
      "coffer_backup_growth_bytes{\(database)} -2", "coffer_backup_last_timestamp_seconds{\(database)} 1800000000",
      "coffer_backup_due_timestamp_seconds{\(database)} 1800086400",
      "coffer_backup_last_proof_timestamp_seconds{\(database)} 1799999940",
      #"coffer_backup_bytes{configuration="/c.yaml",repository="there",hook="sqlite_databases",place="localhost",database="old"} 7"#,
    ] { #expect(text.contains("\n\(line)\n"), "\(line) is not in \(text)") }
    #expect(!text.contains(#"repository="here",hook="sqlite_databases",place="localhost",database="old""#))
    #expect(text.hasPrefix(run) && !text.contains("\ncoffer_run_success{configuration=\"forged\"}"))
    #expect(throws: MonitoringError.self) { try MetricsFile("relative.prom", option: "--prometheus") }
  }

  @Test("A database that is configured no more goes away with the next archive; a check changes no figures of archives")
  func gone() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let before = try deliver(event(.finish))
    var check = report()
    check.repositories = []
    check.end = noon + 75
    #expect(try deliver(MonitoringEvent(.finish, report: check)) == before)
    var next = report()
    next.repositories[0].dumps.removeLast()
    let text = try deliver(MonitoringEvent(.finish, report: next))
    #expect(text.contains("database=\"users\"") && !text.contains("odd"))
  }

  @Test("What cannot be read in the old file is left out; a missing folder is an error")
  func damaged() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try "garbage\nnode_load1 5\ncoffer_run_success{configuration=\"x} 1\ncoffer_run_success{configuration=\"y\"} 1\n"
      .write(toFile: "\(folder)/coffer.prom", atomically: true, encoding: .utf8)
    let text = try deliver(event(.finish))
    #expect(text.contains("coffer_run_success{configuration=\"y\"} 1") && !text.contains("garbage"))
    #expect(!text.contains("node_load1") && !text.contains("\"x"))
    try FileManager.default.removeItem(atPath: folder)
    #expect(throws: SystemError.self) { try deliver(event(.finish)) }
    #expect(throws: MonitoringError.self) { try service(PrometheusTextfile.self, "textfile: relative.prom") }
    #expect(throws: MonitoringError.self) { try service(PrometheusTextfile.self, "textfile: /a/b.txt") }
  }

  @Test("Runs that end at the same moment both leave their figures")
  func concurrent() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let threads = try (0..<8).map { number in
      try WorkerThread(name: "run") { [folder] in
        var own = report()
        own.configuration = "/\(number)"
        let hook = try? service(PrometheusTextfile.self, "textfile: \(folder)/coffer.prom")
        try? hook?.deliver(MonitoringEvent(.finish, report: own), through: .impatient())
      }
    }
    for thread in threads { thread.join() }
    let text = try String(contentsOfFile: "\(folder)/coffer.prom", encoding: .utf8)
    for number in 0..<8 { #expect(text.contains("coffer_run_success{configuration=\"/\(number)\"} 1")) }
  }

  @Test("No name forges a line or a label, and names that only look alike have figures of their own")
  func forging() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let forged = "coffer_run_success{configuration=\"forged\"} 1"
    let names = [
      "a\r\n\(forged)\r\n", "b\n\(forged)", "c\r\(forged)", "d\"\u{301}} 1\n\(forged)", "e\\\u{301}\"} 0",
      "f\u{e9}", "fe\u{301}", "g\0h",
    ]
    var own = report()
    own.repositories[0].dumps = names.map { dump($0, bytes: 7) }
    let first = try deliver(MonitoringEvent(.finish, report: own))
    let second = try deliver(MonitoringEvent(.finish, report: own))
    #expect(first == second)
    let lines = first.utf8.split(separator: UInt8(ascii: "\n")).map { String(Substring($0)) }
    #expect(!first.utf8.contains(UInt8(ascii: "\r")))
    #expect(lines.count { $0.hasPrefix("coffer_run_success") } == 1)
    #expect(lines.count { $0.hasPrefix("coffer_database_bytes") } == names.count)
    #expect(lines.allSatisfy { $0.hasPrefix("# ") || $0.hasPrefix("coffer_") })
  }

  @Test("A lock, a link and a FIFO of somebody else hold nobody up, and what a link leads to stays as it is")
  func traps() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let lock = try FileDescriptor(opening: folder, flags: O_RDONLY | O_DIRECTORY)
    #expect(flock(lock.number, LOCK_EX) == 0)
    try "victim".write(toFile: "\(folder)/victim", atomically: false, encoding: .utf8)
    symlink("victim", "\(folder)/coffer.prom")
    mkfifo("\(folder)/coffer.prom.new", 0o666)
    let start = Date()
    #expect(try deliver(event(.finish)).contains("coffer_run_success"))
    #expect(Date().timeIntervalSince(start) < 30)
    #expect(try String(contentsOfFile: "\(folder)/victim", encoding: .utf8) == "victim")
    unlink("\(folder)/coffer.prom")
    mkfifo("\(folder)/coffer.prom", 0o666)
    #expect(try deliver(event(.finish)).contains("coffer_run_success"))
  }
}
