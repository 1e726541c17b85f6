import CofferSystem

/// The chunks of a run that its hash table does not name, because it names enough others with the same id. Only somebody who
/// signs false copies makes any; they are looked for when every copy that the table names has turned out to be bad.
struct UnlistedPlaces: Sendable {
  /// The chunks' numbers, each below some bits of its id, in order.
  private let keys: [UInt64]

  /// Bytes that are looked through at a time.
  private static let stretch = 1 << 18
  private static let numberMask: UInt64 = 1 << IndexProbe.numberBits - 1

  /// Goes through all of the table once, whatever is in it. Where the run's file is damaged there are none; it says so itself.
  init(_ run: IndexRun) {
    let count = run.layout.chunkCount
    var unlisted = [UInt64](repeating: .max, count: (count + 63) / 64)
    let end = run.layout.slots + run.layout.slotCount * IndexRunLayout.slotSize
    for start in stride(from: run.layout.slots, to: end, by: Self.stretch) {
      guard let slots = run.pages.copy(start..<min(start + Self.stretch, end)) else {
        self.keys = []
        return
      }
      slots.withUnsafeBytes { slots in
        for offset in stride(from: 0, to: slots.count, by: IndexRunLayout.slotSize) {
          let number = Int(slots.loadUnaligned(fromByteOffset: offset, as: UInt64.self) & Self.numberMask) - 1
          if (0..<count).contains(number) { unlisted[number >> 6] &= ~(1 << UInt64(number & 63)) }
        }
      }
    }
    var keys: [UInt64] = []
    for (place, word) in unlisted.enumerated() {
      var rest = word
      while rest != 0 {
        let number = place << 6 + rest.trailingZeroBitCount
        rest &= rest - 1
        guard number < count, let id = run.id(number) else { continue }
        keys.append(Self.start(of: id, run) | UInt64(number))
      }
    }
    keys.sort()
    self.keys = keys
  }

  /// The numbers of the chunks with an id.
  func numbers(of id: ChunkID, in run: IndexRun) -> [Int] {
    let start = Self.start(of: id, run)
    var (low, high) = (0, keys.count)
    while low < high {
      let middle = (low + high) / 2
      if keys[middle] < start { low = middle + 1 } else { high = middle }
    }
    return keys[low...].prefix { $0 & ~Self.numberMask == start }.map { Int($0 & Self.numberMask) }
      .filter { run.id($0) == id }
  }

  /// What ids share here is chosen by the run: nobody can sign many that do.
  private static func start(of id: ChunkID, _ run: IndexRun) -> UInt64 {
    UInt64(run.probe.slot(of: id, among: 1 << 24)) << IndexProbe.numberBits
  }
}
