import CofferHooks
import CofferRepository
import CofferSystem
import FoundationEssentials

/// Segments that a `wal push` has stored together with the one that it was called for, so that their own pushes, which follow, need
/// neither open the repository nor read the file.
///
/// Of each an empty file in a folder of this user's cache. Its name says which file it was that was stored, by `FileVersion`: one
/// that was written since, or stands in its place, is another.
struct PushedAhead: Sendable {
  let folder: Folder

  /// Seconds for which it is believed. The server asks for the next at once, or was stopped meanwhile.
  private static let lifetime: Double = 300
  /// Seconds that a file must have been as it is before it is read: a kernel's clock for changes of files goes in steps of a few
  /// milliseconds.
  private static let rest: Double = 0.1

  /// - Parameters:
  ///   - origin: Of the log.
  ///   - location: Where segments are stored.
  /// - Returns: nil where there can be no such folder: then nothing is stored ahead.
  init?(_ origin: LogOrigin, to location: RepositoryLocation, _ context: ActionContext) {
    let words =
      [origin.system, origin.identity, origin.hostname, origin.name, context.configuration?.path ?? "", context.folder]
      + location.place(context)
    guard
      let folder = LogAhead.folder("log-pushed", in: RepositoryLocation.cacheFolder(context.surroundings), words)
    else { return nil }
    self.folder = folder
  }

  /// Whether a file is stored, as it is.
  ///
  /// - Throws: `SystemError`, when it cannot be looked at.
  func has(_ file: WALFile, now: Date) throws -> Bool {
    guard let facts = try? folder.status(of: name(of: file.name, try file.version())) else { return false }
    return (0..<Self.lifetime).contains(now.timeIntervalSince1970 - Double(facts.st_mtim.tv_sec))
  }

  /// Whether what is read of a file from now on is what it has as long as it is the same version.
  func mayBeNoted(_ version: FileVersion, now: Date) -> Bool {
    now.timeIntervalSince1970 - version.changed > Self.rest
  }

  /// Says that a segment is durable in the repository.
  func note(_ segment: WALFileName, _ version: FileVersion) throws {
    try folder.replace(name(of: segment, version), with: [])
  }

  /// Forgets a segment, and those before it: the server has been told that they are stored.
  func forget(upTo segment: WALFileName) {
    for name in (try? folder.names()) ?? [] where name < EntryName(segment.text + ".") {
      try? folder.remove(name)
    }
  }

  private func name(of segment: WALFileName, _ version: FileVersion) -> EntryName {
    EntryName("\(segment.text)-\(version.text)")
  }
}
