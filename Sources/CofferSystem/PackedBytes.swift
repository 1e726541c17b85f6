/// Many short pieces of bytes, by number, one behind the other: each takes a few bytes more than it has, not an array.
public struct PackedBytes: Sendable {
  private var blocks: [[UInt8]] = []
  /// Where each piece begins: the number of its block in the upper half, its place there in the lower.
  private var starts: [UInt64] = []

  /// Bytes after which a new block begins: what is there is not moved again when more comes.
  private static let blockSize = 1 << 20
  private static let placeBits: UInt64 = 32

  public init() {}

  public var count: Int { starts.count }

  /// - Parameter piece: Of less than 4 GiB.
  public mutating func append(_ piece: some Collection<UInt8>) {
    if blocks.last.map({ $0.count + piece.count > Self.blockSize }) ?? true { blocks.append([]) }
    let last = blocks.count - 1
    starts.append(UInt64(last) << Self.placeBits | UInt64(blocks[last].count))
    blocks[last].append(contentsOf: piece)
  }

  public subscript(number: Int) -> ArraySlice<UInt8> {
    let (block, start) = place(number)
    let next = number + 1 < starts.count ? place(number + 1) : (block: block + 1, start: 0)
    return blocks[block][start..<(next.block == block ? next.start : blocks[block].count)]
  }

  /// Returns the number of a piece, by halving.
  ///
  /// - Parameter sorted: Numbers in the order of their pieces.
  public func number(of piece: [UInt8], among sorted: ArraySlice<UInt32>) -> Int? {
    var (low, high) = (sorted.startIndex, sorted.endIndex)
    while low < high {
      let middle = (low + high) / 2
      if self[Int(sorted[middle])].lexicographicallyPrecedes(piece) { low = middle + 1 } else { high = middle }
    }
    guard low < sorted.endIndex, self[Int(sorted[low])].elementsEqual(piece) else { return nil }
    return Int(sorted[low])
  }

  private func place(_ number: Int) -> (block: Int, start: Int) {
    (Int(starts[number] >> Self.placeBits), Int(starts[number] & (1 << Self.placeBits - 1)))
  }
}
