import CofferStorage
import CofferSystem

extension LogTidying {
  /// Deletes the pieces of a place that full keys have put, and for which the whole segment or a larger piece stands.
  ///
  /// - Parameter server: As names have it.
  /// - Returns: How many went.
  func deletePieces(of place: LogPlace, _ server: String) throws -> Int {
    let pieces = LogPiece.among(try store.list(.file(""), of: server, from: place)).filter {
      $0.piece.place == place && $0.listed.name.signer == .full
    }
    var report = LogTidyingReport()
    try deletePieces(pieces, store.segments(of: server, from: place), &report)
    return report.deletedObjects
  }

  /// Deletes all pieces for which something larger of the same signer stands.
  func deletePieces(_ inventory: LogInventory, _ report: inout LogTidyingReport) throws {
    for (group, found) in inventory.pieces {
      // What was joined a moment ago has another name now.
      let whole = try store.segments(of: group.server, from: nil)
      for (_, pieces) in Dictionary(grouping: found, by: \.piece.place).sorted(by: { $0.key < $1.key }) {
        try deletePieces(pieces, whole, &report)
      }
    }
  }

  /// - Parameter found: Of one place and one signer.
  private func deletePieces(
    _ found: [LogPiece.Listed], _ whole: (single: [LogStore.Listed], joined: [LogStore.Listed]),
    _ report: inout LogTidyingReport
  ) throws {
    guard let (piece, listed) = found.first else { return }
    var pieces = found.sorted { $0.piece.range.count > $1.piece.range.count }
    // What is joined counts, where both are there.
    let larger = (whole.single + whole.joined).last {
      $0.name.signer == listed.name.signer && $0.name.covers(piece.place)
    }
    if let larger { return try delete(pieces, at: piece.place, from: 0, in: larger, &report) }
    while !pieces.isEmpty {
      let largest = pieces.removeFirst()
      let isWithin = { (other: LogPiece.Listed) in
        other.piece.range.clamped(to: largest.piece.range) == other.piece.range
      }
      let within = pieces.filter(isWithin)
      guard !within.isEmpty else { continue }
      try delete(within, at: piece.place, from: largest.piece.range.lowerBound, in: largest.listed, &report)
      pieces.removeAll(where: isWithin)
    }
  }

  /// Deletes pieces that are the same as those bytes of something larger.
  ///
  /// - Parameter start: Which byte of the segment is the first there.
  private func delete(
    _ pieces: [LogPiece.Listed], at place: LogPlace, from start: Int, in larger: LogStore.Listed,
    _ report: inout LogTidyingReport
  ) throws {
    guard let hashes = try hashes(of: pieces.map(\.piece.range), at: place, from: start, in: larger) else { return }
    for ((_, listed), hash) in zip(pieces, hashes)
    where try isSame(listed, in: larger.name, { hash?[$0.hashing] == $0.directory.segments[0].hash }) {
      try delete(listed.status.name, &report)
    }
  }

  /// The hashes of some bytes of a segment, by something that has all of them, and is read to its end and verified.
  ///
  /// - Returns: For each range its hash in every way that a piece may have it; nil where it is gone or damaged.
  private func hashes(
    of ranges: [Range<Int>], at place: LogPlace, from start: Int, in listed: LogStore.Listed
  ) throws -> [[SegmentHashing: Digest256]?]? {
    try context.readable(orElse: "pieces of it stay") {
      let object = try store.open(listed)
      guard let number = object.segment(at: place) else { return nil }
      let hashers = try ranges.map { _ in try SegmentHashing.allCases.map { ($0, try SegmentHasher($0)) } }
      var position = start
      try object.read(segment: number, try object.opener()) { bytes in
        for (range, hashers) in zip(ranges, hashers) {
          let part = range.clamped(to: position..<position + bytes.count)
          guard !part.isEmpty else { continue }
          let bytes = UnsafeRawBufferPointer(
            rebasing: bytes[part.lowerBound - position..<part.upperBound - position])
          for (_, hasher) in hashers { try hasher.update(bytes) }
        }
        position += bytes.count
      }
      return try zip(ranges, hashers).map { range, hashers in
        guard range.upperBound <= position else { return nil }
        return Dictionary(uniqueKeysWithValues: try hashers.map { ($0, try $1.finish()) })
      }
    }
  }
}
