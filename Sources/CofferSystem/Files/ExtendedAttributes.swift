import CSystem
import FoundationEssentials
import Glibc

/// The extended attributes (xattr(7)) of something that is open, be it only by its place (`O_PATH`).
public enum ExtendedAttributes {
  /// Names, in the order of their bytes; none where the file system knows no attributes.
  ///
  /// - Parameter subject: For messages.
  /// - Throws: `SystemError`.
  public static func names(of number: Int32, subject: String) throws(SystemError) -> [[UInt8]] {
    // Most files have none.
    if byDescriptor(number, { flistxattr($0, nil, 0) }, { listxattr($0, nil, 0) }) == 0 { return [] }
    do throws(SystemError) {
      let bytes = try grown("listxattr", subject) { buffer, size in
        byDescriptor(number, { flistxattr($0, buffer, size) }, { listxattr($0, buffer, size) })
      }
      return bytes.split(separator: 0).map(Array.init).sorted { $0.lexicographicallyPrecedes($1) }
    } catch {
      guard isUnknown(error.code) else { throw error }
      return []
    }
  }

  /// - Throws: `SystemError`, with ENODATA when there is no such attribute.
  public static func value(of name: [UInt8], on number: Int32, subject: String) throws(SystemError) -> [UInt8] {
    let title = name.map { CChar(bitPattern: $0) } + [0]
    return try grown("getxattr", subject) { buffer, size in
      byDescriptor(number, { fgetxattr($0, title, buffer, size) }, { getxattr($0, title, buffer, size) })
    }
  }

  /// Makes an attribute, or gives it another value.
  ///
  /// - Throws: `SystemError`.
  public static func set(_ name: [UInt8], to value: [UInt8], on number: Int32, subject: String) throws(SystemError) {
    let title = name.map { CChar(bitPattern: $0) } + [0]
    let result = byDescriptor(
      number, { Int(fsetxattr($0, title, value, value.count, 0)) }, { Int(setxattr($0, title, value, value.count, 0)) })
    guard result == 0 else { throw SystemError(call: "setxattr", subject: subject) }
  }

  /// - Throws: `SystemError`, with ENODATA when there is no such attribute.
  public static func remove(_ name: [UInt8], from number: Int32, subject: String) throws(SystemError) {
    let title = name.map { CChar(bitPattern: $0) } + [0]
    let result = byDescriptor(
      number, { Int(fremovexattr($0, title)) }, { Int(removexattr($0, title)) })
    guard result == 0 else { throw SystemError(call: "removexattr", subject: subject) }
  }

  /// Whether a code says that the file system has no attributes of a kind.
  public static func isUnknown(_ code: Int32) -> Bool { code == EOPNOTSUPP || code == ENOSYS }

  /// What is open by its place only has no attributes to the calls that take descriptors, but has to those that take paths;
  /// the path of a descriptor itself is not followed any further, be it a link's.
  private static func byDescriptor(_ number: Int32, _ call: (Int32) -> Int, _ byPath: (String) -> Int) -> Int {
    let result = call(number)
    return result < 0 && errno == EBADF ? byPath("/proc/self/fd/\(number)") : result
  }

  /// Calls with a buffer that is large enough for the answer, however it grows meanwhile.
  private static func grown(
    _ title: String, _ subject: String, _ call: (UnsafeMutableRawPointer?, Int) -> Int
  ) throws(SystemError) -> [UInt8] {
    // Nothing is larger than 64 KiB (linux/limits.h).
    for size in [1024, 1 << 16] {
      var buffer = [UInt8](repeating: 0, count: size)
      let count = buffer.withUnsafeMutableBytes { call($0.baseAddress, $0.count) }
      if count >= 0 { return Array(buffer[..<count]) }
      guard errno == ERANGE else { break }
    }
    throw SystemError(call: title, subject: subject)
  }
}
