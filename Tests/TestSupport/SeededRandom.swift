/// Random numbers that are the same in every run (https://prng.di.unimi.it/splitmix64.c).
public struct SeededRandom: RandomNumberGenerator {
  /// What it began with; the same gives the same numbers.
  public let seed: UInt64
  private var state: UInt64

  public init(_ seed: UInt64) {
    self.seed = seed
    state = seed
  }

  public mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var value = state
    value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
    return value ^ (value >> 31)
  }

  /// Random bytes, a multiple of eight.
  public mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count / 8).flatMap { _ in withUnsafeBytes(of: next()) { Array($0) } }
  }

  /// A number from 0 on.
  public mutating func next(below limit: Int) -> Int {
    Int.random(in: 0..<limit, using: &self)
  }

  /// One of the elements.
  public mutating func pick<Element>(_ elements: [Element]) -> Element {
    elements[Int.random(in: 0..<elements.count, using: &self)]
  }

  /// Texts that are a known attack now and then, and else random.
  public mutating func texts(_ count: Int, _ alphabet: String = hostileSigns) -> [String] {
    (0..<count).map { _ in
      Int.random(in: 0..<8, using: &self) == 0 ? pick(knownAttacks) : text(alphabet)
    }
  }

  /// A text of up to twelve of the alphabet's scalars.
  public mutating func text(_ alphabet: String) -> String {
    let scalars = Array(alphabet.unicodeScalars)
    var result = String.UnicodeScalarView()
    for _ in 0..<Int.random(in: 0...12, using: &self) {
      result.append(scalars[Int.random(in: 0..<scalars.count, using: &self)])
    }
    return String(result)
  }
}

/// What some language takes for the end of a text, for a comment, for a break of a line or for nothing; and what makes one
/// Character of any of them.
public let hostileSigns = "'\"`\\\u{301}\u{308};:$%{}()-#/*!@ \n\r\t\u{1b}\u{7f}\u{85}\u{202e}\u{2028}aEnN0eé数"

/// Texts that have done harm.
public let knownAttacks = [
  "'\u{301};SELECT 1;--", "\"\u{301} \\! id", "`\u{301};SELECT 1;-- ", "\\'", "\\", "''", "\"\"", "``", ":'x'",
  ":\"x\"",
  "$$", "\\gset", "\\\n", "%s", "cafe\u{301}", "caf\u{e9}", "a\r\nb", "{x}", "--", "/*", "*/", "$(id)`id`", "-e", "!x",
  "~",
]
