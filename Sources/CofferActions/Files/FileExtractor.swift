import CofferRepository
import CofferSystem
import FoundationEssentials
import Glibc

/// Writes items below a folder, and never outside of it: every folder on the way is opened without following links.
/// Files appear under their names only when they are whole.
final class FileExtractor {
  /// An item that will not be written.
  struct Refused: DiagnosableError, Equatable {
    let path: String
    let problem: String

    var diagnosis: Diagnosis {
      Diagnosis(
        subject: path, problem: problem, suggestion: "Extract into an empty folder with --destination")
    }
  }

  private let root: Folder
  private let restoresOwners: Bool
  /// Whether this user may make programs that others run as somebody else.
  private let givesRights: Bool
  private var folders: [(parts: [EntryName], item: ArchiveItem)] = []
  /// Items whose owner and group could not be set, and those of them that would let others run as their owner or group.
  private(set) var withoutOwners: [ItemPath] = []
  private(set) var withoutRights: [ItemPath] = []

  private static let specialBits: mode_t = 0o6000

  /// - Parameters:
  ///   - isRoot: Whether this user may give files to others.
  ///   - namespace: Who this process's user is outside of it.
  init(into folder: Folder, isRoot: Bool = geteuid() == 0, namespace: UserNamespace = .current()) {
    root = folder
    restoresOwners = isRoot
    givesRights = !isRoot || namespace.isSystem
  }

  /// Writes one item.
  ///
  /// - Parameters:
  ///   - parts: The path below the destination.
  ///   - content: Writes a file's bytes into the sink.
  func extract(_ item: ArchiveItem, parts: [EntryName], content: (any ByteSink) throws -> Void) throws {
    guard let name = parts.last else { return }
    guard parts.allSatisfy(\.isOnePart) else {
      throw Refused(path: item.path.text, problem: "The path leads out of the destination")
    }
    let parent = try folder(parts.dropLast(), item)
    switch item.content {
    case .directory:
      _ = try folder(parts[...], item)
      folders.append((parts, item))
    case .symbolicLink(let target): try writeLink(item, to: target, name, in: parent)
    case .file: try writeFile(item, name, in: parent, content)
    }
  }

  /// Gives folders their modes and times, which writing into them would have changed.
  func finish() throws {
    for (parts, item) in folders.reversed() {
      let folder = try folder(parts[...], item)
      try setFacts(of: item, on: folder.number)
    }
  }

  private func writeLink(_ item: ArchiveItem, to target: ItemPath, _ name: EntryName, in parent: Folder) throws {
    let temporary = Folder.temporaryName(for: name)
    try parent.makeLink(temporary, to: target.bytes)
    do {
      if restoresOwners { try? parent.setOwner(item.userID, item.groupID, of: temporary) }
      try parent.rename(temporary, to: name)
    } catch {
      try? parent.remove(temporary)
      throw error
    }
  }

  private func writeFile(
    _ item: ArchiveItem, _ name: EntryName, in parent: Folder, _ content: (any ByteSink) throws -> Void
  ) throws {
    // Between the moment when a file is its owner's and the one when it gets the right to run as somebody, its owner must
    // not reach it: he could write another program into it.
    guard mode_t(item.mode) & Self.specialBits != 0, restoresOwners else {
      return try write(item, name, in: parent, by: parent, content)
    }
    let stage = Folder.temporaryName(for: name)
    let folder = try parent.makeFolder(stage)
    defer { try? parent.removeTree(stage) }
    try write(item, name, in: parent, by: folder, content)
  }

  private func write(
    _ item: ArchiveItem, _ name: EntryName, in parent: Folder, by folder: Folder,
    _ content: (any ByteSink) throws -> Void
  ) throws {
    let file = try TemporaryFile(in: folder, for: name)
    try content(FileSink(file, path: parent.path(of: name)))
    try setFacts(of: item, on: file.file.number)
    try file.publish(as: name, in: parent)
  }

  /// The owner first, because setting it takes the special bits away; and those only when owner and group are right:
  /// a program that ran as one user must not run as another.
  private func setFacts(of item: ArchiveItem, on number: Int32) throws {
    if restoresOwners { _ = fchown(number, item.userID, item.groupID) }
    var facts = stat()
    guard fstat(number, &facts) == 0 else { throw failure("fstat", item) }
    let hasOwners = facts.st_uid == item.userID && facts.st_gid == item.groupID
    if restoresOwners, !hasOwners { withoutOwners.append(item.path) }
    var mode = mode_t(truncatingIfNeeded: item.mode) & 0o7777
    if mode & Self.specialBits != 0, !hasOwners || !givesRights {
      mode &= ~Self.specialBits
      withoutRights.append(item.path)
    }
    guard fchmod(number, mode) == 0 else { throw failure("chmod", item) }
    // Rounded down, without leaving the range of numbers: a stolen key signs the earliest time there is, too.
    let (whole, rest) = item.modified.quotientAndRemainder(dividingBy: 1_000_000_000)
    let before = rest < 0 ? 1 : 0
    let time = timespec(tv_sec: Int(whole) - before, tv_nsec: Int(rest) + before * 1_000_000_000)
    guard futimens(number, [time, time]) == 0 else { throw failure("utimens", item) }
  }

  /// Opens a folder below the destination, making what is missing.
  private func folder(_ parts: ArraySlice<EntryName>, _ item: ArchiveItem) throws -> Folder {
    var current = root
    for part in parts {
      do throws(SystemError) {
        current = try current.folder(part, makingWith: 0o700)
      } catch {
        guard error.code == ENOTDIR || error.code == ELOOP else { throw error }
        throw Refused(path: item.path.text, problem: "A link or a file stands where a folder should be")
      }
    }
    return current
  }

  private func failure(_ call: String, _ item: ArchiveItem) -> SystemError {
    SystemError(call: call, subject: "\(root.path)/\(item.path.text)")
  }
}

/// A file that is being written.
final class FileSink: ByteSink {
  private let file: TemporaryFile
  private let path: String

  init(_ file: TemporaryFile, path: String) {
    self.file = file
    self.path = path
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    try file.file.writeAll(bytes, subject: path)
  }
}

/// Who the users of this process are outside of its user namespace (user_namespaces(7)).
struct UserNamespace {
  /// Whether root here is root of a whole system, a container's for example, and not one user under another name.
  let isSystem: Bool

  /// - Parameters:
  ///   - users: What /proc/self/uid_map says; nil when it cannot be read.
  ///   - groups: The same of gid_map.
  init(users: String?, groups: String?) {
    isSystem = [users, groups].allSatisfy { map in
      let first = map?.lines().first?.words.compactMap { UInt64($0) } ?? []
      return first.count == 3 && first[0] == 0 && first[2] > 1
    }
  }

  static func current() -> UserNamespace {
    func text(_ name: String) -> String? {
      FileManager.default.contents(atPath: "/proc/self/\(name)").map { String(decoding: $0, as: UTF8.self) }
    }
    return UserNamespace(users: text("uid_map"), groups: text("gid_map"))
  }
}
