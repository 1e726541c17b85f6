import COpenSSL

/// Bytes that are wiped when nobody needs them any more and that never print.
public final class SecretBytes: @unchecked Sendable, CustomStringConvertible {
  // Sound because the bytes are written in the initialisers only.
  private let storage: UnsafeMutableRawBufferPointer

  public init(copying bytes: UnsafeRawBufferPointer) {
    storage = .allocate(byteCount: bytes.count, alignment: 16)
    storage.copyMemory(from: bytes)
  }

  public init(copying bytes: [UInt8]) {
    storage = .allocate(byteCount: bytes.count, alignment: 16)
    bytes.withUnsafeBytes { storage.copyMemory(from: $0) }
  }

  /// The passphrase's UTF-8 bytes.
  public convenience init(passphrase: String) {
    self.init(copying: Array(passphrase.utf8))
  }

  deinit {
    Self.wipe(storage)
    storage.deallocate()
  }

  public var count: Int { storage.count }

  public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try body(UnsafeRawBufferPointer(storage))
  }

  /// A copy that is not wiped; for encoders that wrap it at once.
  func copied() -> [UInt8] { Array(storage) }

  /// Compares in constant time.
  public func isEqual(to other: SecretBytes) -> Bool {
    count == other.count && CRYPTO_memcmp(storage.baseAddress, other.storage.baseAddress, count) == 0
  }

  public var description: String { "SecretBytes(\(count))" }

  static func wipe(_ bytes: UnsafeMutableRawBufferPointer) {
    OPENSSL_cleanse(bytes.baseAddress, bytes.count)
  }
}
