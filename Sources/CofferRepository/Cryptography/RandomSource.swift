import COpenSSL
import CofferSystem

/// Where random bytes come from, passed in so that tests can be exact.
public struct RandomSource: Sendable {
  private let fill: @Sendable (UnsafeMutableRawBufferPointer) throws -> Void

  public init(fill: @escaping @Sendable (UnsafeMutableRawBufferPointer) throws -> Void) {
    self.fill = fill
  }

  /// - Throws: `CryptographyError` when the source has no randomness to give.
  public func bytes(_ count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    try bytes.withUnsafeMutableBytes { try fill($0) }
    return bytes
  }

  /// OpenSSL's generator, seeded by the system.
  public static let system = RandomSource { buffer in
    guard RAND_bytes(buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(buffer.count)) == 1 else {
      throw CryptographyError.library("RAND_bytes")
    }
  }
}
