import COpenSSL
import CofferSystem

/// X25519 key agreement (RFC 7748).
enum X25519 {
  static func generate(random: RandomSource) throws -> (privateKey: SecretBytes, publicKey: [UInt8]) {
    let privateKey = SecretBytes(copying: try random.bytes(32))
    return (privateKey, try publicKey(of: privateKey))
  }

  static func publicKey(of privateKey: SecretBytes) throws -> [UInt8] {
    try CurveKey(private: privateKey, type: EVP_PKEY_X25519).publicBytes()
  }

  /// Returns the shared secret.
  ///
  /// - Throws: `CryptographyError` also when the other's key is of low order, which would make the secret zero.
  static func agree(privateKey: SecretBytes, publicKey: [UInt8]) throws -> SecretBytes {
    let own = try CurveKey(private: privateKey, type: EVP_PKEY_X25519)
    let other = try CurveKey(public: publicKey, type: EVP_PKEY_X25519)
    guard let context = EVP_PKEY_CTX_new(own.key, nil) else { throw CryptographyError.library("X25519") }
    defer { EVP_PKEY_CTX_free(context) }
    var shared = [UInt8](repeating: 0, count: 32)
    defer { shared.withUnsafeMutableBytes { SecretBytes.wipe($0) } }
    var count = shared.count
    guard EVP_PKEY_derive_init(context) == 1, EVP_PKEY_derive_set_peer(context, other.key) == 1,
      EVP_PKEY_derive(context, &shared, &count) == 1, count == 32, shared.contains(where: { $0 != 0 })
    else { throw CryptographyError.library("X25519") }
    return SecretBytes(copying: shared)
  }
}

/// Ed25519 signatures (RFC 8032).
enum Ed25519 {
  static func generate(random: RandomSource) throws -> (seed: SecretBytes, publicKey: [UInt8]) {
    let seed = SecretBytes(copying: try random.bytes(32))
    return (seed, try publicKey(seed: seed))
  }

  static func publicKey(seed: SecretBytes) throws -> [UInt8] {
    try CurveKey(private: seed, type: EVP_PKEY_ED25519).publicBytes()
  }

  /// Returns the 64-byte signature.
  static func sign(_ message: [UInt8], seed: SecretBytes) throws -> [UInt8] {
    let key = try CurveKey(private: seed, type: EVP_PKEY_ED25519)
    guard let context = EVP_MD_CTX_new() else { throw CryptographyError.library("Ed25519") }
    defer { EVP_MD_CTX_free(context) }
    var signature = [UInt8](repeating: 0, count: 64)
    var count = signature.count
    guard EVP_DigestSignInit(context, nil, nil, nil, key.key) == 1,
      EVP_DigestSign(context, &signature, &count, message, message.count) == 1, count == 64
    else { throw CryptographyError.library("Ed25519") }
    return signature
  }

  static func verify(_ signature: [UInt8], of message: [UInt8], publicKey: [UInt8]) throws -> Bool {
    guard let key = try? CurveKey(public: publicKey, type: EVP_PKEY_ED25519) else { return false }
    guard let context = EVP_MD_CTX_new() else { throw CryptographyError.library("Ed25519") }
    defer { EVP_MD_CTX_free(context) }
    guard EVP_DigestVerifyInit(context, nil, nil, nil, key.key) == 1 else {
      throw CryptographyError.library("Ed25519")
    }
    return EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
  }
}

/// An OpenSSL key made from its raw 32 bytes.
private struct CurveKey: ~Copyable {
  let key: OpaquePointer

  init(private secret: SecretBytes, type: Int32) throws {
    let key = secret.withUnsafeBytes {
      EVP_PKEY_new_raw_private_key(type, nil, $0.baseAddress?.assumingMemoryBound(to: UInt8.self), $0.count)
    }
    guard let key else { throw CryptographyError.library("EVP_PKEY_new_raw_private_key") }
    self.key = key
  }

  init(public bytes: [UInt8], type: Int32) throws {
    guard let key = EVP_PKEY_new_raw_public_key(type, nil, bytes, bytes.count) else {
      throw CryptographyError.library("EVP_PKEY_new_raw_public_key")
    }
    self.key = key
  }

  deinit {
    EVP_PKEY_free(key)
  }

  func publicBytes() throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 32)
    var count = bytes.count
    guard EVP_PKEY_get_raw_public_key(key, &bytes, &count) == 1, count == 32 else {
      throw CryptographyError.library("EVP_PKEY_get_raw_public_key")
    }
    return bytes
  }
}
