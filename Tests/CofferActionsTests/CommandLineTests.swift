import CofferConfiguration
import CofferHooks
import CofferSystem
import Testing

@testable import CofferActions

@Suite("Command line")
struct CommandLineTests {
  private func parse(_ line: String) throws(UsageError) -> ParsedCommandLine {
    try CommandLineParser(actions: CommandTable.actions).parse(line.split(separator: " ").map(String.init))
  }

  private func names(_ line: String) throws -> [String] { try parse(line).invocations.map(\.action.name) }

  private func problem(_ line: String) -> String {
    do {
      _ = try parse(line)
      return ""
    } catch {
      return error.description
    }
  }

  @Test("Actions run in the order written, whatever their alias; without one, the standard ones")
  func actions() throws {
    #expect(try names("check create") == ["check", "create"])
    #expect(try names("-C rlist -I -e repokey") == ["create", "repo-list", "repo-create"])
    #expect(try names("config validate") == ["config validate"])
    #expect(try names("") == ["create", "prune", "compact", "check"])
    #expect(try names("-v 2") == ["create", "prune", "compact", "check"])
  }

  @Test("Flags may stand anywhere and reach every action that takes them")
  func flags() throws {
    let parsed = try parse("--repository r create --json -c a --config=b list --archive latest -v 1")
    #expect(parsed.globals[GlobalFlags.config] == ["a", "b"])
    #expect(parsed.globals[GlobalFlags.verbosity] == .steps)
    for invocation in parsed.invocations {
      #expect(invocation.flags[SharedFlags.repository] == "r")
      #expect(invocation.flags.contains(SharedFlags.json))
    }
    #expect(parsed.invocations[1].flags[SharedFlags.archive] == "latest")
  }

  @Test("A value that is called like an action stays a value")
  func valuesLikeActions() throws {
    let parsed = try parse("list --archive create")
    #expect(parsed.invocations.map(\.action.name) == ["list"])
    #expect(parsed.invocations[0].flags[SharedFlags.archive] == "create")
  }

  @Test("An action's operands stand behind it, in their order, or as flags; they may be called like actions")
  func operands() throws {
    func ends(_ line: String) throws -> [String] {
      let parsed = try parse(line)
      #expect(parsed.invocations.map(\.action.name) == ["diff"])
      return [DiffAction.from, DiffAction.to].map { parsed.invocations[0].flags[$0] }
    }
    for line in [
      "diff list create", "diff --json list create", "diff list --json create", "diff --from list create",
      "diff list --to create", "diff --to create list", "diff --to=create --from=list", "-v 1 diff list create --json",
    ] {
      #expect(try ends(line) == ["list", "create"], "\(line)")
    }
    #expect(problem("diff one").contains("--to"))
    #expect(problem("diff").contains("--from"))
    #expect(problem("diff one two three").contains("three"))
    #expect(problem("diff one --from two").contains("given twice"))
    #expect(problem("list one").contains("no such action") && problem("list one").contains("'--archive one'"))
    #expect(problem("extract --archive one etc/ssl").contains("'--path etc/ssl'"))
    // Behind '--' nothing is a flag.
    let dashed = try parse("diff --json -- --from -v2").invocations
    #expect([DiffAction.from, DiffAction.to].map { dashed[0].flags[$0] } == ["--from", "-v2"])
    #expect(problem("diff -- one two -- three").contains("--") && problem("create -- x").contains("--"))
    #expect(problem("diff -- --from two find --no-such-flag x").contains("--no-such-flag"))
    #expect(try parse("diff -- one two -v2").invocations.map(\.action.name) == ["diff"])
    // The last may be one of which there are several.
    let found = try parse("find list --last 3 'create'")
    #expect(found.invocations.map(\.action.name) == ["find"])
    #expect(found.invocations[0].flags[FindAction.find].count == 2)
  }

  @Test("No action is suggested that does something else than what was meant")
  func suggestions() {
    for word in ["repo-delete", "rdelete", "recreate", "transfer", "borg"] {
      #expect(problem(word).contains("Coffer has no such action"), "\(problem(word))")
      #expect(!problem(word).contains("Did you mean"))
    }
    for word in ["repo-drop", "purge", "remove", "chick", "clean"] {
      #expect(!problem(word).contains("delete") && !problem(word).contains("prune"), "\(problem(word))")
    }
    #expect(problem("restroe").contains("--archive is missing") || problem("restroe").contains("'restore'"))
    #expect(problem("compact") == "")
    #expect(problem("break-lock") == "")
  }

  @Test("Of an action of two words the second is suggested")
  func twoWords() {
    #expect(problem("key").contains("Write one of: key list, key add, key change-passphrase, key remove"))
    #expect(problem("key lst").contains("Did you mean 'key list'?"))
    #expect(problem("key change-pasphrase").contains("Did you mean 'key change-passphrase'?"))
    #expect(problem("config").contains("config validate"))
  }

  @Test("Help is of the actions that are named, not of those whose names happen to stand in a value")
  func helpOfNamed() throws {
    #expect(try parse("--help -c create.yaml").isStandard)
    #expect(try names("create --help") == ["create"])
    #expect(try !parse("create --help").isStandard)
  }

  @Test(
    "Whoever asks for help gets it, whatever else is wrong with the line",
    arguments: [
      ("create --no-such-flag --help", ["create"]), ("-h diff", ["diff"]),
      ("prune --keep-daily x list -h", ["prune", "list"]),
      ("info --first x --help", ["info"]), ("list --json --json --help", ["list"]),
      ("repo-create --repository --help a", ["repo-create"]),
      ("config --help show", ["config show"]), ("help config show --x", ["config show"]), ("nonsense --help", []),
    ])
  func helpInAnyCase(line: String, named: [String]) throws {
    let parsed = try parse(line)
    #expect(parsed.globals.contains(GlobalFlags.help) && parsed.isStandard == named.isEmpty && !parsed.isGroup)
    #expect(named.isEmpty || parsed.invocations.map(\.action.name).sorted() == named.sorted())
    #expect(problem("create -- --help") != "" && problem("nonsense") != "")
  }

  @Test("The help of a word that several actions begin with lists them")
  func helpOfGroup() throws {
    for line in ["key --help", "--help key", "help key", "-h key lst"] {
      let parsed = try parse(line)
      #expect(parsed.isGroup && !parsed.isStandard, "\(line)")
      let page = HelpText.group(parsed.invocations.map(\.action), width: 100)
      #expect(page.contains("  key list ") && page.contains("  key remove ") && !page.contains("wal push"), "\(page)")
    }
  }

  @Test("Mistakes are told with what was probably meant")
  func mistakes() {
    #expect(problem("crate").contains("Did you mean 'create'?"))
    #expect(problem("config valdate").contains("Did you mean 'config validate'?"))
    #expect(problem("create --jsn").contains("Did you mean '--json'?"))
    #expect(problem("create --archive x").contains("belongs to"))
    #expect(problem("restore").contains("--archive is missing"))
    #expect(problem("list --archive").contains("needs a value"))
    #expect(problem("create --json=1").contains("takes no value"))
    #expect(problem("list --archive a --archive b").contains("given twice"))
  }

  @Test("Options of the configuration are flags, wherever they stand, and take their values with them")
  func optionFlags() throws {
    let parsed = try parse(
      "--keep-daily 7 create --archive-name-format check --no-bootstrap --list-details --override a=b")
    #expect(parsed.invocations.map(\.action.name) == ["create"])
    #expect(parsed.changes.count == 5)
    #expect(try parse("create --progress").changes.isEmpty)
    #expect(try parse("--progress prune").changes.count == 1)
    #expect(problem("create --keep-dayly 7").contains("Did you mean '--keep-daily'?"))
    #expect(problem("create --source-directories [a").contains("The value is not YAML"))
    #expect(problem("create --keep-daily").contains("needs a value"))
    #expect(problem("--override x create").contains("It needs an option and a value"))
  }

  @Test("A file is looked at without the variables it needs, but not used without them")
  func reading() throws {
    #expect(try parse("config validate").reading.variables == .replacedIfSet)
    #expect(try parse("create").reading.variables == .replaced)
    #expect(try parse("create --no-environment-interpolation").reading.variables == .kept)
  }

  @Test("Help names every flag of every action")
  func help() {
    for action in CommandTable.actions {
      let text = HelpText.action(action, width: 100)
      for flag in action.flags + GlobalFlags.all { #expect(text.contains(flag.name), "\(action.name) \(flag.name)") }
      #expect(HelpText.program(actions: CommandTable.actions, width: 100).contains("  \(action.name)"))
    }
  }

  @Test("Values of flags are read once, when the command line is, and each mistake names what is expected")
  func values() {
    for line in ["extract --archive a", "config bootstrap --repository r --destination /"] {
      #expect(problem("\(line) --strip-components abc").contains("--strip-components: 'abc' is not a number or 'all'"))
      #expect(problem("\(line) --strip-components 2") == "")
    }
    #expect(problem("restore --archive a --port 70000").contains("'70000' is not a number from 1 to 65535"))
    #expect(problem("restore --archive a --restore-strategy swop").contains("Did you mean 'swap'?"))
    #expect(problem("repo-create --encryption repokye").contains("Did you mean 'repokey'?"))
    #expect(problem("repo-create --encryption repokey-blake2-aes-ocb") == "")
    #expect(problem("check --level 5").contains("Write a number from 1 to 4"))
    #expect(problem("check --only exract").contains("Did you mean 'extract'?"))
    #expect(problem("repo-list --last 0").contains("'0' is not a number, 1 or more"))
    #expect(problem("repo-list --sort-by name,size").contains("'name,size' is not timestamp, name or id"))
    #expect(problem("repo-list --sort-by ts,archive") == "")
    #expect(problem("create -v 3").contains("'3' is not a number from -2 to 2"))
  }

  @Test("An empty value is none, and does not stand in for one that must be given")
  func emptyValues() throws {
    #expect(try parse("info --archive= --sort-by=").invocations[0].flags[SharedFlags.repository] == nil)
    #expect(problem("restore --archive=").contains("--archive is missing"))
    #expect(problem("repo-list --last=") == "")
  }

  @Test("Every option that means something is named by an action that reads it, or read for all of them")
  func options() {
    let named = CommandTable.actions.flatMap { $0.options + $0.partlyReadOptions } + ActionDeclaration.sharedOptions
    let names = Set(named.flatMap(\.options).map { ExactName($0.name) })
    for option in OptionCatalogue.standard.top.options where option.summary != nil {
      #expect(names.contains(ExactName(option.name)), "\(option.name)")
    }
    let prune = HelpText.action(PruneAction.declaration, width: 100)
    #expect(prune.contains("  keep_daily  "))
    #expect(HelpText.action(CompactAction.declaration, width: 100).contains("compact_threshold"))
    #expect(HelpText.action(CreateAction.declaration, width: 100).contains("Default: 600."))
  }

  @Test("Help has what stands in sections, with defaults, and once what several sections have in common")
  func innerOptions() {
    let restore = HelpText.action(RestoreAction.declaration, width: 100)
    for option in ["restore_strategy", "on_missing_rights", "mongorestore_command", "sqlite_restore_command"] {
      #expect(restore.components(separatedBy: "\n  \(option) ").count == 2, "\(option)")
    }
    #expect(restore.components(separatedBy: "The host that 'restore' writes to, if not hostname.").count == 2)
    let servers = "postgresql_databases, mariadb_databases, mysql_databases, mongodb_databases"
    #expect(restore.contains("\noptions in \(servers):\n"))
    #expect(restore.contains("\noptions in sqlite_databases:\n"))
    #expect(restore.contains("container.secrets_directory"))
    let create = HelpText.action(CreateAction.declaration, width: 100)
    #expect(create.contains("\noptions in bootstrap:\n  store_config_files  "))
    #expect(create.contains("ntfy.fail"))
    #expect(HelpText.action(CheckAction.declaration, width: 100).contains("\noptions in checks:\n"))
  }

  @Test("A variable may be unset where no action reads its option")
  func unused() throws {
    #expect(try parse("create").reading.unused.isEmpty)
    #expect(try parse("prune").reading.unused.isSuperset(of: ["postgresql_databases", "postgresql_clusters"]))
    #expect(try !parse("prune").reading.unused.contains("ntfy"))
    let restore = try parse("restore --archive a").reading.unused
    #expect(restore.contains("mariadb_databases") && restore.contains("ntfy") && !restore.contains("sqlite_databases"))
    // Nor where nothing of an entry is backed up.
    func isUnused(_ entry: String, of option: String, _ line: String) throws -> Bool {
      let text = "repositories: [{path: /r}]\n\(option): [{name: main\(entry)}]\n"
      let root = try ConfigurationLoader(
        files: FileReader(read: { _ in Array(text.utf8) }, entries: { _ in nil }), environment: ProcessEnvironment([:]),
        currentFolder: "/", options: .standard
      ).load("/c.yaml").root
      let hook = try #require(HookRegistry.standard.hook(named: option))
      let section = try #require(root[hook.databases].first)
      return try parse(line).reading.isUnusedEntry(option, section)
    }
    #expect(try isUnused("", of: "postgresql_clusters", "create"))
    #expect(try !isUnused(", base_backup: true", of: "postgresql_clusters", "create"))
    #expect(try !isUnused("", of: "postgresql_databases", "create"))
    #expect(try !isUnused("", of: "postgresql_clusters", "wal receive"))
  }

  @Test("Passwords on the command line are not kept in archives")
  func redaction() {
    #expect(
      CommandLineRedaction.redacted(["restore", "--password", "p", "--password=q", "x"])
        == ["coffer", "restore", "--password", "***", "--password=***", "x"])
    #expect(
      CommandLineRedaction.redacted([
        "--encryption-passphrase", "p", "--override", "encryption_passphrase=p", "--postgresql-databases=[p]",
        "--keep-daily", "7",
      ]) == [
        "coffer", "--encryption-passphrase", "***", "--override", "***", "--postgresql-databases=***", "--keep-daily",
        "7",
      ])
  }
}
