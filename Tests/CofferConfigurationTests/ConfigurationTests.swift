import CofferActions
import CofferHooks
import CofferSystem
import Foundation
import Testing

@testable import CofferConfiguration

@Suite("Configuration")
struct ConfigurationTests {
  @Test("Options have their types")
  func types() throws {
    let configuration = try load(
      minimal + """
        source_directories: [/etc, "/a b"]
        postgresql_databases:
          - name: users
            port: 5433
            no_owner: true
        """)
    let root = configuration.root
    #expect(root[GeneralOptions.sourceDirectories] == ["/etc", "/a b"])
    let database = try #require(root[PostgreSQLOptions.databases].first)
    #expect(database[PostgreSQLOptions.name] == "users")
    #expect(database[ServerOptions.port] == 5433)
    #expect(database[PostgreSQLOptions.noOwner] == true)
    #expect(database[ServerOptions.hostname] == nil)
    #expect(configuration.repositories.first?[RepositoryEntryOptions.path] == "/r")
  }

  @Test("An unknown option is told with its place and the nearest name")
  func unknown() {
    #expect(
      problems(minimal + "postgres_databases:\n  - name: a\n") == [
        "/c.yaml:3:1: Unknown option 'postgres_databases'. Did you mean 'postgresql_databases'?"
      ])
    #expect(
      problems(minimal + "sqlite_databases:\n  - name: a\n    path: /p\n    lable: x\n") == [
        "/c.yaml:6:5: Unknown option 'lable'. Did you mean 'label'?"
      ])
  }

  @Test("All problems of a file are told together, in the order of their places")
  func several() {
    let text = """
      repositorys:
        - path: /r
      postgresql_databases:
        - port: "5432"
          format: custum
          no_owner: 1
      sqlite_databases: /a
      """
    #expect(
      problems(text) == [
        "/c.yaml:1:1: Unknown option 'repositorys'. Did you mean 'repositories'?",
        "/c.yaml:1:1: Required option 'repositories' is missing",
        "/c.yaml:4:5: Required option 'name' is missing. Add, for example, 'name: users'",
        "/c.yaml:4:11: Option 'port' must be a whole number, found the text \"5432\". Write it without quotes: 5432",
        "/c.yaml:5:13: Option 'format' cannot be 'custum'. Did you mean 'custom'?",
        "/c.yaml:6:15: Option 'no_owner' must be true or false, found '1'",
        "/c.yaml:7:19: Option 'sqlite_databases' must be a list of sections, found '/a'",
      ])
  }

  @Test("Values that are none of the choices, or truth values of older YAML, are told with what can stand there")
  func choices() {
    #expect(
      problems(minimal + "verbosity: 3\ncolor: yes\n") == [
        "/c.yaml:3:12: Option 'verbosity' cannot be '3'. It can be -2, -1, 0, 1, 2",
        "/c.yaml:4:8: Option 'color' must be true or false, found 'yes'. Write 'true'",
      ])
    #expect(
      problems(minimal + "check_repositories: [/r]\nstatistics: qick\n") == [
        "/c.yaml:4:13: Option 'statistics' cannot be 'qick'. Did you mean 'quick'?"
      ])
  }

  @Test("A command that says neither before nor after, or both, is told with its place")
  func commands() {
    let text = "commands:\n  - run: [a]\n  - {before: action, after: action, run: [a]}\n  - {after: error, run: [a]}\n"
    let words = "A command runs either before or after a step. Write one of them, for example 'before: action'"
    #expect(problems(minimal + text) == ["/c.yaml:4:5: \(words)", "/c.yaml:5:5: \(words)"])
    let own = "repositories:\n  - path: /r\n    commands: [{run: [a]}]\n"
    #expect(problems(own) == ["/c.yaml:3:16: \(words)"])
  }

  @Test("A command before a step that asks for the state of its end is told with its place")
  func statesBefore() {
    let text = """
      commands:
        - {before: action, states: [finish], run: [a]}
        - {after: action, states: [fail], run: [a]}
      """
    #expect(
      problems(minimal + text) == [
        "/c.yaml:4:30: A step has no state before it ends, so 'states' goes with 'after' only. Take it out, or write 'after' "
          + "in place of 'before'"
      ])
  }

  @Test("What stands for a secret and is no credential is told with its place, and never what it holds")
  func credentials() throws {
    let text = """
      encryption_passphrase: "{credential fil /secret}"
      postgresql_databases:
        - {name: "{credential x}", username: "{credential file}", password: "{credential systemd a/b}"}
        - {name: b, password: "{credential ${KIND} x}"}
        - {name: c, password: "{credential file /c}"}
      ntfy: {topic: t, password: "{credential hunter2}"}
      """
    let found = try load(minimal + text, environment: ["KIND": "file"]).credentialProblems
    #expect(found.map { "\($0.mark.line):\($0.mark.column)" } == ["3:24", "5:40", "5:71", "8:28"])
    #expect(found[0].suggestion == "Did you mean 'file'?")
    #expect(!found.contains { $0.message.contains("/secret") || $0.message.contains("hunter2") })
  }

  @Test("Monitoring under a repository is told to have no effect")
  func monitoringOfRepository() throws {
    let notices = try load("repositories:\n  - path: /r\n    cronitor: {ping_url: x}\n").notices
    #expect(notices.remarks.map(\.name) == ["cronitor"])
    #expect(notices.warnings(for: "/c.yaml").first?.contains("counts at the file's top only") == true)
  }

  @Test("What says where 'verify' restores to is told to have no effect without the host of a server for that")
  func verifyWithoutHost() throws {
    let text = """
      postgresql_databases:
        - {name: a, verify_port: 5433, verify_username: x, verify_password: y}
        - {name: b, verify_hostname: h, verify_port: 5433, verify_username: x, verify_password: y}
      mariadb_databases: [{name: c, verify_port: 3307}, {name: d}]

      """
    let notices = try load(minimal + text).notices
    #expect(notices.ignored.map(\.name) == ["verify_port", "verify_username", "verify_password", "verify_port"])
    let warnings = notices.warnings(for: "/c.yaml")
    #expect(
      warnings == [
        "/c.yaml: These options have no effect and can be taken out:\n  verify_port, verify_username, verify_password: "
          + "Without verify_hostname 'verify' makes a throw-away server, whatever they say"
      ])
  }

  @Test("Texts that must have a form are told with how to write them")
  func forms() {
    #expect(
      problems(
        minimal + "keep_within: 3 days\nchecks:\n  - name: data\n    frequency: often\n    only_run_on: [Mo, weekend]\n"
      ) == [
        "/c.yaml:3:14: Option 'keep_within' must be a length of time, found '3 days'. Did you mean '3d'?",
        "/c.yaml:6:16: Option 'frequency' must be a frequency, found 'often'. Write 'always', or a number and a unit, for example '2 weeks'",
        "/c.yaml:7:19: Option 'only_run_on' must be a day of the week, found 'Mo'. Did you mean 'Monday'?",
      ])
  }

  @Test(
    "What somebody probably meant by a text of another form is offered, and how to write one where nothing is near",
    arguments: [
      ("compression: zsdt,5", "must be a way to compress, found 'zsdt,5'. Did you mean 'zstd,5'?"),
      ("compression: zstd 30", "Did you mean 'zstd,19'?"), ("compression: gzip", "Write 'zstd,LEVEL'"),
      ("keep_within: 3D", "Did you mean '3d'?"), ("keep_within: 12 horus", "Did you mean '12H'?"),
      ("keep_within: 2 months", "Did you mean '2m'?"), ("keep_within: 0d", "Write a number"),
      ("keep_within: soon", "Write a number"), ("keep_within: ''", "Write a number"),
      ("checks: [{name: data, frequency: 2 weks}]", "Did you mean '2 weeks'?"),
      ("checks: [{name: data, frequency: alwas}]", "Did you mean 'always'?"),
      ("checks: [{name: data, frequency: 1 fortnight}]", "Write 'always', or a number"),
      ("checks: [{name: data, only_run_on: [Saturady]}]", "Did you mean 'Saturday'?"),
      ("checks: [{name: data, only_run_on: [monster]}]", "must be a day of the week, found 'monster'"),
      ("checks: [{name: data, only_run_on: [wekend]}]", "Did you mean 'weekend'?"),
      ("match_archives: 're:db['", "must be a pattern of names, found 're:db['. Write a glob, or a regular expression"),
      ("umask: 99", "Option 'umask' must be a file mode mask, found '99'. Write up to three octal digits"),
      ("umask: 1000", "must be a file mode mask"), ("skip_actions: [chek]", "Did you mean 'check'?"),
      ("encryption_passcommand: \"pass 'a\"", "must be words as a shell splits them, found 'pass 'a'. Close the quote"),
      ("postgresql_databases: [{name: a, options: 'x\\'}]", "Option 'options' must be words as a shell splits them"),
      ("sqlite_databases: [{name: a, path: /a, sqlite_command: 'x \"'}]", "Option 'sqlite_command' must be words"),
      ("onepassword: {op_command: 'op \"'}", "Option 'op_command' must be words"),
      ("mariadb_databases: [{name: a, restore_options: 'x \"'}]", "Option 'restore_options' must be words"),
    ])
  func nearest(line: String, answer: String) {
    let found = problems(minimal + line + "\n")
    #expect(found.count == 1)
    #expect(found.first?.hasPrefix("/c.yaml:3:") == true && found.first?.contains(answer) == true, "\(found)")
  }

  @Test("The mode of a repository's entry is one of two, by Coffer's names and by Borg's")
  func encryption() throws {
    func entry(_ mode: String) -> String { "repositories:\n  - path: /r\n    encryption: \(mode)\n" }
    for (text, mode) in [
      ("repokey", .repokey), ("keyfile-blake2-chacha20-poly1305", .keyfile), ("repokey-aes-ocb", .repokey),
    ] as [(String, RepositoryEncryption)] {
      #expect(try load(entry(text)).repositories[0][RepositoryEntryOptions.encryption] == mode)
    }
    #expect(
      problems(entry("repokye")) == [
        "/c.yaml:3:17: Option 'encryption' must be repokey or keyfile, for Coffer always encrypts, found 'repokye'. Did you mean 'repokey'?"
      ])
    #expect(problems(entry("none")).first?.contains("Write 'repokey' or 'keyfile'") == true)
    #expect(problems(entry("repokey-blake")).count == 1)
  }

  @Test("Ages, frequencies and days mean what they say")
  func meanings() {
    #expect(ArchiveAge("3d")?.seconds == 3 * 86400 && ArchiveAge("2m")?.seconds == 62 * 86400)
    #expect(ArchiveAge("1M")?.seconds == 60 && ArchiveAge("d") == nil && ArchiveAge("-1d") == nil)
    #expect(CheckFrequency("2 weeks")?.seconds == 14 * 86400 && CheckFrequency("1 month")?.seconds == 30 * 86400)
    #expect(CheckFrequency("always")?.seconds == nil && CheckFrequency("0 days") == nil)
    #expect(Weekdays("weekend")?.days == [.saturday, .sunday] && Weekdays("Tues")?.days == [.tuesday])
    #expect(Weekdays("weekday")?.days.count == 5 && Weekdays("tu") == nil)
    for format in ["", "  ", "a\nb", "{now}\u{1b}[31m", "\u{7f}"] {
      #expect(ArchiveNameFormat(format) == nil, "\(format)")
    }
    for format in ["a", "{hostname} ü/{now:%Y}", "{"] { #expect(ArchiveNameFormat(format)?.spelling == format) }
    for pattern in ["*", "db-[1", "re:{hostname}-.{3}", "re:{user}|x"] { #expect(ArchivePattern(pattern) != nil) }
    #expect(FileModeMask(digits: 77)?.digits == 77 && FileModeMask(digits: 8) == nil && FileModeMask(digits: -1) == nil)
  }

  @Test("Where variables stay as they are written, a value with one in it is no value of an option that has only some")
  func keptVariables() throws {
    let text = minimal + "postgresql_databases: [{name: a, format: '${FORMAT}'}]\ncompression: '${C}'\n"
    func problems(_ variables: ConfigurationReading.Variables) throws -> String {
      do {
        _ = try ConfigurationLoader(
          files: reader(of: ["/c.yaml": text]), environment: ProcessEnvironment([:]), currentFolder: "/"
        )
        .load("/c.yaml", as: ConfigurationReading(variables: variables))
        return ""
      } catch {
        return "\(error)"
      }
    }
    #expect(try problems(.replacedIfSet) == "")
    let kept = try problems(.kept)
    #expect(kept.contains("Option 'format' cannot be '${FORMAT}'") && kept.contains("must be a way to compress"))
  }

  @Test("A file without any repository is not taken for one that has nothing to do")
  func noRepositories() {
    #expect(problems("repositories: []\n") == ["/c.yaml:1:15: Required option 'repositories' is empty"])
    #expect(problems("repositories:\n").count == 1)
  }

  @Test("Broken YAML is told with line and column")
  func syntax() throws {
    let found = problems("repositories:\n  - path: [a\nb: c\n")
    #expect(found.count == 1)
    #expect(found.first?.hasPrefix("/c.yaml:3:") == true)
    #expect(problems("a: 'x\n").first?.contains("This is not YAML") == true)
    #expect(problems("a: *nobody\n").first?.contains("no anchor 'nobody'") == true)
  }

  @Test("Bytes that are no text are told with line and column, too")
  func noText() {
    #expect(problems("a: 1\nb: \u{E9}\u{1}\n").first?.hasPrefix("/c.yaml:2:5: This is not YAML: control") == true)
    #expect(problems("a: 1\r\nb: 2\r\n\u{0}\n").first?.hasPrefix("/c.yaml:3:1: ") == true)
  }

  @Test("An empty file is an error of its own", arguments: ["", "# nothing\n", "---\n", "~\n"])
  func empty(text: String) {
    #expect(throws: ConfigurationError.empty(path: "/c.yaml")) { try load(text) }
  }

  @Test("Environment variables are put in, with defaults, and stay text")
  func environment() throws {
    let text =
      minimal + """
        encryption_passphrase: "${SECRET}"
        working_directory: ${NOT_SET:-/srv}/x
        archive_name_format: \\${HOME}-${NOT_SET-y}
        """
    let root = try load(text, environment: ["SECRET": "p: q #"]).root
    #expect(root[GeneralOptions.encryptionPassphrase] == "p: q #")
    #expect(root[GeneralOptions.workingDirectory] == "/srv/x")
    #expect(root[GeneralOptions.archiveNameFormat].spelling == "${HOME}-y")
    #expect(
      problems(minimal + "encryption_passphrase: ${NOT_SET}\n") == [
        "/c.yaml:3:24: The environment variable 'NOT_SET' is not set. Set it, or give a default: ${NOT_SET:-default}"
      ])
    #expect(throws: ConfigurationError.self) {
      try load(minimal + "postgresql_databases:\n  - name: a\n    port: ${P}\n", environment: ["P": "5432"])
    }
  }

  @Test("A key that stands twice: lists are appended, sections joined, of scalars the last counts")
  func duplicates() throws {
    let root = try load(
      minimal + "source_directories: [/a]\nsource_directories: [/b]\ncompression: zstd,1\ncompression: zstd,2\n"
    ).root
    #expect(root[GeneralOptions.sourceDirectories] == ["/a", "/b"])
    #expect(root[GeneralOptions.compression].spelling == "zstd,2")
    let joined = try load(
      minimal + "keepassxc:\n  key_file: /a\n  yubikey: x\nkeepassxc:\n  key_file: /b\n"
    ).root[CredentialOptions.keepassxc]
    #expect(joined[CredentialOptions.keyFile] == "/b")
    #expect(joined[CredentialOptions.yubikey] == "x")
  }

  @Test("A key that stands twice is warned of with both places and what counts")
  func warnsOfDuplicates() throws {
    let configuration = try load(
      minimal + "compression: zstd,1\nsource_directories: [/a]\ncompression: zstd,2\nsource_directories: [/b]\n")
    #expect(
      configuration.notices.warnings(for: "/c.yaml") == [
        """
        /c.yaml: A key should stand once:
          compression: It stands twice, at /c.yaml:3:1 and at /c.yaml:5:1; the last one counts
          source_directories: It stands twice, at /c.yaml:4:1 and at /c.yaml:6:1; the second list is appended to the first
        """
      ])
  }

  @Test("A variable that is not set is missed only where it is used")
  func unusedVariables() throws {
    let text = """
      repositories:
        - path: /r
          mysql_databases: [{name: a, password: "${NOT_SET}"}]
      working_directory: ${ALSO_NOT_SET}
      postgresql_databases: [{name: a, port: "${NOT_SET}", password: '\\${NOT_SET}'}]
      """
    #expect(problems(text).count == 3)
    let reader = FileReader(read: { _ in Array(text.utf8) }, entries: { _ in nil })
    let loader = ConfigurationLoader(files: reader, environment: ProcessEnvironment([:]), currentFolder: "/")
    func load(_ unused: Set<String>) throws -> Configuration {
      try loader.load("/c.yaml", as: ConfigurationReading(unused: unused))
    }
    let databases: Set = ["postgresql_databases", "mysql_databases"]
    #expect(throws: ConfigurationError.self) { try load(databases) }
    let section = try load(databases.union(["working_directory"])).root[PostgreSQLOptions.databases].first
    #expect(section?.fault()?.message == "The environment variable 'NOT_SET' is not set")
    #expect(section?.fault(in: [ServerOptions.port.option])?.mark.line == 5)
    #expect(section?.fault(in: [ServerOptions.name.option, ServerOptions.password.option]) == nil)
    // Nor in entries that nobody uses.
    let reading = ConfigurationReading(unused: ["working_directory"]) { option, entry in
      option.hasSuffix("_databases") && entry[ServerOptions.name] == "a"
    }
    #expect(try loader.load("/c.yaml", as: reading).repositories.count == 1)
    let fewer = ConfigurationReading(unused: ["working_directory"]) { option, _ in option == "mysql_databases" }
    #expect(throws: ConfigurationError.self) { try loader.load("/c.yaml", as: fewer) }
  }

  @Test("The generated file is valid as it stands, and with every example put to use")
  func template() throws {
    _ = try load(ConfigurationTemplate().text)
    let lines = ConfigurationTemplate().text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    let full = lines.map { line in
      line.wholeMatch(of: /#\s*(- )?[a-z0-9_]+:.*/) == nil ? line : String(line.dropFirst())
    }.joined(separator: "\n")
    let configuration = try load(
      full,
      environment: ["BACKUP_PASSPHRASE": "a", "PGPASSWORD": "b", "RESTORE_PASSWORD": "c", "VERIFY_PASSWORD": "d"])
    #expect(configuration.root[PostgreSQLOptions.databases].first?[PostgreSQLOptions.name] == "users")
    #expect(configuration.root[SQLiteOptions.databases].first?[SQLiteOptions.path] != nil)
  }

  @Test("The reference names every option that is one of Coffer's")
  func reference() {
    let text = OptionReference.markdown(.standard)
    let all = OptionCatalogue.standard.top.options + PostgreSQLOptions.schema.options + SQLiteOptions.schema.options
    for option in all where option.support.isOffered || option.support == .planned {
      #expect(text.contains("| `\(option.name)` |"))
    }
  }

  @Test("Aliases cannot blow a file up")
  func expansion() {
    var lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for level in 1...9 {
      let part = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
      lines.append("a\(level): &a\(level) [\(part)]")
    }
    #expect(problems(lines.joined(separator: "\n")).first?.contains("too many values") == true)
  }
}
