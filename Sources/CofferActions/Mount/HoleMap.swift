import CofferRepository

/// Where in a file with holes its data is: in the file, and in the stream that holds the data only.
struct HoleMap: Sendable {
  /// A part of the file: data with its place in the stream, or a hole.
  struct Piece: Equatable {
    let count: UInt64
    /// nil for a hole.
    let stream: Range<UInt64>?
  }

  private struct Data {
    let file: Range<UInt64>
    let stream: UInt64
  }

  let size: UInt64
  private let data: [Data]

  init(_ extents: FileExtents) {
    size = extents.size
    var (position, stored): (UInt64, UInt64) = (0, 0)
    data = extents.stretches.map { stretch in
      let start = position + stretch.hole
      defer {
        position = start + stretch.data
        stored += stretch.data
      }
      return Data(file: start..<start + stretch.data, stream: stored)
    }
  }

  /// The parts of a range that is within the file, in order.
  func pieces(of range: Range<UInt64>) -> [Piece] {
    var pieces: [Piece] = []
    var position = range.lowerBound
    for part in data[first(endingBehind: position)...] {
      guard part.file.lowerBound < range.upperBound else { break }
      if part.file.lowerBound > position {
        pieces.append(Piece(count: part.file.lowerBound - position, stream: nil))
        position = part.file.lowerBound
      }
      let end = min(part.file.upperBound, range.upperBound)
      let start = part.stream + (position - part.file.lowerBound)
      pieces.append(Piece(count: end - position, stream: start..<start + (end - position)))
      position = end
    }
    if position < range.upperBound { pieces.append(Piece(count: range.upperBound - position, stream: nil)) }
    return pieces
  }

  /// Where from an offset on there is data; nil when there is none any more.
  func data(from offset: UInt64) -> UInt64? {
    let next = first(endingBehind: offset)
    return next < data.count ? max(offset, data[next].file.lowerBound) : nil
  }

  /// Where from an offset on there is a hole; the end of the file is one.
  func hole(from offset: UInt64) -> UInt64 {
    var position = offset
    for part in data[first(endingBehind: offset)...] {
      guard part.file.lowerBound <= position else { break }
      position = part.file.upperBound
    }
    return position
  }

  /// The first stretch of data that is not wholly before an offset.
  private func first(endingBehind offset: UInt64) -> Int {
    var (low, high) = (0, data.count)
    while low < high {
      let middle = (low + high) / 2
      if data[middle].file.upperBound <= offset { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
