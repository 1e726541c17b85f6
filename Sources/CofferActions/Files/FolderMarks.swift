import CofferSystem
import Glibc

/// What in a folder, or on a file, tells a backup to leave it out.
struct FolderMarks {
  /// Whether a `CACHEDIR.TAG` counts (https://bford.info/cachedir).
  var caches = false
  /// Names that count whatever they are.
  var names: [String] = []

  private static let cacheTag: EntryName = "CACHEDIR.TAG"
  private static let cacheSignature = Array("Signature: 8a477f597d28d172789f06886806bc55".utf8)

  /// The marks that a folder holds; empty for a folder that is to be backed up, as one is of which that is not known.
  func found(in folder: Folder) -> [EntryName] {
    let given = names.map { EntryName($0) }.filter { (try? folder.holds($0)) == true }
    return (caches && Self.isCache(folder) ? [Self.cacheTag] : []) + given
  }

  private static func isCache(_ folder: Folder) -> Bool {
    guard let file = try? folder.open(cacheTag, flags: O_RDONLY) else { return false }
    var bytes = [UInt8](repeating: 0, count: cacheSignature.count)
    let count = bytes.withUnsafeMutableBytes { read(file.number, $0.baseAddress, $0.count) }
    return count == bytes.count && bytes == cacheSignature
  }

  /// Whether an open file or folder has the file flag `d`; false where the file system knows no flags.
  static func isNoDump(_ number: Int32) -> Bool { FileFlags.of(number)?.contains(.noDump) ?? false }
}
