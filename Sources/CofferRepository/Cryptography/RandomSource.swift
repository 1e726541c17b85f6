import COpenSSL
import CofferStorage
import CofferSystem

extension RandomSource {
  /// OpenSSL's generator, seeded by the system.
  public static let system = RandomSource { buffer in
    try OpenSSLLibrary.open()
    guard RAND_bytes(buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(buffer.count)) == 1 else {
      throw CryptographyError.library("RAND_bytes")
    }
  }
}
