import CofferConfiguration
import CofferSystem
import Foundation
import Testing

@testable import CofferActions
@testable import CofferHooks

/// Notebooks: files of lines, whose throw-away places are other files.
private struct NotebookHook: DatabaseHook {
  static let end = "-- end\n"

  let databases = OptionKey<[ConfigurationSection]>(
    "notebook_databases", "Notebooks to back up.",
    schema: OptionSchema("Notebook", [ServerOptions.name.option] + ServerOptions.shared))
  let kind = DatabaseKind.server(defaultPort: 7070)
  let folder: String
  /// What happens when somebody looks at what was restored.
  let look: @Sendable (DumpIdentity) throws -> Void

  func dumps(of root: ConfigurationSection, context: HookContext) throws -> [any PlannedDump] {
    ServerEntry.all(in: root, of: self).map {
      NotebookDump(identity: $0.identity, section: $0.section, path: "\(folder)/\($0.identity.database)")
    }
  }

  func plan(
    restoring facts: DumpFacts, to target: RestoreTarget, root: ConfigurationSection?, context: HookContext
  ) throws -> any PlannedRestore {
    NotebookRestore(identity: facts.identity, path: target.hostname ?? "/nowhere")
  }

  func drillPlace(for facts: DumpFacts, bytes: UInt64, on ground: DrillGround) throws -> any DrillPlace {
    NotebookPlace(path: "\(ground.path)/notebook", look: look)
  }
}

private struct NotebookDump: PlannedDump {
  let identity: DumpIdentity
  let section: ConfigurationSection
  let path: String

  func start(context: HookContext) throws -> any RunningDump {
    let command = ChildCommand("sh", ["-c", "cat \"$0\"; echo '-- end'", path], environment: context.environment)
    let facts = DumpFacts(identity: identity, format: "lines", serverVersion: "7.1")
    return StreamedDump(
      try DumpStream(command, of: identity, context: context), facts: facts, program: "cat",
      content: NotebookContent(try Self.content(path)), missing: { _ in nil })
  }

  /// A table whose rows are the lines.
  static func content(_ path: String) throws -> DumpContent {
    let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
    return DumpContent(tables: [.init(name: "lines", rows: UInt64(lines.count { !$0.hasPrefix("--") }))])
  }
}

private final class NotebookContent: ContentSource {
  private let counted: DumpContent
  let isCounting = false

  init(_ counted: DumpContent) {
    self.counted = counted
  }

  func content() -> DumpContent? { counted }

  func close() {}
}

private struct NotebookRestore: PlannedRestore {
  let identity: DumpIdentity
  let path: String
  let wantsFolder = false
  var summary: String { "\(identity.title) to \(path)" }

  func start(folder: String?, context: HookContext) throws -> any RunningRestore {
    // One line is lost where a notebook is torn.
    ClientRestore(
      try ClientInput(
        ChildCommand("sh", ["-c", "grep -v torn >\"$0\"", path], environment: context.environment), of: identity,
        context: context))
  }
}

private final class NotebookPlace: DrillPlace {
  let version = "Notebook 7"
  let path: String
  private let look: (DumpIdentity) throws -> Void

  init(path: String, look: @escaping (DumpIdentity) throws -> Void) {
    self.path = path
    self.look = look
  }

  var target: RestoreTarget { RestoreTarget(hostname: path) }

  func findings(of facts: DumpFacts) throws -> DrillFindings {
    try look(facts.identity)
    return DrillFindings(content: try NotebookDump.content(path))
  }

  func answer(to statement: String, of facts: DumpFacts) throws -> String {
    guard statement != "fail" else { throw DrillError.unanswered(facts.identity, statement: statement, lines: ["no"]) }
    return statement == "count" ? String(try NotebookDump.content(path).rowCount ?? 0) : "\(facts.identity.database)|1"
  }

  func remove() {}
}

@Suite("What came of verifying is kept where every machine sees it")
struct VerificationTests {
  private let ground: ProgramGround

  private static let day = 86400.0

  init() throws {
    ground = try ProgramGround("verification")
  }

  private func configure(_ names: String..., lines: String = "") throws {
    for name in names { try ground.write(name, "one\ntwo\n\(name)\n") }
    try FileManager.default.createDirectory(atPath: "\(ground.folder)/drills", withIntermediateDirectories: true)
    try ground.configure(
      "verify_directory: \(ground.folder)/drills\n\(lines)\nnotebook_databases:\n"
        + names.map { "  - {name: \($0), hostname: books}\n" }.joined())
  }

  /// Runs the program.
  ///
  /// - Parameters:
  ///   - days: By which the clock is ahead.
  ///   - look: Told of each notebook that was restored, with what stops the run.
  private func coffer(
    _ arguments: String..., days: Double = 0, on hostname: String = "here",
    look: @escaping @Sendable (DumpIdentity, Cancellation) throws -> Void = { _, _ in }
  ) throws -> (code: Int32, said: String) {
    let system = Clock.system
    let clock = Clock(
      now: { system.now() + days * Self.day }, steadySeconds: { system.steadySeconds() + days * Self.day })
    return try ground.coffer(arguments, clock: clock, hostname: hostname) { surroundings, cancellation, output in
      let hook = NotebookHook(folder: ground.folder) { try look($0, cancellation) }
      return Program(
        surroundings: surroundings, cancellation: cancellation, hooks: HookRegistry([hook]), output: output)
    }
  }

  /// As another machine would be: without anything that this one keeps for itself.
  private func forgetMachine() {
    for name in [".cache", ".local"] { try? FileManager.default.removeItem(atPath: "\(ground.folder)/\(name)") }
  }

  private var objects: [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: "\(ground.folder)/repository/proofs")) ?? []
  }

  private var left: [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: "\(ground.folder)/drills")) ?? []
  }

  @Test("A proof of one machine is shown by every other, with its age, and by figures and mails")
  func everywhere() throws {
    defer { ground.remove() }
    try configure(
      "shop", "users",
      lines: "archive_name_format: '{now:%Y%m%dT%H%M%S.%f}'\nprometheus: {textfile: \(ground.folder)/coffer.prom}")
    #expect(try coffer("repo-create", "--encryption", "repokey").code == 0)
    #expect(try coffer("create").code == 0)
    let run = try coffer("verify", on: "prover")
    #expect(run.code == 0, "\(run.said)")
    #expect(run.said.contains("Proven: notebook database 'shop' at books"), "\(run.said)")
    #expect(objects.count == 1)
    let figures = try ground.read("coffer.prom")
    let place = "hook=\"notebook_databases\",place=\"books\",database=\"shop\"} "
    for line in ["coffer_proof_success", "coffer_proof_last_success_timestamp_seconds", "coffer_proof_rows"] {
      #expect(figures.split(separator: "\n").contains { $0.hasPrefix("\(line){") && $0.contains(place) }, "\(figures)")
    }
    #expect(figures.contains("\(place)3\n") && figures.contains("\(place)1\n"), "\(figures)")
    forgetMachine()
    let listed = try coffer("repo-list", days: 2.1).said
    #expect(listed.contains("2 dumps proven 2 days ago"), "\(listed)")
    let info = try coffer("info", "--archive", "latest", days: 2.1).said
    #expect(info.contains(/Proven: +notebook_databases\/books\/shop, 2 days ago on prover, restored in/), "\(info)")
    let json = try coffer("info", "--archive", "latest", "--json").said
    for word in [
      #""hostname":"prover""#, #""source_version":"7.1""#, #""server":"Notebook 7""#, #""rows":3"#,
      #""largest_tables":["lines"]"#, #""tables":[{"name":"lines","rows":3}]"#,
      #""program_version":"\#(Program.version)""#, #""data_source_name":"users""#,
    ] { #expect(json.contains(word), "\(word) \(json)") }
    // A new archive is not proven; the database is.
    #expect(try coffer("create").code == 0)
    #expect(try coffer("repo-list").said.split(separator: "\n").count { $0.contains("proven") } == 1)
  }

  @Test("A dump that does not restore is told as not proven until it is tried again; its figures keep the last success")
  func failed() throws {
    defer { ground.remove() }
    try configure("shop", lines: "prometheus: {textfile: \(ground.folder)/coffer.prom}")
    try ground.write("shop", "one\ntorn\n")
    #expect(try coffer("repo-create", "--encryption", "repokey").code == 0)
    #expect(try coffer("create").code == 0)
    let run = try coffer("verify")
    #expect(run.code == 1 && run.said.contains("table lines has 1 row, and had 2 when it was dumped"), "\(run.said)")
    #expect(try coffer("repo-list").said.contains("1 of 1 NOT PROVEN"))
    #expect(try coffer("info", "--archive", "latest").said.contains("NOT PROVEN:"))
    #expect(try ground.read("coffer.prom").contains("database=\"shop\"} 0\n"))
    #expect(left.isEmpty)
  }

  @Test("verify_within warns of databases whose proof is older, or that have none, at every check; a proof quiets it")
  func within() throws {
    defer { ground.remove() }
    let lines = "verify_within: 1 week\nchecks: [{name: repository}]"
    try configure("shop", lines: lines)
    #expect(try coffer("repo-create", "--encryption", "repokey").code == 0)
    #expect(try coffer("create").code == 0)
    let never = try coffer("check")
    #expect(never.code == 0)
    #expect(never.said.contains("warning: "), "\(never.said)")
    #expect(never.said.contains("'shop' at books was never proven"), "\(never.said)")
    let verified = try coffer("verify")
    #expect(verified.code == 0 && !verified.said.contains("proven to restore"), "\(verified.said)")
    forgetMachine()
    #expect(try !coffer("check", days: 6).said.contains("warning: "))
    let old = try coffer("check", days: 9)
    #expect(old.code == 0)
    #expect(old.said.contains("was last proven to restore 9 days ago, and verify_within is 1 week"), "\(old.said)")
    try configure("shop", "users", lines: lines)
    #expect(try coffer("create").code == 0)
    let both = try coffer("check", days: 9).said
    #expect(both.contains("9 days ago") && both.contains("'users' at books was never proven"), "\(both)")
    try configure("shop", "users", lines: "checks: [{name: repository}]")
    #expect(try !coffer("check", days: 9).said.contains("warning: "))
  }

  @Test("Samples go round all databases, whichever machine asks, and a failing one keeps no other from its turn")
  func turns() throws {
    defer { ground.remove() }
    try configure("one", "two", "three")
    #expect(try coffer("repo-create", "--encryption", "repokey").code == 0)
    #expect(try coffer("create").code == 0)
    let seen = Monitor<[String]>([])
    for day in 0..<3 {
      forgetMachine()
      _ = try coffer("verify", "--sample", "1", days: Double(day - 3)) { identity, _ in
        seen.update { $0.append(identity.database) }
        if identity.database == "one" { throw DrillError.different(identity, ["a page is missing"]) }
      }
    }
    #expect(seen.update { $0 } == ["one", "two", "three"])
    #expect(objects.count == 3)
  }

  @Test("A run that is stopped in the middle of a drill keeps what it has proven, and leaves nothing else")
  func stopped() throws {
    defer { ground.remove() }
    try configure("one", "two", "three")
    #expect(try coffer("repo-create", "--encryption", "repokey").code == 0)
    #expect(try coffer("create").code == 0)
    let run = try coffer("verify") { identity, cancellation in
      guard identity.database == "two" else { return }
      cancellation.cancel()
      try cancellation.check()
    }
    #expect(run.code != 0)
    #expect(run.said.contains("'one'") && !run.said.contains("Proven: notebook database 'two'"), "\(run.said)")
    #expect(left.isEmpty)
    let info = try coffer("info", "--archive", "latest").said
    #expect(info.contains("books/one") && !info.contains("books/two") && !info.contains("books/three"), "\(info)")
  }

  @Test("A repository that takes nothing is said, and the drills are made all the same")
  func refused() throws {
    defer { ground.remove() }
    try configure("shop")
    #expect(try coffer("repo-create", "--encryption", "repokey").code == 0)
    #expect(try coffer("create").code == 0)
    // Not a folder, whoever runs this.
    try ground.write("repository/proofs", "")
    let run = try coffer("verify")
    #expect(run.code == 0, "\(run.said)")
    #expect(run.said.contains("Proven: ") && run.said.contains("What came of restoring is not kept"), "\(run.said)")
  }

  @Test("Questions of the user's own are asked of whom they are for, and a dump whose answer is another is not proven")
  func questions() throws {
    defer { ground.remove() }
    func lines(_ expected: String, _ query: String = "count") -> String {
      """
      verify_queries:
        - {database: "sh*", query: \(query), expect: '\(expected)'}
        - {database: users, hook: notebook, query: name, expect: 'users|1'}
        - {database: users, hook: other, query: fail, expect: x}
      """
    }
    try configure("shop", "users", lines: lines(">= 3"))
    #expect(try coffer("repo-create", "--encryption", "repokey").code == 0)
    #expect(try coffer("create").code == 0)
    let right = try coffer("verify")
    #expect(right.code == 0, "\(right.said)")
    #expect(right.said.split(separator: "\n").count { $0.contains("1 question answered") } == 2, "\(right.said)")
    try configure("shop", "users", lines: lines("> 3"))
    let wrong = try coffer("verify")
    #expect(wrong.code == 1 && wrong.said.contains("'count' answers '3', and '> 3' was expected"), "\(wrong.said)")
    #expect(wrong.said.contains("Proven: notebook database 'users'"), "\(wrong.said)")
    try configure("shop", "users", lines: lines("3", "fail"))
    let unanswered = try coffer("verify", "--database", "shop")
    #expect(unanswered.code == 1 && unanswered.said.contains("'fail' was not answered: no"), "\(unanswered.said)")
    try configure("shop", lines: lines("> many"))
    #expect(try coffer("config", "validate").said.contains("must be an answer"))
  }

  @Test("Commands around an action run around a verification, and are told how it ended")
  func commands() throws {
    defer { ground.remove() }
    let log = "\(ground.folder)/log"
    let lines = """
      commands:
        - {before: action, when: [verify], run: ['echo begin >>\(log)']}
        - {after: action, when: [verify], states: [finish], run: ['echo proven >>\(log)']}
        - {after: action, when: [verify], states: [fail], run: ['echo failed >>\(log)']}
      """
    try configure("shop", lines: lines)
    #expect(try coffer("repo-create", "--encryption", "repokey").code == 0)
    #expect(try coffer("create").code == 0)
    #expect(try coffer("verify").code == 0)
    #expect(try ground.read("log") == "begin\nproven\n")
    let failed = try coffer("verify") { identity, _ in
      throw DrillError.different(identity, ["a page is missing"])
    }
    #expect(failed.code == 1)
    #expect(try ground.read("log") == "begin\nproven\nbegin\nfailed\n")
  }
}
