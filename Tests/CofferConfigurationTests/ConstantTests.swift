import CofferHooks
import Testing

@testable import CofferConfiguration

@Suite("Constants")
struct ConstantTests {
  @Test("A name in braces stands for its constant, and counts as if it had been written there")
  func replaced() throws {
    let root = try load(
      minimal + """
        constants:
          user: backup
          port: 5433
          wants: true
          folder: /srv
        working_directory: "{folder}/{user}"
        bootstrap:
          store_config_files: "{wants}"
        postgresql_databases:
          - name: all
            username: '{user}'
            port: '{port}'
        """
    ).root
    #expect(root[GeneralOptions.workingDirectory] == "/srv/backup")
    #expect(root[GeneralOptions.bootstrap][BootstrapOptions.storeConfigFiles] == true)
    let database = try #require(root[PostgreSQLOptions.databases].first)
    #expect(database[PostgreSQLOptions.name] == "all")
    #expect(database[ServerOptions.username] == "backup")
    #expect(database[ServerOptions.port] == 5433)
  }

  @Test("Names that are no constants stay, and so do escaped ones")
  func kept() throws {
    let root = try load(
      minimal + """
        constants:
          host: db1
        archive_name_format: "{hostname}-{host}-\\\\{host}-{now:%Y}"
        working_directory: /srv/\\{host\\}/{unknown
        """
    ).root
    #expect(root[GeneralOptions.archiveNameFormat].spelling == "{hostname}-db1-{host}-{now:%Y}")
    #expect(root[GeneralOptions.workingDirectory] == "/srv/{host}/{unknown")
  }

  @Test("Values are quoted where a shell reads them, and hooks' own names are left to the hooks")
  func quoted() throws {
    let root = try load(
      minimal + """
        constants:
          name: Ann's files; rm -rf
          plain: a.b
        commands:
          - before: action
            run:
              - echo {name} {plain} {repository} \\{error\\}
        """
    ).root
    let run = try #require(root[CommandOptions.commands].first?[CommandOptions.run])
    #expect(run == [#"echo 'Ann'\''s files; rm -rf' a.b {repository} \{error\}"#])
  }

  @Test("Constants come before environment variables, and may hold some")
  func order() throws {
    let text = minimal + "constants:\n  folder: ${BASE}/x\nworking_directory: \"{folder}/y\"\n"
    #expect(try load(text, environment: ["BASE": "/srv"]).root[GeneralOptions.workingDirectory] == "/srv/x/y")
  }

  @Test("Constants of an included file count, and the local ones win")
  func included() throws {
    let root = try load([
      "/c.yaml": "<<: !include common.yaml\nconstants:\n  b: 2\nworking_directory: \"/{a}/{b}\"\n",
      "/common.yaml": minimal + "constants:\n  a: 1\n  b: 1\n",
    ]).root
    #expect(root[GeneralOptions.workingDirectory] == "/1/2")
  }

  @Test("A list cannot stand inside a text")
  func list() {
    #expect(
      problems(minimal + "constants:\n  all: [a, b]\nworking_directory: \"{all}\"\n").first?.contains(
        "/c.yaml:5:20: The constant 'all' is a list") == true)
  }
}
