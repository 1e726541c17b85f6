import CofferSystem
import Foundation

/// What in a folder, or on a file, tells a backup to leave it out.
struct FolderMarks {
  /// Whether a `CACHEDIR.TAG` counts (https://bford.info/cachedir).
  var caches = false
  /// Names that count whatever they are.
  var names: [String] = []

  private static let cacheTag = "CACHEDIR.TAG"
  private static let cacheSignature = Array("Signature: 8a477f597d28d172789f06886806bc55".utf8)

  /// The marks that a folder holds; empty for a folder that is to be backed up.
  func found(in folder: [UInt8]) -> [String] {
    (caches && Self.isCache(folder) ? [Self.cacheTag] : [])
      + names.filter { faccessat(AT_FDCWD, Self.c(folder, $0), F_OK, AT_SYMLINK_NOFOLLOW) == 0 }
  }

  private static func isCache(_ folder: [UInt8]) -> Bool {
    let number = open(c(folder, cacheTag), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard number >= 0 else { return false }
    let file = FileDescriptor(owning: number)
    var bytes = [UInt8](repeating: 0, count: cacheSignature.count)
    let count = bytes.withUnsafeMutableBytes { read(file.number, $0.baseAddress, $0.count) }
    return count == bytes.count && bytes == cacheSignature
  }

  private static func c(_ folder: [UInt8], _ name: String) -> [CChar] {
    (folder + Array("/".utf8) + Array(name.utf8)).map { CChar(bitPattern: $0) } + [0]
  }

  /// FS_IOC_GETFLAGS of linux/fs.h, which Swift does not take over, and its flag `d`.
  private static let getFlags: UInt = 0x8008_6601
  private static let noDump: Int = 0x40

  /// Whether a file or a folder has the file flag `d`; false where the file system knows no flags.
  static func isNoDump(_ path: [UInt8]) -> Bool {
    let number = open(path.map { CChar(bitPattern: $0) } + [0], O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard number >= 0 else { return false }
    let file = FileDescriptor(owning: number)
    var flags = 0
    return ioctl(file.number, getFlags, &flags) == 0 && flags & noDump != 0
  }
}
