import CofferSystem
import Testing

@testable import CofferHooks

@Suite("What stands outside of quotes is read as the server reads it, whatever the character set")
struct MariaDBCharacterTests {
  private static let charsets = [
    "gbk", "sjis", "cp932", "big5", "gb18030", "latin1", "cp866", "koi8r", "ujis", "utf8mb4",
  ]

  private func feed(_ bytes: [UInt8], every size: Int) throws {
    var splitter = StatementSplitter()
    for start in stride(from: 0, to: bytes.count, by: size) {
      try bytes[start..<min(start + size, bytes.count)].withUnsafeBytes { try splitter.feed($0) { _ in } }
    }
  }

  @Test("Rows call nothing by a name of other signs than those of ASCII", arguments: charsets)
  func calls(charset: String) throws {
    let values: [[UInt8]] = [
      // A function of another database, one of this, and one behind a value.
      [0xBF, 0xE2, 0x2E, 0xBA, 0xAF] + Array("(1)".utf8), [0x93, 0xB2] + Array("(1)".utf8),
      [0x81, 0x40, 0x2E, 0x83, 0x5C] + Array("(1)".utf8), Array("'x' ".utf8) + [0xE0, 0x60] + Array("(1)".utf8),
      Array("_b".utf8) + [0xC4, 0xB1] + Array("nary 'x'".utf8), [0xA0] + Array("f(1)".utf8),
    ]
    for value in values {
      for size in [1, 3, 1000] {
        let rows = Array("SET NAMES \(charset);\nINSERT INTO `t` VALUES (".utf8) + value + Array(");\n".utf8)
        #expect(throws: StatementSplitter.Unreadable.self, "\(value)") { try feed(rows, every: size) }
      }
    }
    // To the server this may be a blank, behind which the values begin.
    for blank: UInt8 in [0x9A, 0xA0, 0xCA, 0xFF] {
      let rows =
        Array("SET NAMES \(charset);\nINSERT INTO `t` ".utf8) + [blank] + Array("VALUES (f(1));\n     ".utf8)
      #expect(throws: StatementSplitter.Unreadable.self, "\(blank)") { try feed(rows, every: 1000) }
    }
    // In quotes they are a value.
    let row = Array("SET NAMES \(charset);\nINSERT INTO `t` VALUES ('".utf8) + [0xE0, 0x80] + Array("');\n    ".utf8)
    try feed(row, every: 1)
  }

  @Test("Names beyond ASCII may stand without quotes before the values of rows, where they are UTF-8")
  func unquotedNames() throws {
    for name in ["größe", "表", "`t` (größe, 表)", "t (a, ä)"] {
      for size in [1, 3, 1000] {
        let rows = Array("SET NAMES utf8mb4;\nINSERT INTO \(name) VALUES (1,'ä');\n                ".utf8)
        try feed(rows, every: size)
      }
    }
    // Behind them it stays refused.
    for value in ["größe", "größe(1)", "'x' größe"] {
      let rows = Array("SET NAMES utf8mb4;\nINSERT INTO größe VALUES (\(value));\n                ".utf8)
      #expect(throws: StatementSplitter.Unreadable.self, "\(value)") { try feed(rows, every: 1000) }
    }
    #expect {
      try feed(Array("SET NAMES utf8mb4;\nINSERT INTO t VALUES (größe);\n                ".utf8), every: 1000)
    } throws: {
      ($0 as? StatementSplitter.Unreadable)?.problem.contains("größe") == true
    }
  }

  @Test("A blank beyond ASCII in the middle of a name hides no values", arguments: charsets)
  func hiddenValues(charset: String) {
    for blank: UInt8 in [0x9A, 0xA0, 0xCA, 0xFF] {
      for size in [1, 1000] {
        let rows =
          Array("SET NAMES \(charset);\nINSERT INTO t".utf8) + [blank] + Array("VALUES (f(1));\n             ".utf8)
        #expect(throws: StatementSplitter.Unreadable.self, "\(blank)") { try feed(rows, every: size) }
      }
    }
  }

  private func statement(_ bytes: [UInt8], _ charset: String) -> MariaDBStatement {
    var mode = LexicalMode()
    mode.set(charset: charset)
    return MariaDBStatement(bytes, mode: mode)
  }

  /// A text with a byte for each `~`.
  private func text(_ text: String, _ byte: UInt8) -> [UInt8] {
    text.utf8.map { $0 == UInt8(ascii: "~") ? byte : $0 }
  }

  @Test(
    "A blank beyond ASCII hides no word of a statement",
    arguments: [
      ("latin1", 0xA0), ("latin2", 0xA0), ("greek", 0xA0), ("cp852", 0xFF), ("cp866", 0xFF), ("keybcs2", 0xFF),
      ("koi8r", 0x9A), ("macroman", 0xCA),
    ] as [(String, UInt8)])
  func blanks(charset: String, blank: UInt8) {
    for (statement, kind) in [
      ("CREATE ~USER~event", .account), ("CREATE TABLE t (a int)~SELECT~f() AS a", .unknown),
      ("CREATE TABLE~shop.t (a int)", .unknown), ("~GRANT~ALL ON *.* TO mallory", .account),
      ("SET a = 1, ~GLOBAL~general_log_file = 'x'", .omitted), ("CREATE TABLE t (a int)", .table),
    ] as [(String, MariaDBStatement.Kind)] {
      #expect(self.statement(text(statement, blank), charset).kind == kind, "\(statement)")
    }
    let words = statement(text("CREATE TABLE t (a~int)", blank), charset).lexemes.words
    #expect(words == ["CREATE", "TABLE", "T", "A", "INT"])
    #expect(statement(text("CREATE TABLE `t~x` (a int)", blank), charset).lexemes.words.count == 4)
  }

  @Test("What is a letter in a character set is one", arguments: ["cp850", "cp866", "utf8mb4", "gbk"])
  func letters(charset: String) {
    #expect(statement(text("CREATE TABLE x~x (a int)", 0xA0), charset).lexemes.all.count == 7)
  }

  @Test("No other letter stands for one of ASCII", arguments: ["ſ", "ı", "ﬁ", "\u{212A}", "İ", "é", "ß"])
  func letters(letter: String) {
    let statement = MariaDBStatement("USE bac\(letter)up \(letter)ELECT GRANT\(letter)")
    #expect(statement.lexemes.words == ["USE"])
    #expect(statement.lexemes.all.compactMap(\.name) == ["bac\(letter)up", "\(letter)ELECT", "GRANT\(letter)"])
  }

  @Test("A word with another letter than one of ASCII is no word of a server's language")
  func words() {
    for text in ["LOC\u{212A} TABLES `t` WRITE", "CREATE U\u{17F}ER mallory", "\u{17F}ET a = 1"] {
      #expect(MariaDBStatement(text).kind == .unknown)
    }
    #expect(MariaDBStatement("USE `\u{212A}`").kind != .database(.use, name: ExactName("K")))
    var mode = LexicalMode()
    mode.set(modes: "AN\u{17F}I,\u{17F}o_BAC\u{212A}SLASH_ESCAPES,NO_BAC\u{212A}SLASH_ESCAPES")
    #expect(!mode.quotesNames && mode.escapesBackslash)
    #expect(WideCharset("gb\u{212A}") == .none && WideCharset("GBK") == .gbk)
    #expect(!MariaDBScript.isSystem("my\u{17F}ql") && MariaDBScript.isSystem("MySQL"))
  }
}
