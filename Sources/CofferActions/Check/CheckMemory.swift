import CofferConfiguration
import CofferRepository
import CofferSystem
import FoundationEssentials
import Glibc

/// Remembers when checks were last made, and how far those came that are made in parts: files of which the times say it,
/// one a repository and check, and files of what was found so far. A copy of a repository, which has the same id, is another
/// repository: nobody has looked at its bytes.
///
/// The folder may be in a place that another user owns: files are made anew and take their name when they have their
/// time, and no link is followed.
struct CheckMemory {
  let base: String
  let repository: EntryName

  private static let progressLimit = 16 << 20
  /// What numbers of packs may be that somebody has written into a file: they are counted on.
  private static let packCounts = 0...1 << 40

  /// - Throws: `CryptographyError`.
  init(_ context: ActionContext, _ access: OpenRepository) throws {
    let environment = context.surroundings.environment
    let state = context.root[RunOptions.stateDirectory] ?? environment[.state]
    base = UserPath.absolute("\(state)/coffer/checks", from: context.folder, home: environment.home)
    let place = access.location.folder(context) ?? access.location.path
    let digest = try Array(place.utf8).withUnsafeBytes { try ContentHasher.hash($0) }
    repository = EntryName("\(access.repository.header.id)-\(digest.hex.prefix(16))")
  }

  func last(_ name: CheckOptions.Name) -> Date? {
    guard let folder = try? Folder.trusted(base, .links).folder(repository),
      let facts = try? folder.status(of: EntryName(name.rawValue)), facts.st_mode & S_IFMT == S_IFREG
    else { return nil }
    return Date(timeIntervalSince1970: Double(facts.st_mtim.tv_sec) + Double(facts.st_mtim.tv_nsec) / 1e9)
  }

  /// - Throws: `UntrustedPlace`; `SystemError`. A check that is not remembered is made again, no more.
  func note(_ name: CheckOptions.Name, at date: Date) throws {
    let folder = try folder()
    let file = EntryName(name.rawValue)
    try folder.replace(file) { descriptor in
      let seconds = date.timeIntervalSince1970.rounded(.down)
      let time = timespec(tv_sec: Int(seconds), tv_nsec: Int((date.timeIntervalSince1970 - seconds) * 1e9))
      guard futimens(descriptor.number, [time, time]) == 0 else {
        throw SystemError(call: "utimens", subject: folder.path(of: file))
      }
    }
  }

  /// How far a check of this level came; nil when none is under way, or nothing of it can be read: then it begins anew.
  func progress(_ level: CheckLevel) -> CheckProgress? {
    guard let folder = try? Folder.trusted(base, .links).folder(repository),
      let bytes = try? folder.read(Self.file(level), limit: Self.progressLimit)
    else { return nil }
    let progress = try? JSONDecoder().decode(CheckProgress.self, from: Data(bytes))
    return progress.flatMap { Self.packCounts.contains($0.packCount) ? $0 : nil }
  }

  /// - Throws: `UntrustedPlace`; `SystemError`; `EncodingError`.
  func note(_ progress: CheckProgress) throws {
    try folder().replace(Self.file(progress.level), with: Array(try JSONEncoder().encode(progress)))
  }

  /// Forgets a check that came to its end. One that is still remembered looks at less than it could the next time, no more.
  func forgetProgress(_ level: CheckLevel) {
    try? Folder.trusted(base, .links).folder(repository).remove(Self.file(level))
  }

  private static func file(_ level: CheckLevel) -> EntryName { EntryName("level-\(level.rawValue).progress") }

  func folder() throws -> Folder {
    try Folder.trusted(base, .links, makingWith: 0o700).folder(repository, makingWith: 0o700)
  }
}
