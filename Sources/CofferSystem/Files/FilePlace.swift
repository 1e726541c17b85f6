import Glibc

/// The place of a file: the folder that it is or will be in, opened, and its name there.
public struct FilePlace: Sendable {
  public let folder: Folder
  public let name: EntryName

  /// Opens the folder of a path.
  ///
  /// - Parameters:
  ///   - path: Absolute.
  ///   - mode: Makes folders that are missing, with this mode; nil makes none.
  /// - Throws: `UntrustedPlace`; `SystemError`.
  public init(_ path: String, _ trust: Folder.Trust = .links, makingWith mode: mode_t? = nil) throws {
    let parts = path.utf8.split(separator: UInt8(ascii: "/"))
    guard path.utf8.first == UInt8(ascii: "/"), path.utf8.last != UInt8(ascii: "/"), let last = parts.last else {
      throw SystemError(call: "open", subject: path, code: EINVAL)
    }
    let above = parts.dropLast().map { "/" + String(decoding: $0, as: UTF8.self) }.joined()
    folder = try Folder.trusted(above.isEmpty ? "/" : above, trust, makingWith: mode)
    name = EntryName(bytes: last)
  }
}
