import CofferSystem
import Testing

@Suite("Text from outside")
struct TextTests {
  /// A quote with a combining mark behind it, which is one Character.
  private static let mark = "\u{301}"

  @Test("names are equal when their bytes are, not when Unicode calls them equivalent")
  func exactNames() {
    let composed = "caf\u{e9}"
    let decomposed = "cafe\u{301}"
    // As the standard library has it, behind a type that our own comparison does not know.
    #expect(AnyHashable(composed) == AnyHashable(decomposed))
    #expect(composed != decomposed)
    #expect(!composed.isSame(as: decomposed))
    #expect(Set([ExactName(composed), ExactName(decomposed), ExactName(composed)]).count == 2)
    #expect(ExactName("a") < ExactName("b") && ExactName("Z") < ExactName("a") && !(ExactName("a") < ExactName("a")))
    #expect(!ExactName("e").text.begins(with: "\u{e9}"))
  }

  @Test("signs are found before combining marks and within CR LF")
  func search() {
    #expect("a'\(Self.mark)b".holds("'") && "a\r\nb".holds("\n") && !"ab".holds("abc") && "ab".holds(""))
    #expect("'\(Self.mark)".begins(with: "'") && "a\r\n".ends(with: "\n") && !"a".ends(with: "aa"))
    #expect("aab".holds("ab") && "x".holds("x"))
    #expect(
      "x=y=z".after(beginning: "x=") == "y=z" && "x.gz".before(end: ".gz") == "x" && "x".after(beginning: "y") == nil)
  }

  @Test("only letters of ASCII have their case changed")
  func letterCase() {
    #expect("aZ_ſıﬁß\u{212A}éa\(Self.mark)".asciiUppercased == "AZ_ſıﬁß\u{212A}éA\(Self.mark)")
    #expect("Za@[`{İ\u{212A}Ä".asciiLowercased == "za@[`{İ\u{212A}Ä")
  }

  @Test("text is cut at bytes")
  func cutting() {
    #expect("a,\(Self.mark)b,,c".parts(by: ",") == ["a", "\(Self.mark)b", "", "c"])
    #expect("a,b,,c,".parts(by: ",", keepingEmpty: false) == ["a", "b", "c"])
    #expect("a=b=c".parts(by: "=", limit: 2) == ["a", "b=c"])
    #expect("".parts(by: ",") == [""] && "".parts(by: ",", keepingEmpty: false) == [])
    #expect("a::b".parts(by: "::") == ["a", "b"])
    #expect("a'\(Self.mark)".swapping("'", for: "''") == "a''\(Self.mark)")
    #expect("one\r\ntwo\rthree\n\nfour".lines() == ["one", "two", "three", "four"])
    #expect("one\r\n\ntwo\n".lines(keepingEmpty: true) == ["one", "", "two"])
    #expect(" \t a b\r\n".trimmed == "a b" && " \n".trimmed == "" && " a \t b\n".words == ["a", "b"])
  }

  @Test("quotes are doubled before combining marks")
  func doubling() {
    #expect(Quoting.postgresqlIdentifier("a\"\(Self.mark)").utf8.elementsEqual("\"a\"\"\(Self.mark)\"".utf8))
    #expect(Quoting.postgresqlLiteral(Array("'\(Self.mark)\\".utf8)).elementsEqual("E'''\(Self.mark)\\\\'".utf8))
    #expect(Quoting.sqliteLiteral("'\(Self.mark)").utf8.elementsEqual("'''\(Self.mark)'".utf8))
    #expect(Quoting.mariadbIdentifier("`\(Self.mark)").utf8.elementsEqual("```\(Self.mark)`".utf8))
    #expect(Quoting.mariadbLiteral("'\(Self.mark)\\").utf8.elementsEqual("'''\(Self.mark)\\\\'".utf8))
    #expect(Quoting.shellWord("'\(Self.mark)").utf8.elementsEqual("''\\''\(Self.mark)'".utf8))
    #expect(Quoting.connectionValue("'\(Self.mark)").utf8.elementsEqual("'\\'\(Self.mark)'".utf8))
    #expect(Quoting.optionFileValue("\"\(Self.mark)")?.utf8.elementsEqual("\"\\\"\(Self.mark)\"".utf8) == true)
  }

  @Test("a name with the byte 0 is another name, not a shorter one")
  func zero() {
    #expect(Quoting.postgresqlIdentifier("a\0b") == "\"a\u{fffd}b\"")
    #expect(Quoting.postgresqlLiteral(Array("\0'\\".utf8)) == Array("E'\u{fffd}''\\\\'".utf8))
    #expect(Quoting.optionFileValue("a\0b") == nil && Quoting.optionFileValue("a\r\nb") == nil)
  }

  @Test("words are split at scalars, and read back as they were quoted")
  func shellWords() throws {
    #expect(try ShellWords.split("a 'b\(Self.mark) c' \"d\\\"\" e\\ f") == ["a", "b\(Self.mark) c", "d\"", "e f"])
    #expect(try ShellWords.split("'\(Self.mark)'").map { Array($0.utf8) } == [Array(Self.mark.utf8)])
    for word in ["", "a b", "it's", "\"\(Self.mark)", "$(x)`y`", "\n", "é", "\\"] {
      #expect(try ShellWords.split(Quoting.shellWord(word)).map { Array($0.utf8) } == [Array(word.utf8)])
    }
  }

  @Test("pasted words hold nothing that a terminal acts upon")
  func pastedWords() {
    #expect(Quoting.pastedWord("a b") == "'a b'")
    #expect(Quoting.pastedWord("a'\u{1b}[201~\n") == "$'a\\'\\x1b[201~\\x0a'")
    #expect(Quoting.pastedWord("\u{202e}x") == "$'\\xe2\\x80\\xaex'")
  }

  @Test("Prometheus, mail headers, URLs and YAML keep to one line")
  func documents() {
    #expect(Quoting.prometheusValue("a\r\nb\"\\") == "\"a \\nb\\\"\\\\\"")
    #expect(Quoting.headerLine("a\r\nBcc: x\n\u{2028}y") == "a Bcc: x  y")
    #expect(Quoting.urlPart("a b/\u{e9}?") == "a%20b%2F%C3%A9%3F")
    #expect(Quoting.yaml("a\"\(Self.mark)\\\n\u{1F600}\0") == "\"a\\\"\\u0301\\\\\\n\\U0001f600\\x00\"")
  }

  @Test("a terminal gets no controls, line breaks or bidirectional overrides")
  func terminal() {
    #expect(Quoting.terminal("a\u{1b}[2J\r\n\u{9b}\u{202e}b\u{7f}") == "a\\x1b[2J\\r\\n\\x9b\\u{202e}b\\x7f")
    #expect(Quoting.terminal("a\tb\nc\r", keepingLines: true) == "a\tb\nc\\r")
    #expect(Quoting.terminal("données 数据 👩\u{200d}👧 x\u{301}") == "données 数据 👩\u{200d}👧 x\u{301}")
  }
}
