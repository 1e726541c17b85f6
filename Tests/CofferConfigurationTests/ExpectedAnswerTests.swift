import Testing

@testable import CofferConfiguration

@Suite("What a question must be answered with")
struct ExpectedAnswerTests {
  @Test(
    "Texts are compared by their bytes, numbers exactly, and what is no number is neither smaller nor larger",
    arguments: [
      ("t", "t", true), ("t", "T", false), ("e\u{301}", "\u{e9}", false), ("10", "10.0", true), ("", "", true),
      (">= 1000", "1000", true), (">= 1000", "999.99", false), (">=1000", "1e9", false), ("< 0", "-1", true),
      ("> 9007199254740992", "9007199254740993", true), ("<= 5", "", false), ("!= 0", "0.00", false),
      ("!= 0", "many", true), ("= >= 5", ">= 5", true), ("= >= 5", "6", false), ("> 1", "1 2", false),
      ("< 5", "--3", false), ("> -2", "-1.5", true),
    ])
  func comparisons(expected: String, answer: String, isMet: Bool) throws {
    #expect(try #require(ExpectedAnswer(expected)).isMet(by: answer) == isMet)
  }

  @Test("A comparison with what is no number is refused", arguments: [">= many", "<", "> 1e3", "<= 1.2.3", "> ."])
  func refused(text: String) {
    #expect(ExpectedAnswer(text) == nil)
  }
}
