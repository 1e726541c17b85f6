import CofferSystem

/// Finds the places where a stream is cut into chunks.
///
/// A gear rolling hash whose table is secret, with FastCDC's normalised chunking (Xia et al., USENIX ATC 2016):
/// a cut needs more zero bits before the target length than after it, which keeps lengths near the target. The
/// hash starts afresh at every cut, so where a chunk ends depends on its own bytes and the key alone.
package struct Chunker: Sendable {
  let parameters: ChunkerParameters
  private let gear: [UInt64]
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
    let pointer = base.assumingMemoryBound(to: UInt8.self)
    // All accesses are below `end`, which is at most `bytes.count`; a UInt8 indexes 256 table entries.
    return gear.withUnsafeBufferPointer { gear in
      var hash: UInt64 = 0
      var index = parameters.minimum
      while index < turn {
        hash = (hash &<< 1) &+ gear[Int(pointer[index])]
        index &+= 1
        if hash & strictMask == 0 { return index }
      }
      while index < end {
        hash = (hash &<< 1) &+ gear[Int(pointer[index])]
        index &+= 1
        if hash & looseMask == 0 { return index }
      }
      return end
    }
  }
}
