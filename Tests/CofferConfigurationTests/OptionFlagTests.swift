import CofferActions
import CofferHooks
import CofferSystem
import Testing

@testable import CofferConfiguration

@Suite("Options on the command line")
struct OptionFlagTests {
  private let file = "repositories:\n  - path: /r\nkeep_daily: 7\nbootstrap:\n  store_config_files: true\n"

  private func load(_ changes: [OptionChange], _ text: String? = nil) throws -> Configuration {
    let loader = ConfigurationLoader(
      files: reader(of: ["/c.yaml": text ?? file]), environment: ProcessEnvironment(["A": "/a"]), currentFolder: "/")
    return try loader.load("/c.yaml", as: ConfigurationReading(changes: changes))
  }

  private func load(_ flags: (String, String?)...) throws -> Configuration {
    try load(try flags.map { try #require(OptionFlag($0.0), "\($0.0)").change(to: $0.1) })
  }

  private func problem(_ flag: String, _ value: String?) -> String? {
    do {
      _ = try load((flag, value))
      return nil
    } catch let error as ConfigurationError {
      return error.problems.first.map { "\($0.mark): \($0.message)" }
    } catch {
      return "\(error)"
    }
  }

  @Test("Every option of the top is a flag, with dashes")
  func everyOption() {
    for option in OptionCatalogue.standard.top.options {
      #expect(OptionFlag("--" + option.name.replacing("_", with: "-")) != nil, "\(option.name)")
    }
  }

  @Test("Values have the option's type; lists and sections are written as YAML")
  func values() throws {
    let root = try load(
      ("--keep-daily", "3"), ("--encryption-passphrase", "yes: [no"), ("--working-directory", "${A}/b"),
      ("--source-directories", "[/etc, '/a b']"), ("--sqlite-databases", "[{name: a, path: /a.db}]")
    ).root
    #expect(root[RetentionOptions.daily] == 3)
    #expect(root[GeneralOptions.encryptionPassphrase] == "yes: [no")
    #expect(root[GeneralOptions.workingDirectory] == "/a/b")
    #expect(root[GeneralOptions.sourceDirectories] == ["/etc", "/a b"])
    #expect(root[SQLiteOptions.databases].first?[SQLiteOptions.path] == "/a.db")
  }

  @Test("Options inside sections and lists are reached by dots and numbers")
  func nested() throws {
    let configuration = try load(
      ("--repositories[0].path", "/s"), ("--repositories[1].path", "/t"), ("--repositories[1].keep-daily", "1"))
    #expect(configuration.repositories.map { $0[RepositoryEntryOptions.path] } == ["/s", "/t"])
    #expect(configuration.options(for: configuration.repositories[1])[RetentionOptions.daily] == 1)
    #expect(
      problem("--repositories[3].path", "/x")
        == "--repositories[3].path /x: The list has 1 elements, so there is no [3]")
  }

  @Test("Truth values are switched on and off, sections left out")
  func switches() throws {
    #expect(try load(("--no-bootstrap.store-config-files", nil)).root.given(GeneralOptions.bootstrap) != nil)
    #expect(try load(("--list-details", nil)).root[OutputOptions.listDetails] == true)
    #expect(try load(("--no-list-details", nil)).root[OutputOptions.listDetails] == false)
    #expect(try load(("--no-bootstrap", nil)).root.given(GeneralOptions.bootstrap) == nil)
    #expect(OptionFlag("--no-keep-daily") == nil)
    #expect(OptionFlag("--list-details")?.takesValue == false)
    #expect(OptionFlag("--keep-daily")?.takesValue == true)
  }

  @Test("What does not fit is told with the flag as it was written")
  func problems() {
    #expect(
      problem("--keep-daily", "many")
        == "--keep-daily many: Option 'keep_daily' must be a whole number, found 'many'")
    #expect(problem("--source-directories", "[a")?.contains("The value is not YAML") == true)
    #expect(OptionFlag("--keep-dayly") == nil)
    #expect(OptionFlag("--repositories.path") == nil)
  }

  @Test("A flag that is none is near to one, inside of sections, too")
  func nearest() {
    #expect(OptionFlag.nearest(to: "--keep-dayly") == "--keep-daily")
    #expect(OptionFlag.nearest(to: "--bootstrap.store-config-file") == "--bootstrap.store-config-files")
    #expect(OptionFlag.nearest(to: "--repositories[2].lable") == "--repositories[2].label")
  }

  @Test("Secrets are not repeated in messages")
  func secrets() throws {
    #expect(OptionFlag("--encryption-passphrase")?.isSecret == true)
    #expect(OptionFlag("--postgresql-databases")?.isSecret == true)
    #expect(OptionFlag("--keep-daily")?.isSecret == false)
    #expect(problem("--postgresql-databases", "{password: hunter2")?.contains("hunter2") == false)
  }

  @Test("Overrides take options with dots, sections of old times, and YAML")
  func overrides() throws {
    let changes = try ["keep_daily=2", "hooks.sqlite_databases=[{name: a, path: /a}]", "storage.compression=zstd,9"]
      .map { try OptionChange(override: $0) }
    let root = try load(changes).root
    #expect(root[RetentionOptions.daily] == 2)
    #expect(root[SQLiteOptions.databases].count == 1)
    #expect(root[GeneralOptions.compression].spelling == "zstd,9")
    #expect(throws: ConfigurationProblem.self) { try OptionChange(override: "keep_daily") }
    #expect(throws: ConfigurationError.self) { try load([try OptionChange(override: "nothing.such=1")]) }
  }
}
