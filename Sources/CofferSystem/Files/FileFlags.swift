import FoundationEssentials
import Glibc

/// The flags that file systems keep of files and folders (chattr(1)), with the numbers of linux/fs.h.
public struct FileFlags: OptionSet, Sendable {
  public let rawValue: UInt32

  public init(rawValue: UInt32) {
    self.rawValue = rawValue
  }

  public static let synchronous = FileFlags(rawValue: 0x8)
  public static let immutable = FileFlags(rawValue: 0x10)
  public static let appendOnly = FileFlags(rawValue: 0x20)
  public static let noDump = FileFlags(rawValue: 0x40)
  public static let noAccessTime = FileFlags(rawValue: 0x80)
  public static let synchronousFolder = FileFlags(rawValue: 0x1_0000)

  /// Those that say what may be done with a file; the others are about how a file system stores it.
  public static let kept: FileFlags = [
    .synchronous, .immutable, .appendOnly, .noDump, .noAccessTime, .synchronousFolder,
  ]

  // FS_IOC_GETFLAGS and FS_IOC_SETFLAGS, which Swift does not take over. They are declared with a long, and the kernel reads
  // and writes an int; file systems in user space take the long.
  private static let get: UInt = 0x8008_6601
  private static let set: UInt = 0x4008_6602

  /// The flags of an open file or folder; nil where the file system knows none.
  public static func of(_ number: Int32) -> FileFlags? {
    var flags: UInt64 = 0
    guard ioctl(number, get, &flags) == 0 else { return nil }
    return FileFlags(rawValue: UInt32(truncatingIfNeeded: flags))
  }

  /// Sets those of `kept` as they are here, and leaves the others.
  ///
  /// - Throws: `SystemError`.
  public func set(on number: Int32, subject: String) throws(SystemError) {
    guard let now = Self.of(number) else { throw SystemError(call: "ioctl", subject: subject) }
    let wanted = now.subtracting(.kept).union(intersection(.kept))
    guard wanted != now else { return }
    var flags = UInt64(wanted.rawValue)
    guard ioctl(number, Self.set, &flags) == 0 else { throw SystemError(call: "ioctl", subject: subject) }
  }
}
