import CofferSystem
import TestSupport
import Testing

@testable import CofferConfiguration

@Suite("Random text in configurations")
struct ConfigurationFuzzTests {
  private func parsed(_ text: String) throws -> YAMLNode? {
    var parser = YAMLParser(file: "f")
    return try parser.parse(Array(text.utf8))
  }

  /// With what YAML takes for a break of a line, a mark of the bytes' order, or no sign at all.
  private static let signs = hostileSigns + "\u{feff}\u{fffe}\u{ffff}\u{2029}\u{b}\u{1F600}&*?|>[]~,<=.0123456789"

  @Test("libyaml reads back what was quoted, and what is shown of a configuration")
  func quoting() throws {
    try Fuzz.run(.yaml) { random in
      let texts = random.texts(100, Self.signs) + ["~", "null", "yes", "1e3", "0x1f", "- a", "a: b", "a #b", ""]
      for text in texts {
        let quoted = try parsed(Quoting.yaml(text))
        try #require(
          quoted?.text.map { ExactName($0) } == ExactName(text), "seed \(random.seed): \(Quoting.yaml(text))")
      }
      let shown = ConfigurationValue.section([
        .init(name: "texts", value: .list(texts.map { .text($0) })),
        .init(name: "inner", value: .section([.init(name: "text", value: .text(texts[0]))])),
      ])
      let read = try #require(try parsed(shown.yaml), "seed \(random.seed)")
      let found = read["texts"]?.elements.map { $0.isNull ? ExactName("null!") : ExactName($0.text ?? "none!") }
      try #require(found == texts.map { ExactName($0) }, "seed \(random.seed): \(shown.yaml)")
      try #require(read["texts"]?.elements.allSatisfy { $0.boolean == nil && $0.number == nil } == true)
      try #require(read["inner"]?["text"]?.text?.isSame(as: texts[0]) == true, "seed \(random.seed)")
    }
  }

  @Test("No text makes the parser do anything but succeed or throw, and what it takes comes back")
  func documents() throws {
    try Fuzz.run(.yamlDocument) { random in
      for _ in 0..<100 {
        let text = (0..<4).map { _ in random.text("ab:-[]{}#&*!|>'\"%@`,\n\n  \t<?~0\u{ff}\u{85}") }.joined()
        do { _ = try parsed(text) } catch is YAMLParser.Failure {}
      }
    }
  }

  /// Puts pieces together, and what they should become.
  private func joined(
    _ random: inout SeededRandom, _ pieces: [(text: String, wanted: String)]
  ) -> (text: String, wanted: String) {
    let chosen = (0..<Int.random(in: 1...6, using: &random)).map { _ in random.pick(pieces) }
    return (chosen.map(\.text).joined(), chosen.map(\.wanted).joined())
  }

  @Test("Variables are put in where they stand, and nothing of their values is read again")
  func variables() throws {
    try Fuzz.run(.interpolation) { random in
      let environment = ["A": random.text("${}A\\:-'\"\u{301}\n"), "CAFE_1": "${A}"]
      let plain = random.text("{}:-'\"\u{301}aé\n ")
      let text = joined(
        &random,
        [
          ("${A}", environment["A"] ?? ""), ("${CAFE_1}", "${A}"), ("\\${A}", "${A}"), ("${NONE-x}", "x"),
          ("${NONE:-$y}", "$y"), ("${A:-z}", environment["A"] ?? ""), (plain, plain), ("}", "}"), ("$A ", "$A "),
        ])
      let root = try load(
        minimal + "working_directory: \(Quoting.yaml(text.text))\n", environment: environment
      ).root
      let found = root[GeneralOptions.workingDirectory] ?? ""
      try #require(found.isSame(as: text.wanted), "seed \(random.seed): \(text.text) -> \(found)")
    }
  }

  @Test("Constants are put in where they stand, and nothing of their values is read again")
  func constants() throws {
    try Fuzz.run(.constants) { random in
      let value = random.text("{}ab\\'\"\u{301}\n x")
      let plain = random.text("}:-'\"\u{301}aé\n ")
      let text = joined(
        &random,
        [
          ("{a}", value), ("{a\u{301}}", "{b}"), ("{b}", "2"), ("\\{a}", "{a}"), ("{other}", "{other}"), ("{}", "{}"),
          (plain, plain), ("{a ", "{a "), (" ", " "),
        ])
      let constants = "constants: {a: \(Quoting.yaml(value)), b: 2, \"a\\u0301\": \"{b}\"}\n"
      let root = try load(minimal + constants + "working_directory: \(Quoting.yaml("x" + text.text))\n").root
      let found = root[GeneralOptions.workingDirectory] ?? ""
      try #require(found.isSame(as: "x" + text.wanted), "seed \(random.seed): \(text.text) -> \(found)")
    }
  }

  @Test("A reference to a credential is read as its words are, or refused; nothing else is one")
  func credentials() throws {
    try Fuzz.run(.credential) { random in
      let path = random.text("ab'\"\\ $`{\u{301}\n\t%")
      let text = "{credential file \(Quoting.shellWord(path))}"
      try #require(
        try CredentialReference(text)?.arguments.map { ExactName($0) } == [ExactName(path)], "seed \(random.seed)")
      let other = random.text("{credential file systemd }'\"\\./") + random.text("{}/.a'")
      do {
        let reference = try CredentialReference(random.pick(["", "{credential systemd ", "{credential "]) + other)
        guard let reference, reference.kind == .systemd else { return }
        let name = reference.arguments[0]
        try #require(!name.holds("/") && !name.isSame(as: "..") && !name.isSame(as: "."), "seed \(random.seed)")
      } catch is CredentialError {}
    }
  }
}
