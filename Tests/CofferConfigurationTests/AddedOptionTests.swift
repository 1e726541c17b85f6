import CofferActions
import CofferSystem
import Foundation
import Testing

@testable import CofferConfiguration

/// Options that are declared here and nowhere else.
private enum AddedOptions {
  enum Shade: String, OptionChoice {
    case light, dark
    case pitchBlack = "pitch-black"
  }

  static let shade = OptionKey<Shade>("added_shade", "How dark it is.", default: .light)
  static let seconds = OptionKey<Int>("added_seconds", "How long it takes.", default: 900)
  static let label = OptionKey<String?>("added_label", "What it is called.", example: "blue", isSecret: true)
  static let names = OptionKey<[String]>("added_names", "Who it is for.")

  static let schema = OptionSchema("Added", [shade.option, seconds.option, label.option, names.option])
}

@Suite("An option is one declaration")
struct AddedOptionTests {
  private let options = OptionCatalogue(OptionCatalogue.standard.groups + [AddedOptions.schema])

  @Test("Actions of one family are named once")
  func families() throws {
    let known = OptionCatalogue.standard.knowing(actions: ["create", "wal", "wal", "serve", "wal"])
    let when = try #require(known.top["commands"]?.sectionSchema?["when"]?.choices)
    #expect(when == CommandOptions.when.option.choices + ["wal", "serve"])
    #expect(known.top["skip_actions"]?.choices == when)
  }

  private func load(_ text: String, _ flags: (String, String?)...) throws -> Configuration {
    let changes = try flags.map { try #require(OptionFlag($0.0, in: options)).change(to: $0.1) }
    return try loader(text).load("/c.yaml", as: ConfigurationReading(changes: changes))
  }

  private func loader(_ text: String) -> ConfigurationLoader {
    ConfigurationLoader(
      files: reader(of: ["/c.yaml": minimal + text]), environment: ProcessEnvironment([:]), currentFolder: "/",
      options: options)
  }

  private func problems(_ text: String) -> [String] {
    do {
      _ = try load(text)
      return []
    } catch let error as ConfigurationError {
      return error.problems.map { $0.message + ($0.suggestion.map { ". \($0)" } ?? "") }
    } catch {
      return ["\(error)"]
    }
  }

  @Test("It is read with its type from a file, at the top and for one repository")
  func file() throws {
    let configuration = try load(
      "    added_seconds: 7\nadded_shade: pitch-black\nadded_seconds: 5\nadded_label: x\nadded_names: [a, b]\n")
    let root = configuration.root
    let (shade, seconds, label, names): (AddedOptions.Shade, Int, String?, [String]) = (
      root[AddedOptions.shade], root[AddedOptions.seconds], root[AddedOptions.label], root[AddedOptions.names]
    )
    #expect(shade == .pitchBlack)
    #expect(seconds == 5)
    #expect(label == "x")
    #expect(names == ["a", "b"])
    #expect(configuration.options(for: configuration.repositories[0])[AddedOptions.seconds] == 7)
  }

  @Test("Not set it is its default, which only reading can tell from one that is written")
  func defaults() throws {
    let root = try load("").root
    #expect(root[AddedOptions.shade] == .light)
    #expect(root[AddedOptions.seconds] == 900)
    #expect(root[AddedOptions.label] == nil)
    #expect(root[AddedOptions.names] == [])
    #expect(root.given(AddedOptions.seconds) == nil)
    #expect(try load("added_seconds: 900\n").root.given(AddedOptions.seconds) == 900)
  }

  @Test("The command line sets it, by a flag of its name and by an override")
  func commandLine() throws {
    #expect(try load("added_seconds: 5\n", ("--added-seconds", "6")).root[AddedOptions.seconds] == 6)
    #expect(try load("", ("--added-shade", "dark")).root[AddedOptions.shade] == .dark)
    let override = try OptionChange(override: "added_names=[c]", in: options)
    let root = try loader("").load("/c.yaml", as: ConfigurationReading(changes: [override])).root
    #expect(root[AddedOptions.names] == ["c"])
    #expect(OptionFlag.nearest(to: "--added-sconds", in: options) == "--added-seconds")
    #expect(OptionFlag("--added-label", in: options)?.isSecret == true)
  }

  @Test("Mistakes in it are told, with the nearest valid value")
  func mistakes() {
    #expect(problems("added_shade: drak\n") == ["Option 'added_shade' cannot be 'drak'. Did you mean 'dark'?"])
    #expect(
      problems("added_shade: 12\n")
        == ["Option 'added_shade' cannot be '12'. It can be light, dark, pitch-black"])
    #expect(problems("added_secods: 1\n") == ["Unknown option 'added_secods'. Did you mean 'added_seconds'?"])
    #expect(problems("added_seconds: soon\n").first?.hasPrefix("Option 'added_seconds' must be a whole number") == true)
  }

  @Test("Template, reference and 'config show' have it, with its default and its choices")
  func showing() throws {
    let template = ConfigurationTemplate(options).text
    #expect(
      template.contains("# How dark it is.\n# Default: light\n# One of: light, dark, pitch-black\n#added_shade: light"))
    #expect(template.contains("# How long it takes.\n# Default: 900\n#added_seconds: 900"))
    #expect(template.contains("# What it is called.\n#added_label: blue"))
    let reference = OptionReference.markdown(options)
    #expect(
      reference.contains(
        "| `added_shade` | text | `light` | How dark it is. One of `light`, `dark`, `pitch-black`. |\n"
          + "| `added_seconds` | a whole number | `900` | How long it takes. |"))
    let configuration = try load("added_label: hunter2\n")
    #expect(configuration.value(of: "added_seconds", hidesSecrets: true) == .integer(900))
    #expect(configuration.value(of: "added_shade", hidesSecrets: true) == .text("light"))
    #expect(configuration.value(hidesSecrets: true).yaml.contains("added_label: \"***\""))
    #expect(try loader("added_seconds: 3\n").template(from: "/c.yaml").text.contains("\nadded_seconds: 3\n"))
  }
}
