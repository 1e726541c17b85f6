import CofferSystem
import Foundation

/// How configuration files are read, passed in so that tests need no disk.
public struct FileReader: Sendable {
  /// Returns a file's bytes.
  public let read: @Sendable (String) throws(SystemError) -> [UInt8]
  /// Returns the names in a folder; nil when the path is no folder.
  public let entries: @Sendable (String) -> [String]?

  public init(
    read: @escaping @Sendable (String) throws(SystemError) -> [UInt8],
    entries: @escaping @Sendable (String) -> [String]?
  ) {
    self.read = read
    self.entries = entries
  }

  /// Configuration files are small; a larger one is a mistake.
  private static let sizeLimit = 4 << 20

  public static let system = FileReader(
    read: { (path) throws(SystemError) in
      let file = try FileDescriptor(opening: path, flags: O_RDONLY)
      guard try file.status(subject: path).st_mode & S_IFMT != S_IFDIR else {
        throw SystemError(call: "read", subject: path, code: EISDIR)
      }
      var bytes = [UInt8](repeating: 0, count: sizeLimit + 1)
      var filled = 0
      while filled < bytes.count {
        let count = bytes.withUnsafeMutableBytes {
          Foundation.read(file.number, $0.baseAddress?.advanced(by: filled), $0.count - filled)
        }
        guard count >= 0 else { throw SystemError(call: "read", subject: path) }
        if count == 0 { return Array(bytes[..<filled]) }
        filled += count
      }
      throw SystemError(call: "read", subject: path, code: EFBIG)
    },
    entries: { path in try? FileManager.default.contentsOfDirectory(atPath: path) })
}
