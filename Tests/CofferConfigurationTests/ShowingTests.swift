import CofferActions
import CofferHooks
import CofferSystem
import Testing

@testable import CofferConfiguration

@Suite("Showing configurations")
struct ShowingTests {
  private let text = """
    constants:
      folder: /srv
    repositories:
      - path: "{folder}/r"
        label: "off"
        encryption_passphrase: hunter2
    encryption_passphrase: "{credential file /etc/secret}"
    working_directory: "5"
    source_directories: []
    postgresql_databases:
      - name: users
        port: 5432
        password: hunter2
        no_owner: true
        options: 'say "hi": yes'
    """

  @Test("What counts is shown in YAML, without constants, with secrets masked")
  func masked() throws {
    #expect(
      try load(text).value(hidesSecrets: true).yaml == """
        repositories:
          - path: /srv/r
            label: "off"
            encryption_passphrase: "***"
        encryption_passphrase: "{credential file /etc/secret}"
        working_directory: "5"
        source_directories: []
        postgresql_databases:
          - name: users
            port: 5432
            password: "***"
            no_owner: true
            options: 'say "hi": yes'

        """)
    #expect(try load(text).value(hidesSecrets: false).yaml.components(separatedBy: "hunter2").count == 3)
  }

  @Test("What is shown means the same when it is read again")
  func again() throws {
    let awkward = [
      "", "null", "~", "yes", "12", "1e3", "- a", "a: b", "a #b", "#a", "'", "\"", "it's \"so\"", "a\\b", "line\nline",
      "\ttab", "{x}", "[x]", "&a", "*a", "!a", "%a", "@a", "`a", "a:", "trailing ", "ä", "\u{7f}", "${A:-b}", "?", "|",
      ">",
    ]
    let value = ConfigurationValue.section([
      .init(name: "a", value: .list(awkward.map { .text($0) })),
      .init(
        name: "b", value: .list([.list([.integer(1), .null]), .section([.init(name: "c", value: .number(0.5))])])),
      .init(name: "d", value: .boolean(false)),
    ])
    var parser = YAMLParser(file: "f")
    let node = try #require(try parser.parse(Array(value.yaml.utf8)))
    #expect(node["a"]?.elements.map { $0.isNull ? "null!" : $0.text ?? "?" } == awkward)
    #expect(node["a"]?.elements.allSatisfy { $0.boolean == nil && $0.number == nil } == true)
    #expect(ConfigurationValue(node, of: nil, in: OptionCatalogue.standard.top, hidesSecrets: false) == value)
  }

  @Test("One option is shown, by its default when it is not set")
  func option() throws {
    let configuration = try load(text)
    #expect(configuration.value(of: "repositories[0].path", hidesSecrets: true) == .text("/srv/r"))
    #expect(configuration.value(of: "postgresql_databases[0].port", hidesSecrets: true) == .integer(5432))
    #expect(configuration.value(of: "compression", hidesSecrets: true) == .text("zstd,3"))
    #expect(configuration.value(of: "bootstrap.store_config_files", hidesSecrets: true) == .boolean(true))
    #expect(configuration.value(of: "repositories[7].path", hidesSecrets: true) == .null)
    #expect(configuration.value(of: "no_such_option", hidesSecrets: true) == nil)
  }

  @Test("A file is written anew by today's spellings, with its constants, variables and values")
  func anew() throws {
    let old = """
      constants: {user: backup}
      location:
        repositories: [/r]
      hooks:
        before_backup: [echo hello]
        sqlite_databases:
          - name: "{user}"
            path: ${FOLDER}/a.db
      lock_wait: 3
      verbosity: 1
      """
    let loader = ConfigurationLoader(
      files: reader(of: ["/old.yaml": old]), environment: ProcessEnvironment([:]), currentFolder: "/")
    let template = try loader.template(from: "old.yaml")
    #expect(template.leftOut == ["lock_wait"])
    let configuration = try load(["/c.yaml": template.text], environment: ["FOLDER": "/srv"])
    #expect(configuration.notices.deprecated.isEmpty)
    #expect(configuration.root[OutputOptions.verbosity] == .steps)
    #expect(configuration.repositories.first?[RepositoryEntryOptions.path] == "/r")
    #expect(configuration.root[CommandOptions.commands].first?[CommandOptions.when] == ["create"])
    let database = try #require(configuration.root[SQLiteOptions.databases].first)
    #expect(database[SQLiteOptions.name] == "backup")
    #expect(database[SQLiteOptions.path] == "/srv/a.db")
    #expect(template.text.contains("#encryption_passcommand"))
  }

  @Test("A file with mistakes is not written anew")
  func mistakes() {
    let loader = ConfigurationLoader(
      files: reader(of: ["/old.yaml": "reposit: []\n"]), environment: ProcessEnvironment([:]), currentFolder: "/")
    #expect(throws: ConfigurationError.self) { try loader.template(from: "/old.yaml") }
  }
}
