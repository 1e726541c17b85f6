import CofferRepository
import CofferSystem
import FoundationEssentials
import Glibc

/// Writes items below a folder, and never outside of it: every folder on the way is opened without following links.
/// Files appear under their names only when they are whole. What the place does not take of an item is noted, and stops
/// nothing.
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
  private let setter: FactSetter
  private var folders: WrittenItems
  private var linked: FirstNames
  /// Files that get flags, when nothing more is done to them, and which they are.
  private var flagged: WrittenItems
  private var flaggedFiles: [FileIdentity] = []
  let lost = LostFacts()

  /// The first items whose owner and group could not be set, and of those that would let others run as their owner or group.
  var withoutOwners: [ItemPath] { lost.paths(.owners) }
  var withoutRights: [ItemPath] { lost.paths(.rights) }

  /// - Parameters:
  ///   - isRoot: Whether this user may give files to others.
  ///   - namespace: Who this process's user is outside of it.
  ///   - held: What is counted in what is remembered of items; nil where nobody counts.
  init(
    into folder: Folder, isRoot: Bool = geteuid() == 0, namespace: UserNamespace = .current(), held: HeldItems? = nil
  ) {
    root = folder
    (folders, linked, flagged) = (WrittenItems(held), FirstNames(held), WrittenItems(held))
    setter = FactSetter(restoresOwners: isRoot, givesRights: !isRoot || namespace.isSystem, lost: lost)
  }

  /// Writes one item.
  ///
  /// - Parameters:
  ///   - parts: The path below the destination.
  ///   - content: Writes a file's bytes, without its holes, into the sink.
  func extract(_ item: ArchiveItem, parts: [EntryName], content: (any ByteSink) throws -> Void) throws {
    guard let name = parts.last else { return }
    guard parts.allSatisfy(\.isOnePart) else {
      throw Refused(path: item.path.text, problem: "The path leads out of the destination")
    }
    do {
      try extract(item, parts, name, content)
    } catch let error as SystemError where error.isUnfitName {
      lost.add(.names, item.path, error)
    } catch let error as SystemError where error.code == EFBIG {
      lost.add(.sizes, item.path, error)
    } catch let error as SystemError where error.call == "rename" && [EISDIR, EEXIST, ENOTEMPTY].contains(error.code) {
      throw Refused(path: item.path.text, problem: "A folder stands in its place")
    } catch let error as SystemError where error.saysProtected {
      throw Refused(
        path: item.path.text,
        problem: "The system refuses it: what stands there, or its folder, may be immutable or append-only (lsattr)")
    }
  }

  /// Gives folders their modes and times, which writing into them would have changed, and then all that is to be changed no
  /// more its flags.
  func finish() throws {
    for number in flagged.indices { setFlagsOfFile(number) }
    for number in folders.indices.reversed() {
      let item = folders.item(number)
      let folder = try folder(folders.parts(number)[...], item)
      try withExtendedLifetime(folder) { _ = try setter.apply(item, to: folder.number) }
    }
    for number in folders.indices.reversed() {
      let item = folders.item(number)
      guard item.flags != [] else { continue }
      let folder = try folder(folders.parts(number)[...], item)
      withExtendedLifetime(folder) { setFlags(of: item, on: folder.number) }
    }
  }

  private func extract(
    _ item: ArchiveItem, _ parts: [EntryName], _ name: EntryName, _ content: (any ByteSink) throws -> Void
  ) throws {
    let parent = try folder(parts.dropLast(), item)
    if item.content == .directory {
      _ = try folder(parts[...], item)
      // What is unknown is not packed.
      if item.extras.hasUnknown { lost.add(.unknown, item.path) }
      return try folders.append(item, at: parts)
    }
    if try linkAgain(item, name, in: parent) { return }
    guard let facts = try write(item, name, in: parent, content) else { return }
    let moment = FileMoment(facts)
    if item.extras.link != nil {
      try linked.add(item, at: WrittenPlace.bytes(of: parts), moment: moment.hashValue)
    }
    if item.flags != [], case .file = item.content {
      try flagged.append(item, at: parts)
      flaggedFiles.append(moment.identity)
    }
  }

  /// - Returns: Facts of what was written, when nothing more is done to it; nil when the place does not take it.
  private func write(
    _ item: ArchiveItem, _ name: EntryName, in parent: Folder, _ content: (any ByteSink) throws -> Void
  ) throws -> stat? {
    switch item.content {
    case .directory: nil
    case .symbolicLink(let target): try writeLink(item, to: target, name, in: parent)
    case .file: try writeFile(item, name, in: parent, content)
    case .device(true, let major, let minor):
      try writeDevice(item, .blockDevice(major: major, minor: minor), name, in: parent)
    case .device(false, let major, let minor):
      try writeDevice(item, .characterDevice(major: major, minor: minor), name, in: parent)
    case .fifo: try writeSpecial(item, .fifo, name, in: parent)
    case .socket: try writeSpecial(item, .socket, name, in: parent)
    }
  }

  // MARK: - Hard links

  /// Makes an item another name of what was written before, if it is that.
  ///
  /// - Returns: Whether it was made; if not, it is to be written like any other.
  private func linkAgain(_ item: ArchiveItem, _ name: EntryName, in parent: Folder) throws -> Bool {
    guard let first = linked.first(of: item),
      let original = firstAgain(item, WrittenPlace.parts(of: first.path), first.moment)
    else { return false }
    let temporary = Folder.temporaryName(for: name)
    do throws(SystemError) {
      try parent.makeHardLink(temporary, to: original)
    } catch {
      lost.add(.hardLinks, item.path, error)
      return false
    }
    let renaming = Result { try parent.rename(temporary, to: name) }
    // Two names of one file are both left by a rename.
    try? parent.remove(temporary)
    try renaming.get()
    // The names that it has got have changed it.
    let facts = try original.status(subject: item.path.text)
    linked.renew(item, moment: FileMoment(facts).hashValue)
    return true
  }

  /// Opens what was written, by its place.
  ///
  /// - Returns: nil when something else is there now.
  private func firstAgain(_ item: ArchiveItem, _ parts: [EntryName], _ moment: Int) -> FileDescriptor? {
    guard let last = parts.last, let folder = try? folder(parts.dropLast(), item),
      let opened = try? folder.openPlace(last), let facts = try? opened.status(subject: item.path.text),
      FileMoment(facts).hashValue == moment
    else { return nil }
    return opened
  }

  // MARK: - Links, files and special files

  private func writeLink(
    _ item: ArchiveItem, to target: ItemPath, _ name: EntryName, in parent: Folder
  ) throws -> stat? {
    let temporary = Folder.temporaryName(for: name)
    do throws(SystemError) {
      try parent.makeLink(temporary, to: target.bytes)
    } catch {
      guard error.saysImpossible else { throw error }
      lost.add(.links, item.path, error)
      return nil
    }
    do {
      let link = try parent.openPlace(temporary)
      guard try link.status(subject: item.path.text).st_mode & S_IFMT == S_IFLNK else {
        throw SystemError(call: "symlink", subject: item.path.text, code: ESTALE)
      }
      try setter.apply(item, to: link.number, at: (parent, temporary))
      try parent.rename(temporary, to: name)
      return try link.status(subject: item.path.text)
    } catch {
      try? parent.remove(temporary)
      throw error
    }
  }

  private func writeFile(
    _ item: ArchiveItem, _ name: EntryName, in parent: Folder, _ content: (any ByteSink) throws -> Void
  ) throws -> stat {
    // Between the moment when a file is its owner's and the one when it gets the right to run as somebody, its owner must
    // not reach it: he could write another program into it.
    guard FactSetter.hasRights(item), setter.restoresOwners else {
      return try write(item, name, in: parent, by: parent, content)
    }
    let stage = Folder.temporaryName(for: name)
    defer { try? parent.removeTree(stage) }
    return try write(item, name, in: parent, by: try makeStage(stage, in: parent, for: item), content)
  }

  /// Makes a folder that nobody else enters. Whoever owns the folder that it is made in could put one of his own in its
  /// place before it is opened, and could then exchange what is in it for a link.
  private func makeStage(_ stage: EntryName, in parent: Folder, for item: ArchiveItem) throws -> Folder {
    let folder = try parent.makeFolder(stage, mode: nil)
    let facts = try folder.status()
    guard facts.st_uid == geteuid(), facts.st_mode & 0o077 == 0 else {
      throw Refused(
        path: item.path.text, problem: "No folder that only this user enters can be made there to prepare it in")
    }
    return folder
  }

  private func write(
    _ item: ArchiveItem, _ name: EntryName, in parent: Folder, by folder: Folder,
    _ content: (any ByteSink) throws -> Void
  ) throws -> stat {
    let file = try TemporaryFile(in: folder, for: name, mode: nil)
    let path = parent.path(of: name)
    if let extents = item.extras.extents {
      try content(try SparseFileSink(file, extents, path: path))
    } else {
      try content(FileSink(file, path: path))
    }
    try setter.apply(item, to: file.file.number)
    try file.publish(as: name, in: parent)
    return try file.file.status(subject: path)
  }

  /// A device is what its owner may do to the machine: it is one only where a program would run as its owner, too.
  private func writeDevice(
    _ item: ArchiveItem, _ kind: Folder.Special, _ name: EntryName, in parent: Folder
  ) throws -> stat? {
    guard setter.restoresOwners, setter.givesRights else {
      lost.add(.devices, item.path)
      return nil
    }
    return try writeSpecial(item, kind, name, in: parent)
  }

  private func writeSpecial(
    _ item: ArchiveItem, _ kind: Folder.Special, _ name: EntryName, in parent: Folder
  ) throws -> stat? {
    let loss: LostFacts.Kind = if case .device = item.content { .devices } else { .special }
    // Where nobody else exchanges it for a link while it gets its mode.
    let stage = Folder.temporaryName(for: name)
    defer { try? parent.removeTree(stage) }
    let folder = try makeStage(stage, in: parent, for: item)
    do throws(SystemError) {
      try folder.makeSpecial(Self.staged, kind)
    } catch {
      guard error.saysImpossible else { throw error }
      lost.add(loss, item.path, error)
      return nil
    }
    let opened = try folder.openPlace(Self.staged)
    let type = try opened.status(subject: item.path.text).st_mode & S_IFMT
    guard [S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK].contains(type) else {
      throw SystemError(call: "mknod", subject: item.path.text, code: ESTALE)
    }
    let hasOwners = try setter.apply(item, to: opened.number, at: (folder, Self.staged))
    guard loss != .devices || hasOwners else {
      lost.add(.devices, item.path)
      return nil
    }
    try folder.rename(Self.staged, to: name, in: parent)
    return try opened.status(subject: item.path.text)
  }

  private static let staged: EntryName = "special"

  // MARK: - Flags

  private func setFlagsOfFile(_ number: Int) {
    let (item, parts, identity) = (flagged.item(number), flagged.parts(number), flaggedFiles[number])
    // A device, or a FIFO, that has its name now is not even opened.
    guard let last = parts.last, let folder = try? folder(parts.dropLast(), item),
      let place = try? folder.openPlace(last), let there = try? place.status(subject: item.path.text),
      FileIdentity(there) == identity, let file = try? folder.open(last, flags: O_RDONLY | O_NONBLOCK),
      let facts = try? file.status(subject: item.path.text), FileIdentity(facts) == identity
    else { return lost.add(.flags, item.path, "it cannot be opened any more") }
    setFlags(of: item, on: file.number)
  }

  private func setFlags(of item: ArchiveItem, on number: Int32) {
    do throws(SystemError) {
      try item.flags.set(on: number, subject: item.path.text)
    } catch {
      lost.add(.flags, item.path, error)
    }
  }

  // MARK: - Folders

  /// Opens a folder below the destination, making what is missing. Every part is looked up anew: others may rename and remove
  /// folders meanwhile. That is one call where all of them are there.
  private func folder(_ parts: ArraySlice<EntryName>, _ item: ArchiveItem) throws -> Folder {
    if let folder = root.folder(below: parts) { return folder }
    var current = root
    for part in parts {
      do throws(SystemError) {
        current = try current.folder(part, makingWith: nil)
      } catch {
        guard error.code == ENOTDIR || error.code == ELOOP else { throw error }
        throw Refused(path: item.path.text, problem: "A link or a file stands where a folder should be")
      }
    }
    return current
  }
}

extension ArchiveItem {
  /// Those that are given back.
  fileprivate var flags: FileFlags { FileFlags(rawValue: extras.flags).intersection(.kept) }
}

extension SystemError {
  private static let naming = ["open", "mkdir", "symlink", "mknod", "link", "rename"]

  /// Whether the file system has no such names.
  fileprivate var isUnfitName: Bool { Self.naming.contains(call) && [EINVAL, EILSEQ, ENAMETOOLONG].contains(code) }

  /// Whether nobody may give something the name.
  fileprivate var saysProtected: Bool { Self.naming.contains(call) && code == EPERM }

  /// Whether the file system, or the system for this user, has nothing of the kind.
  fileprivate var saysImpossible: Bool { [EPERM, EACCES, EOPNOTSUPP, ENOSYS].contains(code) }
}
