import CSystem
import CofferSystem
import Foundation
import TestSupport
import Testing

@Suite("Random text, quoted and read")
struct TextFuzzTests {
  private static func run(_ shell: String, _ script: String) throws -> [UInt8] {
    let result = try SystemProcessLauncher().run(
      ChildCommand(shell, ["-c", script], environment: ProcessEnvironment(["HOME": "/h"])))
    try #require(result.status.isSuccess, "\(result.errorLines): \(script)")
    return result.output
  }

  @Test("a POSIX shell reads back what was quoted")
  func shellWords() throws {
    try Fuzz.run(.shellWord) { random in
      let words = random.texts(200)
      let script = words.map { "printf '%s\\0' \(Quoting.shellWord($0))" }.joined(separator: "\n")
      try #require(try Self.run("/bin/sh", script) == words.flatMap { Array($0.utf8) + [0] }, "seed \(random.seed)")
    }
  }

  @Test("bash reads back what is shown to be pasted, of which no sign steers the terminal")
  func pastedWords() throws {
    try Fuzz.run(.pastedWord) { random in
      let words = random.texts(200)
      let script = words.map { "printf '%s\\0' \(Quoting.pastedWord($0))" }.joined(separator: "\n")
      try #require(try Self.run("/bin/bash", script) == words.flatMap { Array($0.utf8) + [0] }, "seed \(random.seed)")
      for word in words { try #require(Self.isFitForTerminals(Quoting.pastedWord(word)), "seed \(random.seed)") }
    }
  }

  private static func isFitForTerminals(_ text: String) -> Bool {
    text.unicodeScalars.allSatisfy { scalar in
      switch scalar.properties.generalCategory {
      case .control, .lineSeparator, .paragraphSeparator: false
      case .format: scalar == "\u{200c}" || scalar == "\u{200d}"
      default: true
      }
    }
  }

  /// Any scalar, mostly of the lower ranges.
  private static func anyText(_ random: inout SeededRandom) -> String {
    var text = String.UnicodeScalarView()
    for _ in 0..<Int.random(in: 0...12, using: &random) {
      let limit = random.pick([0x7f, 0xff, 0x2fff, 0xffff, 0x10ffff] as [UInt32])
      if let scalar = Unicode.Scalar(UInt32.random(in: 0...limit, using: &random)) { text.append(scalar) }
    }
    return String(text)
  }

  @Test("nothing that steers a terminal is left, and what steers none stays as it is")
  func terminals() throws {
    try Fuzz.run(.terminal) { random in
      for _ in 0..<200 {
        let text = Self.anyText(&random)
        let shown = Quoting.terminal(text)
        try #require(Self.isFitForTerminals(shown), "seed \(random.seed)")
        if Self.isFitForTerminals(text) { try #require(shown.isSame(as: text), "seed \(random.seed)") }
        let kept = Quoting.terminal(text, keepingLines: true)
        try #require(
          Self.isFitForTerminals(String(kept.unicodeScalars.filter { $0 != "\n" && $0 != "\t" })), "seed \(random.seed)"
        )
      }
    }
  }

  @Test("a JSON document means the same, and steers no terminal")
  func documents() throws {
    try Fuzz.run(.jsonDocument) { random in
      let texts = (0..<100).map { _ in Self.anyText(&random) }
      let document = Quoting.jsonDocument(String(decoding: try JSONEncoder().encode(texts), as: UTF8.self))
      try #require(Self.isFitForTerminals(document), "seed \(random.seed)")
      let read = try JSONDecoder().decode([String].self, from: Data(document.utf8))
      try #require(read.map { ExactName($0) } == texts.map { ExactName($0) }, "seed \(random.seed)")
    }
  }

  @Test("words are told apart as a POSIX shell does that has nothing to expand")
  func splitting() throws {
    try Fuzz.run(.shellWords) { random in
      let lines = (0..<100).map { _ in random.text("''\"\"\\\\  \tab=-\u{301}é,") }
        .filter { (try? ShellWords.split($0)) != nil }
      let script = lines.map { "for word in \($0)\ndo printf '%s\\0' \"$word\"; done; printf '\\1'" }
      var wanted: [UInt8] = []
      for line in lines {
        for word in try ShellWords.split(line) { wanted += Array(word.utf8) + [0] }
        wanted.append(1)
      }
      try #require(try Self.run("/bin/sh", script.joined(separator: "\n")) == wanted, "seed \(random.seed): \(lines)")
    }
  }

  @Test("names match as fnmatch has it")
  func names() throws {
    try Fuzz.run(.namePattern) { random in
      for _ in 0..<500 {
        let (pattern, name) = (random.text("ab]-[!^*?\\'"), random.text("ab]-[!^\\'"))
        guard pattern.closesItsBrackets else { continue }
        let wanted = fnmatch(pattern, name, FNM_NOESCAPE) == 0
        try #require(NamePattern(pattern).matches(name) == wanted, "seed \(random.seed): '\(pattern)' '\(name)'")
      }
    }
  }

  @Test("the names and passwords in URLs are hidden, whatever stands around them")
  func secrets() throws {
    try Fuzz.run(.urlSecrets) { random in
      for _ in 0..<200 {
        let before = random.text("a:/?#@ \n'\"<\u{301}")
        let inside = random.text("a:@%.\u{301}é&=")
        let after = random.text("a:/?#@ \n'\"<\u{301}")
        let shown = URLSecrets.masked("\(before)https://user\(inside):hunter2@host/\(after)")
        try #require(!shown.holds("hunter2") && !shown.holds("user"), "seed \(random.seed): \(shown)")
        try #require(shown.holds("@host"), "seed \(random.seed): \(shown)")
      }
    }
  }

  @Test("text that is cut is put together again, byte by byte")
  func parts() throws {
    try Fuzz.run(.textParts) { random in
      for _ in 0..<200 {
        let (text, sign) = (random.text("ab'\u{301}\r\n "), random.pick(["a", "'", "ab", "\r\n", "\n", "aa"]))
        let parts = text.parts(by: sign)
        try #require(parts.joined(separator: sign).isSame(as: text), "seed \(random.seed)")
        try #require(!parts.contains { $0.holds(sign) } && text.holds(sign) == (parts.count > 1), "seed \(random.seed)")
        try #require(text.swapping(sign, for: sign).isSame(as: text))
        let words = text.utf8.split { $0 == 32 || (9...13).contains($0) }.map { Array($0) }
        try #require(text.words.map { Array($0.utf8) } == words, "seed \(random.seed)")
        let trimmed = text.trimmed
        try #require(text.holds(trimmed) && trimmed.words.map { ExactName($0) } == text.words.map { ExactName($0) })
        try #require(trimmed.utf8.first?.isBlank != true && trimmed.utf8.last?.isBlank != true)
        try #require(text.begins(with: trimmed) == (text.after(beginning: trimmed) != nil))
      }
    }
  }
}
