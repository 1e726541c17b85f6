import CofferSystem
import FoundationEssentials
import Glibc

/// A file that is written whole, or not at all, and never in place of another.
struct NewFile {
  private let place: FilePlace
  private let path: String

  /// - Parameters:
  ///   - path: Absolute.
  ///   - makesFolders: Whether folders that are missing are made, for their owner alone.
  /// - Throws: `UntrustedPlace`; `SystemError`, with ENOENT where a folder is missing and is not to be made.
  init(_ path: String, makesFolders: Bool) throws {
    self.path = path
    place = try FilePlace(path, .folders, makingWith: makesFolders ? 0o700 : nil)
  }

  /// Whether something has the name, whatever it is.
  ///
  /// - Throws: `SystemError` where that is not known.
  var isThere: Bool { get throws(SystemError) { try place.folder.holds(place.name) } }

  /// Writes it for its owner alone, and has it on the disk.
  ///
  /// - Throws: `SystemError`, with EEXIST where something got the name meanwhile.
  func write(_ bytes: [UInt8]) throws {
    let temporary = try TemporaryFile(in: place.folder, for: place.name, mode: 0o600)
    try bytes.withUnsafeBytes { try temporary.file.writeAll($0, subject: path) }
    guard fsync(temporary.file.number) == 0 else { throw SystemError(call: "fsync", subject: path) }
    // A second name takes nobody's place; the first one goes away by itself.
    guard linkat(place.folder.number, temporary.name.description, place.folder.number, place.name.description, 0) == 0
    else { throw SystemError(call: "link", subject: path) }
    try place.folder.synchronize()
  }
}

/// Passphrases that nobody has to remember.
enum NewSecret {
  /// 32 random bytes in letters, digits and two signs, on one line.
  ///
  /// - Throws: What the source throws when it has no randomness to give.
  static func passphrase(_ random: RandomSource) throws -> String {
    Data(try random.bytes(32)).base64EncodedString()
  }
}
