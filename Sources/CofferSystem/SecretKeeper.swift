import CSystem

/// Keeps small secrets for later programs of the same user, for a while. It may lose them at any time.
public protocol SecretKeeper: Sendable {
  /// Returns a secret that was kept.
  func secret(named name: String) -> [UInt8]?
  /// Keeps a secret, or does not if that cannot be done here.
  func keep(_ secret: [UInt8], named name: String, seconds: Int)
}

/// The kernel's keyring of the user: in memory that is never written to disk, gone after the time given or when the
/// machine stops. Containers mostly forbid it; then nothing is kept.
public struct KernelKeyring: SecretKeeper {
  /// Bytes of a secret at most.
  private static let limit = 4096

  public init() {}

  public func secret(named name: String) -> [UInt8]? {
    let key = coffer_find_user_key(name)
    guard key > 0 else { return nil }
    return withUnsafeTemporaryAllocation(byteCount: Self.limit, alignment: 16) { buffer in
      let count = coffer_read_key(key, buffer.baseAddress, buffer.count)
      guard count > 0, count <= buffer.count else { return nil }
      return Array(buffer[..<count])
    }
  }

  public func keep(_ secret: [UInt8], named name: String, seconds: Int) {
    guard seconds > 0, secret.count <= Self.limit else { return }
    // Until it is linked, the key goes with this process; so none stays that has no timeout.
    let key = coffer_add_process_key(name, secret, secret.count)
    guard key > 0, coffer_set_key_timeout(key, UInt32(clamping: seconds)) == 0,
      coffer_set_key_permissions(key, Self.permissions) == 0
    else { return }
    _ = coffer_link_user_key(key)
  }

  /// Everything for whoever possesses the key; finding and reading it for the user's other sessions, too: a service has
  /// a session of its own.
  private static let permissions: UInt32 = 0x3f0b_0000
}
