import CofferHooks
import CofferSystem
import Testing

@testable import CofferConfiguration

@Suite("Spellings of earlier times")
struct OldSpellingTests {
  private func warning(_ text: String) throws -> String {
    let warnings = try load(text).notices.warnings(for: "/c.yaml")
    return warnings.first { $0.contains("old way") } ?? ""
  }

  @Test("Sections that grouped options are opened, with one warning for all")
  func sections() throws {
    let text = """
      location:
        source_directories: [/etc]
        repositories: [/r, user@host:backups, host:backups]
      storage:
        compression: zstd,5
      hooks:
        postgresql_databases:
          - name: users
      """
    let root = try load(text).root
    #expect(root[GeneralOptions.sourceDirectories] == ["/etc"])
    #expect(root[GeneralOptions.compression].spelling == "zstd,5")
    #expect(root[PostgreSQLOptions.databases].count == 1)
    #expect(
      try warning(text) == """
        /c.yaml: Understood, but spelled in an old way:
          line 1: the options of 'location' now stand at the top, without a section
          line 3: the repository '/r' is now a section with a 'path'
          line 3: the repository 'user@host:backups' is now a section with a 'path'
          line 3: the repository 'host:backups' is now a section with a 'path'
          line 3: the path 'host:backups' is now 'ssh://host/./backups'
          line 4: the options of 'storage' now stand at the top, without a section
          line 6: the options of 'hooks' now stand at the top, without a section
        """)
  }

  @Test("An option both in an old section and outside is a problem")
  func twice() {
    #expect(
      problems("repositories:\n  - path: /r\nlocation:\n  repositories: [/s]\n") == [
        "/c.yaml:4:3: Option 'repositories' stands in the old section 'location' and outside. Keep the one outside"
      ])
  }

  @Test("What the command line gives counts in place of what stands in an old section, or has an older name there")
  func commandLine() throws {
    let text = "location:\n  repositories: [/r]\n  numeric_owner: true\n  source_directories: [/etc]\n"
    let changes = try [
      ("--repositories", "[{path: /s}]"), ("--no-numeric-ids", nil), ("--source-directories[0]", "/srv"),
      ("--compression", "zstd,9"),
    ].map { try #require(OptionFlag($0.0), "\($0.0)").change(to: $0.1) }
    let loader = ConfigurationLoader(
      files: reader(of: ["/c.yaml": text]), environment: ProcessEnvironment([:]), currentFolder: "/")
    let configuration = try loader.load("/c.yaml", as: ConfigurationReading(changes: changes))
    #expect(configuration.repositories.map { $0[RepositoryEntryOptions.path] } == ["/s"])
    #expect(configuration.root[SourceOptions.numericIDs] == false)
    #expect(configuration.root[GeneralOptions.sourceDirectories] == ["/srv"])
    #expect(configuration.root[GeneralOptions.compression].spelling == "zstd,9")
  }

  @Test(
    "Paths in ssh's short form without a user become addresses; with one they are right as they are",
    arguments: [
      ("host:/srv/r", "ssh://host/srv/r"), ("host:r", "ssh://host/./r"), ("h:~/r", "ssh://h/~/r"),
      ("user@host:/srv/r", "user@host:/srv/r"), ("user@host:r", "user@host:r"), ("u@h:~/r", "u@h:~/r"),
      ("/srv/a:b", "/srv/a:b"), ("ssh://u@h:22/r", "ssh://u@h:22/r"), ("rclone:remote:r", "rclone:remote:r"),
    ])
  func paths(old: String, new: String) throws {
    let configuration = try load("repositories:\n  - path: \(old)\n")
    #expect(configuration.repositories.first?[RepositoryEntryOptions.path] == new)
    #expect(configuration.notices.deprecated.isEmpty == (old == new))
  }

  @Test("Hooks of one moment each become entries of 'commands', after those that are there")
  func hooks() throws {
    let text =
      minimal + """
        before_actions: [echo 1]
        after_backup:
          - echo 2
        on_error: echo 3
        before_everything: [echo 4]
        commands:
          - after: everything
            run: [echo 0]
        """
    let commands = try load(text).root[CommandOptions.commands]
    #expect(commands.map { $0[CommandOptions.run] } == [["echo 0"], ["echo 1"], ["echo 2"], ["echo 3"], ["echo 4"]])
    #expect(
      commands.map { $0[CommandOptions.before]?.rawValue ?? $0[CommandOptions.after]?.rawValue }
        == ["everything", "repository", "action", "error", "everything"])
    #expect(
      commands.map { $0[CommandOptions.when] }
        == [nil, nil, ["create"], ["create", "prune", "compact", "check"], ["create"]])
    #expect(try warning(text).contains("line 4: 'after_backup' is now an entry of 'commands'"))
  }

  @Test("Values of earlier shapes are reshaped")
  func shapes() throws {
    let text =
      minimal + """
        checks: [repository, archives]
        statistics: true
        store_config_files: false
        prefix: db-
        remote_rate_limit: 100
        """
    let root = try load(text).root
    #expect(root[CheckOptions.checks]?.map { $0[CheckOptions.name] } == [.repository, .archives])
    #expect(root[OutputOptions.statistics] == .standard)
    #expect(root[GeneralOptions.bootstrap][BootstrapOptions.storeConfigFiles] == false)
    #expect(root[RunOptions.matchArchives]?.spelling == "db-*")
    #expect(root[RemoteOptions.uploadRateLimit] == 100)
    #expect(try warning(text).split(separator: "\n").count == 6)
    let services = try load(
      minimal + "healthchecks: https://h\ncronitor: https://c\npagerduty: key\nexclude_if_present: .nobackup\n"
    )
    #expect(services.root[SourceOptions.excludeIfPresent] == [".nobackup"])
    #expect(services.value(of: "healthchecks.ping_url", hidesSecrets: false) == .text("https://h"))
    #expect(services.value(of: "cronitor.ping_url", hidesSecrets: false) == .text("https://c"))
    #expect(services.value(of: "pagerduty.integration_key", hidesSecrets: false) == .text("key"))
    #expect(try load(minimal + "quick_statistics: true\n").root[OutputOptions.statistics] == .quick)
    #expect(try load(minimal + "checks:\n  - name: disabled\n").root[CheckOptions.checks]?.isEmpty == true)
  }

  @Test("An option by its old name and by its new one is one option")
  func bothNames() throws {
    let configuration = try load(
      minimal
        + "bootstrap: {store_config_files: true}\nstore_config_files: false\nstatistics: true\nquick_statistics: false\n"
    )
    #expect(
      configuration.value(hidesSecrets: false).yaml
        == "repositories:\n  - path: /r\nbootstrap:\n  store_config_files: false\nstatistics: standard\n")
  }

  @Test("A repository's own options are brought up to date, too")
  func underRepository() throws {
    let configuration = try load("repositories:\n  - path: /r\n    remote_rate_limit: 5\n")
    let options = configuration.options(for: configuration.repositories[0])
    #expect(options[RemoteOptions.uploadRateLimit] == 5)
  }
}
