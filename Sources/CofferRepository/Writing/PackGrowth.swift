/// How large the packs become in which a session stores data.
///
/// To a place that is far away each goes by one connection, which carries a part of what the line does, and slowly at first. So
/// the first ones are small, for several connections to be in use soon; and none is so large that the session ends with waiting long for
/// the last one, which is on its way alone.
struct PackGrowth: Sendable {
  private let smallest: Int
  let largest: Int
  /// Bytes of those that are full.
  private var before = 0

  /// Parts of the usual size that packs to a far place have at first, and in the end.
  private static let farParts = (smallest: 8, largest: 3)
  /// What a pack may have of all that went before it.
  private static let share = 2

  init(target: Int, isFar: Bool) {
    (smallest, largest) =
      isFar ? (max(target / Self.farParts.smallest, 1), max(target / Self.farParts.largest, 1)) : (target, target)
  }

  /// Stored bytes after which the next pack is full.
  var target: Int { min(max(before / Self.share, smallest), largest) }

  mutating func add(_ size: Int) { before += size }
}
