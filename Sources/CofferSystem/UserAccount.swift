import Glibc

/// The user that the program acts as.
public enum UserAccount {
  /// The login name; the number of a user that has none.
  public static var name: String {
    getpwuid(geteuid()).map { String(cString: $0.pointee.pw_name) } ?? String(geteuid())
  }
}

/// The machine's name as the kernel knows it; at most 64 bytes, see gethostname(2).
func machineName() -> String {
  var bytes = [CChar](repeating: 0, count: 256)
  // Room for the zero at the end, which a name that is cut off would not have.
  guard gethostname(&bytes, bytes.count - 1) == 0 else { return "localhost" }
  return String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
