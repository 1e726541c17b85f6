import COpenSSL
import CofferSystem

/// Bytes that are wiped when nobody needs them any more and that never print. They stay in memory: they are neither
/// swapped out, as far as the user's limit of locked memory goes, nor written down when the program crashes.
public final class SecretBytes: @unchecked Sendable, CustomStringConvertible {
  // Sound because the bytes are written in the initialisers only.
  private let storage: UnsafeMutableRawBufferPointer
  /// Whole pages of their own, which nothing else shares; nil when there were none to be had.
  private let pages: MappedMemory?

  /// - Parameter ownsPages: Whether the bytes get pages of their own, which are kept in memory: for the secrets that others
  ///   hang on. Of those that there are many of, one for each pack for example, a process could not have so many.
  public init(copying bytes: UnsafeRawBufferPointer, ownsPages: Bool = true) {
    (pages, storage) = Self.memory(bytes.count, ownsPages: ownsPages)
    storage.copyMemory(from: bytes)
  }

  private static func memory(
    _ size: Int, ownsPages: Bool = true
  ) -> (MappedMemory?, UnsafeMutableRawBufferPointer) {
    guard size > 0, ownsPages, let pages = try? MappedMemory.anonymous(size: size) else {
      return (nil, .allocate(byteCount: size, alignment: 16))
    }
    pages.keepFromDisk()
    return (pages, pages.bytes)
  }

  public init(copying bytes: [UInt8]) {
    (pages, storage) = Self.memory(bytes.count)
    bytes.withUnsafeBytes { storage.copyMemory(from: $0) }
  }

  /// The passphrase's UTF-8 bytes.
  public convenience init(passphrase: String) {
    var bytes = Array(passphrase.utf8)
    defer { bytes.withUnsafeMutableBytes { Self.wipe($0) } }
    self.init(copying: bytes)
  }

  deinit {
    Self.wipe(storage)
    if pages == nil { storage.deallocate() }
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
