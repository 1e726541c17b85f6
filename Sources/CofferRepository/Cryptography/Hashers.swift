import COpenSSL
import CofferStorage
import CofferSystem

/// BLAKE2b-512 truncated to its first 32 bytes, over bytes that come in parts. Not for several threads.
package final class ContentHasher {
  private let context: OpaquePointer
  private var hasStarted = false

  /// Asked for once: to look for it takes the library longer than to hash what is short. It lives as long as the program, and
  /// nothing changes it.
  private nonisolated(unsafe) static let algorithm = EVP_MD_fetch(nil, "BLAKE2B-512", nil)

  init() throws {
    try OpenSSLLibrary.open()
    guard let context = EVP_MD_CTX_new() else { throw CryptographyError.library("EVP_MD_CTX_new") }
    self.context = context
  }

  deinit {
    EVP_MD_CTX_free(context)
  }

  func update(_ bytes: UnsafeRawBufferPointer) throws {
    try start()
    guard EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1 else {
      throw CryptographyError.library("EVP_DigestUpdate")
    }
  }

  /// Returns the hash and starts over.
  func finish() throws -> Digest256 {
    try start()
    hasStarted = false
    return try withUnsafeTemporaryAllocation(byteCount: 64, alignment: 8) { full in
      guard EVP_DigestFinal_ex(context, full.baseAddress?.assumingMemoryBound(to: UInt8.self), nil) == 1 else {
        throw CryptographyError.library("EVP_DigestFinal_ex")
      }
      return Digest256(UnsafeRawBufferPointer(full))
    }
  }

  package static func hash(_ bytes: UnsafeRawBufferPointer) throws -> Digest256 {
    let hasher = try ContentHasher()
    try hasher.update(bytes)
    return try hasher.finish()
  }

  private func start() throws {
    guard !hasStarted else { return }
    guard let algorithm = Self.algorithm else { throw CryptographyError.library("EVP_MD_fetch") }
    guard EVP_DigestInit_ex2(context, algorithm, nil) == 1 else {
      throw CryptographyError.library("EVP_DigestInit_ex2")
    }
    hasStarted = true
  }
}

/// Keyed BLAKE2b (RFC 7693) with 32 bytes of output, through OpenSSL's BLAKE2BMAC.
enum MessageAuthentication {
  /// - Parameter key: 32 bytes.
  static func code(of bytes: [UInt8], key: SecretBytes) throws -> Digest256 {
    guard let algorithm = EVP_MAC_fetch(nil, "BLAKE2BMAC", nil) else {
      throw CryptographyError.library("EVP_MAC_fetch")
    }
    defer { EVP_MAC_free(algorithm) }
    guard let context = EVP_MAC_CTX_new(algorithm) else { throw CryptographyError.library("EVP_MAC_CTX_new") }
    defer { EVP_MAC_CTX_free(context) }
    let parameters = ParameterList()
    parameters.number(OSSL_MAC_PARAM_SIZE, UInt64(Digest256.size))
    let started = key.withUnsafeBytes { key in
      EVP_MAC_init(context, key.baseAddress?.assumingMemoryBound(to: UInt8.self), key.count, parameters.terminated)
    }
    guard started == 1, EVP_MAC_update(context, bytes, bytes.count) == 1 else {
      throw CryptographyError.library("EVP_MAC_update")
    }
    return try withUnsafeTemporaryAllocation(byteCount: Digest256.size, alignment: 8) { output in
      var count = 0
      let pointer = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
      guard EVP_MAC_final(context, pointer, &count, output.count) == 1, count == output.count else {
        throw CryptographyError.library("EVP_MAC_final")
      }
      return Digest256(UnsafeRawBufferPointer(output))
    }
  }
}
