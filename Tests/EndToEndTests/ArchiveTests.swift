import Foundation
import Testing

@Suite("Choosing, listing and pruning archives, with the built program")
struct ArchiveTests {
  private let ground: Playground

  init() throws {
    ground = try Playground()
    try ground.write("files/a.txt", "a")
    try configure("one-{now}")
    let made = try ground.coffer("repo-create", "--encryption", "repokey")
    try #require(made.status == .exited(0), "\(made.errors)")
    for _ in 0..<3 { try ground.coffer("create") }
    try configure("two-{now}")
    for _ in 0..<2 { try ground.coffer("create") }
  }

  private func configure(_ format: String, _ more: String = "") throws {
    try ground.configure(
      "archive_name_format: '\(format)'\nsource_directories: [\(ground.folder)/files]\n" + more)
  }

  private func names(_ arguments: String...) throws -> [String] {
    let run = try ground.coffer(["repo-list", "--short"] + arguments)
    #expect(run.status == .exited(0), "\(run.errors)")
    return run.output.split(separator: "\n").map { String($0.prefix(3)) }
  }

  @Test("A configuration sees the archives that it names, unless it is told otherwise")
  func filter() throws {
    #expect(try names() == ["two", "two"])
    #expect(try names("--match-archives", "*") == ["one", "one", "one", "two", "two"])
    #expect(try names("--match-archives", "re:one.*", "--last", "1") == ["one"])
    #expect(try names("--prefix", "one", "--first", "2") == ["one", "one"])
    try configure("three-{now}")
    #expect(try names() == [])
    let latest = try ground.coffer("list", "--archive", "latest")
    #expect(latest.status == .exited(1) && latest.errors.contains("--match-archives '*'"), "\(latest.errors)")
    #expect(try ground.coffer("list", "--archive", "latest", "--match-archives", "*").output.contains("a.txt"))
    try configure("three-{now}", "match_archives: 'sh:one-*'\n")
    #expect(try names() == ["one", "one", "one"])
  }

  @Test("prune keeps what the options say, of the configuration's own archives only")
  func prune() throws {
    let nothing = try ground.coffer("prune")
    #expect(nothing.status == .exited(0) && nothing.output.isEmpty && nothing.errors.isEmpty)
    try configure("one-{now}", "keep_daily: 1\n")
    let plan = try ground.coffer("prune", "--dry-run")
    #expect(plan.output.split(separator: "\n").filter { $0.hasPrefix("Would delete: one-") }.count == 2)
    #expect(plan.output.contains("Keeping (daily #1): one-"))
    #expect(try names("--match-archives", "*").count == 5)
    let pruned = try ground.coffer("prune", "--stats")
    #expect(pruned.status == .exited(0) && pruned.output.contains("Kept 1 archives, deleted 2"), "\(pruned.errors)")
    #expect(try names("--match-archives", "*") == ["one", "two", "two"])
    #expect(try ground.coffer("check", "--level", "4").status == .exited(0))
    let wrong = try ground.coffer("prune", "--keep-within", "soon")
    #expect(wrong.status == .exited(1) && wrong.errors.contains("keep-within") && wrong.errors.contains("soon"))
  }

  @Test("--timings says where the time went, beside the answer")
  func timings() throws {
    let silent = try ground.coffer("create")
    #expect(silent.output.isEmpty && silent.errors.isEmpty)
    let told = try ground.coffer("create", "--timings")
    #expect(told.status == .exited(0) && told.output.isEmpty)
    let stages = told.errors.split(separator: "\n").map { $0.split(separator: "  ")[0] }
    #expect(stages.prefix(2) == ["make the key of the passphrase", "load the index"])
    #expect(stages.contains("make the ids of chunks"))
    let listed = try ground.coffer("repo-list", "--json", "--timings")
    #expect(listed.json.count == 1 && listed.errors.contains("make the key of the passphrase"))
  }

  @Test("Without an action: create, prune and check, each as far as the configuration wants it")
  func standard() throws {
    try configure("two-{now}", "keep_daily: 1\nskip_actions: [check]\n")
    let run = try ground.coffer("--verbosity", "1")
    #expect(run.status == .exited(0), "\(run.errors)")
    #expect(try names() == ["two"])
    #expect(!run.errors.contains("are whole"))
    try configure("two-{now}", "default_actions: false\n")
    #expect(try ground.coffer().output.contains("usage: coffer"))
    #expect(try names() == ["two"])
  }

  @Test("A check that was made is not made again before its time, unless it is asked for")
  func checkFrequency() throws {
    func isMade(_ arguments: String...) throws -> Bool {
      let run = try ground.coffer(["check", "--verbosity", "1"] + arguments)
      #expect(run.status == .exited(0), "\(run.errors)")
      return run.errors.contains("are whole")
    }
    #expect(try isMade())
    #expect(try !isMade())
    #expect(try isMade("--force"))
    #expect(try isMade("--only", "data"))
    try configure("two-{now}", "checks: [{name: archives, frequency: always}, {name: extract, frequency: always}]\n")
    let run = try ground.coffer("check", "--verbosity", "1")
    #expect(run.errors.contains("(level 3)") && run.errors.contains("was read to its end"), "\(run.errors)")
  }

  @Test("A repository that failed is tried again after the others, as often as 'retries' says")
  func retries() throws {
    try ground.write(
      "config.yaml",
      """
      repositories:
        - {path: \(ground.folder)/missing, label: missing}
        - {path: \(ground.repository), label: good}
      source_directories: [\(ground.folder)/files]
      retries: 2

      """)
    let run = try ground.coffer("create")
    #expect(run.status == .exited(1))
    #expect(run.errors.components(separatedBy: "Trying missing again").count == 3, "\(run.errors)")
    #expect(
      try ground.coffer("repo-list", "--short", "--match-archives", "*", "--repository", "good").output.split(
        separator: "\n"
      ).count == 6)
  }
}
