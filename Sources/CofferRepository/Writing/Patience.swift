/// How much of what is stored in full is searched thoroughly.
///
/// What a later day adds in full is little beside what the repository has already, and stays as long as what was there first: it is
/// worth some more time, as far as that is little beside what the rest of the day takes.
struct Patience {
  /// Plain bytes that the repository had, less the price of what was taken.
  private var known = 0
  /// Known bytes for each new one. They take some ten times as long as that takes longer.
  private static let price = 64

  /// Takes note of bytes that the repository has.
  mutating func pass(_ count: Int) {
    known += count
  }

  /// Returns whether so many new bytes may be searched thoroughly, and takes them off.
  mutating func take(_ count: Int) -> Bool {
    let price = count * Self.price
    guard price <= known else { return false }
    known -= price
    return true
  }
}
