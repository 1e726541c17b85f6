import COpenSSL

/// BLAKE2b-512 truncated to its first 32 bytes, over bytes that come in parts. Not for several threads.
final class ContentHasher {
  private let context: OpaquePointer

  init() throws {
    guard let context = EVP_MD_CTX_new() else { throw CryptographyError.library("EVP_MD_CTX_new") }
    self.context = context
    try start()
  }

  deinit {
    EVP_MD_CTX_free(context)
  }

  func update(_ bytes: UnsafeRawBufferPointer) throws {
    guard EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1 else {
      throw CryptographyError.library("EVP_DigestUpdate")
    }
  }

  /// Returns the hash and starts over.
  func finish() throws -> Digest256 {
    let digest = try withUnsafeTemporaryAllocation(byteCount: 64, alignment: 8) { full in
      guard EVP_DigestFinal_ex(context, full.baseAddress?.assumingMemoryBound(to: UInt8.self), nil) == 1 else {
        throw CryptographyError.library("EVP_DigestFinal_ex")
      }
      return Digest256(UnsafeRawBufferPointer(full))
    }
    try start()
    return digest
  }

  static func hash(_ bytes: UnsafeRawBufferPointer) throws -> Digest256 {
    let hasher = try ContentHasher()
    try hasher.update(bytes)
    return try hasher.finish()
  }

  private func start() throws {
    guard EVP_DigestInit_ex2(context, EVP_blake2b512(), nil) == 1 else {
      throw CryptographyError.library("EVP_DigestInit_ex2")
    }
  }
}

/// Keyed BLAKE2b (RFC 7693) through OpenSSL's BLAKE2BMAC. One a thread; nothing is allocated per call.
final class KeyedHasher {
  private let algorithm: OpaquePointer
  private let context: OpaquePointer
  private let key: SecretBytes
  private let shortOutput: OutputSize
  private let longOutput: OutputSize

  /// OpenSSL's parameter for the length of the output, made once.
  private struct OutputSize {
    let count: Int
    let list: [OSSL_PARAM]
    private let owner = ParameterList()

    init(_ count: Int) {
      self.count = count
      owner.number(OSSL_MAC_PARAM_SIZE, UInt64(count))
      list = owner.terminated
    }
  }

  /// - Parameter key: 32 bytes.
  init(key: SecretBytes) throws {
    guard let algorithm = EVP_MAC_fetch(nil, "BLAKE2BMAC", nil) else {
      throw CryptographyError.library("EVP_MAC_fetch")
    }
    guard let context = EVP_MAC_CTX_new(algorithm) else {
      EVP_MAC_free(algorithm)
      throw CryptographyError.library("EVP_MAC_CTX_new")
    }
    self.algorithm = algorithm
    self.context = context
    self.key = key
    shortOutput = OutputSize(ChunkID.size)
    longOutput = OutputSize(Digest256.size)
  }

  deinit {
    EVP_MAC_CTX_free(context)
    EVP_MAC_free(algorithm)
  }

  /// Returns the 16-byte keyed hash, made with that output length as RFC 7693 says (not a truncated longer one).
  func chunkID(of bytes: UnsafeRawBufferPointer) throws -> ChunkID {
    try hash(bytes, shortOutput) { ChunkID($0) }
  }

  /// Returns the 32-byte keyed hash.
  func digest(of bytes: UnsafeRawBufferPointer) throws -> Digest256 {
    try hash(bytes, longOutput) { Digest256($0) }
  }

  private func hash<Result>(
    _ bytes: UnsafeRawBufferPointer, _ size: OutputSize, _ make: (UnsafeRawBufferPointer) -> Result
  ) throws -> Result {
    // The key is given at every start: OpenSSL 3.0 resets BLAKE2 MACs to their keyed state only then.
    let started = key.withUnsafeBytes { key in
      EVP_MAC_init(context, key.baseAddress?.assumingMemoryBound(to: UInt8.self), key.count, size.list)
    }
    guard started == 1,
      EVP_MAC_update(context, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count) == 1
    else { throw CryptographyError.library("EVP_MAC_update") }
    return try withUnsafeTemporaryAllocation(byteCount: 64, alignment: 8) { output in
      var count = 0
      let pointer = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
      guard EVP_MAC_final(context, pointer, &count, output.count) == 1, count == size.count else {
        throw CryptographyError.library("EVP_MAC_final")
      }
      return make(UnsafeRawBufferPointer(output))
    }
  }
}
