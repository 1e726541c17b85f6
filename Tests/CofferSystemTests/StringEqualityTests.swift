import CofferSystem
import Testing

@Suite("Texts are equal when their bytes are")
struct StringEqualityTests {
  /// Pairs that Unicode calls equivalent.
  private static let pairs = [
    ("\u{e9}", "e\u{301}"), (";", "\u{37e}"), ("`", "\u{1fef}"), ("K", "\u{212a}"), ("\u{ac00}", "\u{1100}\u{1161}"),
  ]

  @Test("every way to compare two texts tells equivalent ones apart", arguments: pairs)
  func apart(left: String, right: String) {
    let maybe: String? = left
    let answers = [
      left == right, !(left != right), maybe == right, !(maybe != right), left[...] == right[...], left[...] == right,
      !(left[...] != right), [left] == [right], !([left] != [right]), [left].contains(right),
      [left].firstIndex(of: right) != nil, matches(left, right), matches(maybe, right),
    ]
    #expect(answers.allSatisfy { !$0 }, "\(answers)")
    #expect(ExactName(left) != ExactName(right))
  }

  @Test("equal bytes are equal in every way", arguments: pairs)
  func equal(left: String, right: String) {
    for text in [left, right] {
      let copy = String(decoding: Array(text.utf8), as: UTF8.self)
      let maybe: String? = text
      let answers = [
        text == copy, !(text != copy), maybe == copy, !(maybe != copy), text[...] == copy[...], text[...] == copy,
        [text] == [copy], [text].contains(copy), [text].firstIndex(of: copy) == 0, matches(text, copy),
        matches(maybe, copy),
      ]
      #expect(answers.allSatisfy { $0 }, "\(answers)")
    }
    let nothing: String? = nil
    #expect(nothing == nil && !(nothing == "") && nothing != "")
  }

  private func matches(_ text: String, _ pattern: String) -> Bool {
    switch text {
    case pattern: true
    default: false
    }
  }

  private func matches(_ text: String?, _ pattern: String) -> Bool {
    switch text {
    case pattern: true
    default: false
    }
  }
}
