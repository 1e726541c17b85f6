/// Random numbers that are the same in every run (https://prng.di.unimi.it/splitmix64.c).
public struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64

  public init(_ seed: UInt64) {
    state = seed
  }

  public mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var value = state
    value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
    return value ^ (value >> 31)
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
