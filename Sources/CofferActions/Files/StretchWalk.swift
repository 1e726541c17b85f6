import CofferRepository
import CofferSystem

/// Goes along a file with holes while its data, which is stored without them, is given piece by piece.
struct StretchWalk {
  private let stretches: [FileExtents.Stretch]
  private var next = 0
  /// Bytes of the current stretch that are to come.
  private var left: UInt64 = 0

  init(_ extents: FileExtents) {
    stretches = extents.stretches
  }

  /// - Parameters:
  ///   - bytes: The next data.
  ///   - hole: Given the size of each hole before what of the data is behind it.
  ///   - data: Given the data up to the next hole.
  /// - Returns: false when there is more data than stretches.
  /// - Throws: What the two throw.
  mutating func take(
    _ bytes: UnsafeRawBufferPointer, hole: (UInt64) throws -> Void, data: (UnsafeRawBufferPointer) throws -> Void
  ) rethrows -> Bool {
    var rest = bytes
    while !rest.isEmpty {
      if left == 0 {
        guard stretches.indices.contains(next) else { return false }
        try hole(stretches[next].hole)
        left = stretches[next].data
        next += 1
      }
      let count = Int(min(UInt64(rest.count), left))
      try data(UnsafeRawBufferPointer(rebasing: rest[..<count]))
      left -= UInt64(count)
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
    return true
  }
}
