import CofferSystem

/// Finds the places where a stream is cut into chunks.
///
/// A gear rolling hash whose table is secret, with FastCDC's normalised chunking (Xia et al., USENIX ATC 2016):
/// a cut needs more zero bits before the target length than after it, which keeps lengths near the target. The
/// hash starts afresh at every cut, so where a chunk ends depends on its own bytes and the key alone.
package struct Chunker: Sendable {
  let parameters: ChunkerParameters
  private let gear: [UInt64]
  /// The same numbers, shifted by a bit.
  private let shiftedGear: [UInt64]
  private let strictMask: UInt64
  private let looseMask: UInt64

  /// How many bits the two masks differ from the target's; 2 is FastCDC's choice.
  private static let normalization = 2

  /// - Parameter key: The repository's chunker key.
  package init(parameters: ChunkerParameters, key: SecretBytes) throws {
    let size = 256 * MemoryLayout<UInt64>.size
    let table = try KeyDerivation.hkdf(secret: key, salt: [], label: "coffer gear table", count: size)
    self.parameters = parameters
    gear = table.withUnsafeBytes { bytes in
      (0..<256).map { UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self)) }
    }
    shiftedGear = gear.map { $0 &<< 1 }
    let bits = parameters.target.trailingZeroBitCount
    strictMask = Self.topBits(bits + Self.normalization)
    looseMask = Self.topBits(bits - Self.normalization)
  }

  /// The top bits of the hash depend on the last 64 bytes; the low ones only on the last few.
  private static func topBits(_ count: Int) -> UInt64 {
    ~0 << UInt64(64 - count)
  }

  /// Whether a chunk that begins at the start of `bytes` ends after `length` of them unless it has ended before.
  ///
  /// That depends on the last 64 bytes at most: what came before them has left the hash.
  func mayCut(_ bytes: UnsafeRawBufferPointer, at length: Int) -> Bool {
    guard length > parameters.minimum, length <= min(bytes.count, parameters.maximum) else { return false }
    guard length < parameters.maximum else { return true }
    let mask = length <= parameters.target ? strictMask : looseMask
    return gear.withUnsafeBufferPointer { gear in
      var hash: UInt64 = 0
      for index in max(parameters.minimum, length - UInt64.bitWidth)..<length {
        hash = (hash &<< 1) &+ gear[Int(bytes[index])]
      }
      return hash & mask == 0
    }
  }

  /// Returns the length of the chunk that begins at the start of `bytes`.
  ///
  /// The answer is final when `bytes` holds at least `parameters.maximum` bytes or the rest of the stream.
  package func nextChunkLength(in bytes: UnsafeRawBufferPointer) -> Int {
    let end = min(bytes.count, parameters.maximum)
    guard end > parameters.minimum, let base = bytes.baseAddress else { return end }
    let turn = min(parameters.target, end)
    return gear.withUnsafeBufferPointer { gear in
      shiftedGear.withUnsafeBufferPointer { shiftedGear in
        var search = CutSearch(
          bytes: base.assumingMemoryBound(to: UInt8.self), gear: gear, shiftedGear: shiftedGear,
          position: parameters.minimum)
        if search.finds(strictMask, before: turn) || search.finds(looseMask, before: end) { return search.position }
        return end
      }
    }
  }
}

/// The search for the end of a chunk, byte by byte.
///
/// What a byte makes of the hash waits for what the one before has made of it. So four are taken at a time, with the hash behind
/// every second one made of that before two: this takes a third off the time.
private struct CutSearch {
  let bytes: UnsafePointer<UInt8>
  /// Of 256 numbers each: one for every byte.
  let gear: UnsafeBufferPointer<UInt64>
  let shiftedGear: UnsafeBufferPointer<UInt64>
  var position: Int
  var hash: UInt64 = 0

  /// Goes on until the hash has none of the mask's bits, behind the byte that makes it so.
  ///
  /// - Parameter end: Of the bytes that are there.
  /// - Returns: false at the end.
  @inline(__always)
  mutating func finds(_ mask: UInt64, before end: Int) -> Bool {
    // All accesses are below `end`.
    while position &+ 3 < end {
      let first = Int(bytes[position])
      let third = Int(bytes[position &+ 2])
      let afterFirst = (hash &<< 1) &+ gear[first]
      let afterSecond = (hash &<< 2) &+ (shiftedGear[first] &+ gear[Int(bytes[position &+ 1])])
      let afterThird = (afterSecond &<< 1) &+ gear[third]
      hash = (afterSecond &<< 2) &+ (shiftedGear[third] &+ gear[Int(bytes[position &+ 3])])
      position &+= 4
      if afterFirst & mask == 0 {
        position &-= 3
        return true
      }
      if afterSecond & mask == 0 {
        position &-= 2
        return true
      }
      if afterThird & mask == 0 {
        position &-= 1
        return true
      }
      if hash & mask == 0 { return true }
    }
    while position < end {
      hash = (hash &<< 1) &+ gear[Int(bytes[position])]
      position &+= 1
      if hash & mask == 0 { return true }
    }
    return false
  }
}
