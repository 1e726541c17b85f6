import COpenSSL
import CofferSystem

/// The ciphers that seal blocks and records.
package enum CipherSuite: UInt8, Sendable {
  case aes256gcm = 1
  /// For machines without AES instructions.
  case chaCha20Poly1305 = 2
}

/// Authenticated encryption under one key. One a thread; nothing is allocated per call to `seal` and `open`.
///
/// Nonces are counters: the caller never uses one twice under a key.
package final class AuthenticatedCipher {
  static let tagSize = 16
  private static let nonceSize = 12

  private let encryption: OpaquePointer
  private let decryption: OpaquePointer

  /// - Parameter key: 32 bytes.
  package init(suite: CipherSuite, key: SecretBytes) throws {
    let cipher = suite == .aes256gcm ? EVP_aes_256_gcm() : EVP_chacha20_poly1305()
    guard key.count == 32, let encryption = EVP_CIPHER_CTX_new() else {
      throw CryptographyError.library("EVP_CIPHER_CTX_new")
    }
    guard let decryption = EVP_CIPHER_CTX_new() else {
      EVP_CIPHER_CTX_free(encryption)
      throw CryptographyError.library("EVP_CIPHER_CTX_new")
    }
    self.encryption = encryption
    self.decryption = decryption
    let isReady = key.withUnsafeBytes { key in
      let key = key.baseAddress?.assumingMemoryBound(to: UInt8.self)
      return EVP_EncryptInit_ex2(encryption, cipher, key, nil, nil) == 1
        && EVP_DecryptInit_ex2(decryption, cipher, key, nil, nil) == 1
    }
    guard isReady else { throw CryptographyError.library("EVP_CipherInit") }
  }

  deinit {
    EVP_CIPHER_CTX_free(encryption)
    EVP_CIPHER_CTX_free(decryption)
  }

  /// Writes ciphertext and tag to `output`, which has room for `plain.count + tagSize` bytes.
  ///
  /// - Returns: The number of bytes written.
  func seal(
    _ plain: UnsafeRawBufferPointer, nonce: UInt64, associatedData: UnsafeRawBufferPointer,
    into output: UnsafeMutableRawBufferPointer
  ) throws -> Int {
    precondition(output.count >= plain.count + Self.tagSize)
    var length: Int32 = 0
    let target = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
    let started = Self.withNonce(nonce) { EVP_EncryptInit_ex2(encryption, nil, nil, $0, nil) }
    guard started == 1,
      EVP_EncryptUpdate(encryption, nil, &length, associatedData.bytePointer, Int32(associatedData.count)) == 1,
      EVP_EncryptUpdate(encryption, target, &length, plain.bytePointer, Int32(plain.count)) == 1,
      EVP_EncryptFinal_ex(encryption, target?.advanced(by: plain.count), &length) == 1,
      EVP_CIPHER_CTX_ctrl(
        encryption, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagSize), target?.advanced(by: plain.count)) == 1
    else { throw CryptographyError.library("EVP_Encrypt") }
    return plain.count + Self.tagSize
  }

  /// Writes the plain bytes to `output`, which has room for `sealed.count - tagSize` bytes.
  ///
  /// - Returns: The number of bytes written.
  /// - Throws: `CryptographyError.authenticationFailed`; what `output` then holds must not be used.
  func open(
    _ sealed: UnsafeRawBufferPointer, nonce: UInt64, associatedData: UnsafeRawBufferPointer,
    into output: UnsafeMutableRawBufferPointer
  ) throws -> Int {
    let count = sealed.count - Self.tagSize
    guard count >= 0 else { throw CryptographyError.authenticationFailed }
    precondition(output.count >= count)
    var length: Int32 = 0
    let target = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
    let tag = UnsafeMutableRawPointer(mutating: sealed.baseAddress?.advanced(by: count))
    let started = Self.withNonce(nonce) { EVP_DecryptInit_ex2(decryption, nil, nil, $0, nil) }
    guard started == 1,
      EVP_DecryptUpdate(decryption, nil, &length, associatedData.bytePointer, Int32(associatedData.count)) == 1,
      EVP_DecryptUpdate(decryption, target, &length, sealed.bytePointer, Int32(count)) == 1,
      EVP_CIPHER_CTX_ctrl(decryption, EVP_CTRL_AEAD_SET_TAG, Int32(Self.tagSize), tag) == 1
    else { throw CryptographyError.library("EVP_Decrypt") }
    guard EVP_DecryptFinal_ex(decryption, target?.advanced(by: count), &length) == 1 else {
      throw CryptographyError.authenticationFailed
    }
    return count
  }

  package func sealed(_ plain: [UInt8], nonce: UInt64, associatedData: [UInt8]) throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: plain.count + Self.tagSize) { buffer, count in
      count = try plain.withUnsafeBytes { plain in
        try associatedData.withUnsafeBytes { data in
          try seal(plain, nonce: nonce, associatedData: data, into: UnsafeMutableRawBufferPointer(buffer))
        }
      }
    }
  }

  /// - Throws: `CryptographyError.authenticationFailed`.
  func opened(_ sealed: [UInt8], nonce: UInt64, associatedData: [UInt8]) throws -> [UInt8] {
    guard sealed.count >= Self.tagSize else { throw CryptographyError.authenticationFailed }
    return try [UInt8](unsafeUninitializedCapacity: sealed.count - Self.tagSize) { buffer, count in
      count = try sealed.withUnsafeBytes { sealed in
        try associatedData.withUnsafeBytes { data in
          try open(sealed, nonce: nonce, associatedData: data, into: UnsafeMutableRawBufferPointer(buffer))
        }
      }
    }
  }

  /// Four zero bytes and the counter, little-endian.
  private static func withNonce(_ nonce: UInt64, _ body: (UnsafePointer<UInt8>?) -> Int32) -> Int32 {
    withUnsafeTemporaryAllocation(byteCount: nonceSize, alignment: 8) { bytes in
      bytes.storeBytes(of: 0, toByteOffset: 0, as: UInt32.self)
      withUnsafeBytes(of: nonce.littleEndian) {
        UnsafeMutableRawBufferPointer(rebasing: bytes[4...]).copyMemory(from: $0)
      }
      return body(UnsafeRawBufferPointer(bytes).bytePointer)
    }
  }
}

extension UnsafeRawBufferPointer {
  fileprivate var bytePointer: UnsafePointer<UInt8>? { baseAddress?.assumingMemoryBound(to: UInt8.self) }
}
