import Glibc

/// The user that the program acts as.
public enum UserAccount {
  /// The login name; the number of a user that has none.
  public static var name: String {
    getpwuid(geteuid()).map { String(cString: $0.pointee.pw_name) } ?? String(geteuid())
  }

  /// The numbers of a user and of the user's group; nil where there is no such user.
  public static func numbers(of name: String) -> (user: uid_t, group: gid_t)? {
    var entry = passwd()
    var found: UnsafeMutablePointer<passwd>?
    var text = [CChar](repeating: 0, count: 1 << 16)
    guard getpwnam_r(name, &entry, &text, text.count, &found) == 0, found != nil else { return nil }
    return (entry.pw_uid, entry.pw_gid)
  }
}

/// The machine's name as the kernel knows it; at most 64 bytes, see gethostname(2).
func machineName() -> String {
  var bytes = [CChar](repeating: 0, count: 256)
  // Room for the zero at the end, which a name that is cut off would not have.
  guard gethostname(&bytes, bytes.count - 1) == 0 else { return "localhost" }
  return String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
