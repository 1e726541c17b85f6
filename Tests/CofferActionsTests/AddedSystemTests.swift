import CofferConfiguration
import CofferSystem
import Foundation
import Testing

@testable import CofferActions
@testable import CofferHooks

/// How a ledger is configured. It, and what follows, is everything that a new database system needs.
private enum LedgerOptions {
  static let pages = OptionKey<String>("pages", "Which pages are dumped.", default: "all", choices: ["all", "open"])
  static let dumpCommand = OptionKey<CommandWords>(
    "ledger_dump_command", "What to run in place of ledger-dump.", default: "ledger-dump", example: "ledger-dump -q")

  static let schema = OptionSchema(
    "Ledger", [ServerOptions.name.option] + ServerOptions.shared + [pages.option, dumpCommand.option])
  static let databases = OptionKey<[ConfigurationSection]>("ledger_databases", "Ledgers to back up.", schema: schema)
}

/// Ledgers: files in a folder that stands in for a server.
private struct LedgerHook: DatabaseHook {
  enum Order: String, CaseIterable {
    case upwards, downwards
  }

  static let end = "-- end of ledger\n"
  static let order = RestoreChoiceKey<Order?>("--page-order", value: "HOW", help: "Ledger: the order of pages.")
  static let inInk = RestoreChoiceKey<Bool>("--in-ink", help: "Ledger: for ever.")

  let databases = LedgerOptions.databases
  let kind = DatabaseKind.server(defaultPort: 7070)
  let advice = FailureAdvice { $0.holds("the ledger is closed") ? "Open the ledger with its key" : nil }
  let choices = [Self.order.choice, Self.inInk.choice]
  let folder: String

  func dumps(of root: ConfigurationSection, context: HookContext) throws -> [any PlannedDump] {
    ServerEntry.all(in: root, of: self).map { LedgerDump(identity: $0.identity, section: $0.section) }
  }

  func plan(
    restoring facts: DumpFacts, to target: RestoreTarget, root: ConfigurationSection?, context: HookContext
  ) throws -> any PlannedRestore {
    let server = try ServerEntry.matching(facts.identity, in: root, of: self)
    let address = try server.address(for: target, context: context)
    let order = target[Self.order].map { ["--page-order\($0)"] } ?? []
    let chosen = order + (target[Self.inInk] ? ["--in-ink"] : [])
    return LedgerRestore(
      identity: facts.identity, place: address.place, pages: facts.details["pages"] ?? "", chosen: chosen,
      path: "\(folder)/\(target.databaseName ?? facts.identity.database)")
  }
}

private struct LedgerDump: PlannedDump {
  let identity: DumpIdentity
  let section: ConfigurationSection

  func start(context: HookContext) throws -> any RunningDump {
    let pages = section[LedgerOptions.pages]
    let words = section[LedgerOptions.dumpCommand].words
    let command = ChildCommand(
      words[0], words.dropFirst() + [pages, identity.database], environment: context.environment
    )
    .installed(by: FailureAdvice.debian(["ledger-dump"], "ledger-tools"))
    let facts = DumpFacts(identity: identity, format: "lines", details: ["pages": pages])
    return StreamedDump(
      try DumpStream(command, of: identity, context: context), facts: facts, program: "ledger-dump",
      missing: { $0.tail.suffix(LedgerHook.end.utf8.count).elementsEqual(LedgerHook.end.utf8) ? nil : "no end" })
  }
}

private struct LedgerRestore: PlannedRestore {
  let identity: DumpIdentity
  let place: String
  let pages: String
  let chosen: [String]
  let path: String

  let wantsFolder = false
  var summary: String { "\(identity.title), \(pages) pages, to \(place)\(chosen)" }

  func start(folder: String?, context: HookContext) throws -> any RunningRestore {
    let script = "case $0 in */locked) echo 'error: the ledger is closed' >&2; exit 9;; esac; cat > \"$0\""
    return ClientRestore(
      try ClientInput(
        ChildCommand("sh", ["-c", script, path], environment: context.environment), of: identity, context: context))
  }
}

@Suite("A database system is a folder and a line")
struct AddedSystemTests {
  private let ground: ProgramGround
  private let hooks: HookRegistry

  init() throws {
    ground = try ProgramGround("ledger")
    hooks = HookRegistry(HookRegistry.standard.hooks + [LedgerHook(folder: ground.folder)])
    try ground.write(
      "ledger-dump",
      """
      #!/bin/sh
      test "$2" != shut || { echo 'error: the ledger is closed' >&2; exit 3; }
      printf 'pages %s\\n' "$1"; cat '\(ground.folder)/'"$2"; test "$2" = torn || printf '%s\\n' '-- end of ledger'

      """, mode: 0o700)
  }

  private func configure(_ entries: String...) throws {
    try ground.configure("ledger_databases:\n" + entries.map { "  - \($0)\n" }.joined())
  }

  private func entry(_ name: String, _ more: String = "") -> String {
    "{name: \(name), hostname: books, ledger_dump_command: '\(ground.folder)/ledger-dump'\(more)}"
  }

  /// Runs the program.
  ///
  /// - Returns: The exit code, and what was said.
  private func coffer(_ arguments: String...) throws -> (code: Int32, said: String) { try coffer(arguments) }

  private func coffer(_ arguments: [String]) throws -> (code: Int32, said: String) {
    try ground.coffer(arguments) { surroundings, cancellation, output in
      Program(surroundings: surroundings, cancellation: cancellation, hooks: hooks, output: output)
    }
  }

  @Test("It is validated, dumped, listed and restored by the program's own actions")
  func endToEnd() throws {
    defer { ground.remove() }
    try configure(entry("main", ", pages: open"), entry("side", ", port: 7071"))
    let content = "a=1\nb=2\n"
    for name in ["main", "side"] { try ground.write(name, "\(name)\n\(content)") }
    #expect(try coffer("config", "validate").code == 0)
    #expect(try coffer("repo-create", "--encryption", "repokey").code == 0)
    #expect(try coffer("create").code == 0)
    let listed = try coffer("list", "--archive", "latest").said
    #expect(listed.contains(/ledger +books +- +main +lines/) && listed.contains(/ledger +books +7071 +side +lines/))
    try ground.write("main", "lost")
    try ground.write("side", "kept")
    // The system's port is known where none is configured.
    let restored = try coffer(
      "restore", "--archive", "latest", "--hook", "ledger", "--original-port", "7070", "--hostname", "spare", "--yes")
    #expect(restored.code == 0)
    #expect(restored.said.contains("ledger database 'main' at books, open pages, to spare[]"))
    #expect(try ground.read("main") == "pages open\nmain\n\(content)" + LedgerHook.end)
    #expect(try ground.read("side") == "kept")
    #expect(try coffer("restore", "--archive", "latest", "--restore-path", "/x", "--yes").said.contains("no file"))
  }

  @Test("What it lets be chosen for one restore is a flag of that action")
  func choices() throws {
    defer { ground.remove() }
    try configure(entry("main"))
    try ground.write("main", "a\n")
    #expect(try coffer("repo-create", "--encryption", "repokey").code == 0)
    #expect(try coffer("create").code == 0)
    let flags = ["--page-order", "downwards", "--in-ink"]
    let chosen = try coffer(["restore", "--archive", "latest", "--dry-run"] + flags)
    #expect(chosen.code == 0)
    #expect(chosen.said.contains(#"to books["--page-orderdownwards", "--in-ink"]"#))
    let slip = try coffer("restore", "--archive", "latest", "--page-order", "downward")
    #expect(slip.code == 1)
    #expect(
      slip.said.contains("'downward' is not upwards or downwards") && slip.said.contains("Did you mean 'downwards'?"))
    #expect(try coffer("restore", "--help").said.contains(/--page-order HOW +Ledger: the order of pages\./))
    #expect(try coffer("create", "--in-ink").said.contains("belongs to 'restore'"))
    // What only other systems know does not go by in silence where it would leave out something.
    let schema = try coffer("restore", "--archive", "latest", "--schema", "one", "--yes")
    #expect(schema.code == 1 && schema.said.contains("schemas cannot be chosen from it"))
    #expect(try coffer("restore", "--archive", "latest", "--continue-on-error", "--dry-run").code == 0)
  }

  @Test("Its options are validated, and stand in help, template and reference")
  func options() throws {
    defer { ground.remove() }
    try configure(entry("main", ", pages: opne"))
    #expect(try coffer("config", "validate").said.contains("Did you mean 'open'?"))
    try configure(entry("main", ", pags: open"))
    #expect(try coffer("create").said.contains("Unknown option 'pags'"))
    #expect(try coffer("create", "--help").said.contains("  ledger_databases  "))
    let reference = try coffer("config", "generate", "--reference").said
    #expect(reference.contains("| `ledger_dump_command` | text | `ledger-dump`"))
    let path = "\(ground.folder)/template.yaml"
    #expect(try coffer("config", "generate", "--destination", path).code == 0)
    #expect(try ground.read("template.yaml").contains("# Ledgers to back up.\n#ledger_databases:\n"))
    #expect(try ground.read("template.yaml").contains("#    ledger_dump_command: ledger-dump -q\n"))
    // Somebody who reads no databases needs none of their variables.
    try configure(entry("main", ", password: '${NO_SUCH_VARIABLE}'"))
    #expect(try coffer("create").said.contains("NO_SUCH_VARIABLE"))
    #expect(try !coffer("repo-list").said.contains("NO_SUCH_VARIABLE"))
  }

  @Test("What its programs say when they fail, or are missing, has its advice and nobody else's")
  func advice() throws {
    defer { ground.remove() }
    try configure(entry("shut"))
    #expect(try coffer("repo-create", "--encryption", "repokey").code == 0)
    let failed = try coffer("create")
    #expect(failed.code == 1)
    #expect(failed.said.contains("ledger database 'shut' at books"))
    #expect(failed.said.contains("error: the ledger is closed"))
    #expect(failed.said.contains("Open the ledger with its key"))
    try configure(entry("torn"))
    try ground.write("torn", "half")
    #expect(try coffer("create").said.contains("the dump is not complete: no end"))
    try configure("{name: main}")
    let missing = try coffer("create")
    #expect(missing.code == 1)
    #expect(
      missing.said.contains("On Debian: apt-get install ledger-tools")
        && missing.said.contains("ledger database 'main'"))
    try configure(entry("main"))
    try ground.write("main", "a\n")
    #expect(try coffer("create").code == 0)
    // The identity comes out of the archive here.
    let refused = try coffer("restore", "--archive", "latest", "--target-name", "locked", "--yes")
    #expect(refused.code == 1)
    #expect(refused.said.contains("the database is as it was") && refused.said.contains("Open the ledger with its key"))
  }

  @Test("A program without it says of its dumps that it has no such hook")
  func without() throws {
    defer { ground.remove() }
    try configure(entry("main"))
    try ground.write("main", "a\n")
    #expect(try coffer("repo-create", "--encryption", "repokey").code == 0)
    #expect(try coffer("create").code == 0)
    try ground.configure("")
    let other = try ground.coffer(["restore", "--archive", "latest", "--yes"]) { surroundings, cancellation, output in
      Program(surroundings: surroundings, cancellation: cancellation, hooks: .standard, output: output)
    }
    #expect(other.code == 1)
    #expect(other.said.contains("this version of coffer has no hook ledger_databases"))
  }
}
