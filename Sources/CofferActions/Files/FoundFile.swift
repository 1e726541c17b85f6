import CSystem
import CofferRepository
import CofferSystem
import Glibc

/// Something that was found in a folder, as it is. Special files are never opened but by their place, links never followed.
struct FoundFile {
  enum Kind {
    case file, folder, link
    /// A socket, a device or a FIFO.
    case special
  }

  /// From the root on, as the file system has it; for messages. The file itself is reached through its folder.
  let path: [UInt8]
  /// As they were found; of what was opened since, those that it had when it was opened.
  var facts: stat
  /// For symbolic links.
  let target: [UInt8]
  /// The folder that it is, where that was opened.
  var itself: Folder?
  private let folder: Folder
  /// nil for the folder itself.
  private let name: EntryName?

  private init(path: [UInt8], facts: stat, target: [UInt8], folder: Folder, name: EntryName?) {
    self.path = path
    self.facts = facts
    self.target = target
    self.folder = folder
    self.name = name
    itself = name == nil ? folder : nil
  }

  /// Looks at what has a name in a folder.
  ///
  /// - Throws: `SystemError`, also when there is nothing.
  init(_ name: EntryName, in folder: Folder, path: [UInt8]) throws(SystemError) {
    self.path = path
    self.folder = folder
    self.name = name
    let facts = try folder.status(of: name)
    guard facts.st_mode & S_IFMT == S_IFLNK else {
      self.facts = facts
      target = []
      return
    }
    (self.facts, target) = try folder.link(name)
  }

  /// Looks at what is at a path, through whatever folders and links lead there.
  ///
  /// - Parameter path: From the root on.
  /// - Throws: `SystemError`, also when there is nothing.
  init(_ path: [UInt8]) throws(SystemError) {
    let parts = path.split(separator: UInt8(ascii: "/"))
    let last = EntryName(bytes: parts.last ?? [])
    guard last.isOnePart else {
      // The root, or a path that ends in `..`: a folder in any case.
      let folder = try Folder(opening: path)
      self.init(path: path, facts: try folder.status(), target: [], folder: folder, name: nil)
      return
    }
    let above = path[..<(parts.last?.startIndex ?? 0)].dropLast()
    try self.init(last, in: try Folder(opening: above.isEmpty ? [UInt8(ascii: "/")] : Array(above)), path: path)
  }

  var kind: Kind {
    switch facts.st_mode & S_IFMT {
    case S_IFREG: .file
    case S_IFDIR: .folder
    case S_IFLNK: .link
    default: .special
    }
  }

  var text: String { String(decoding: path, as: UTF8.self) }

  /// Opens a file's content.
  ///
  /// - Parameters:
  ///   - touches: Whether reading may change the time of the last access.
  ///   - withHoles: Whether holes are read, too, as the zeros that they are.
  /// - Throws: `SystemError`; one that `isVanishing` when there is no regular file any more.
  func content(touches: Bool = true, withHoles: Bool = false) throws(SystemError) -> FileSource {
    guard let name else { throw SystemError(call: "open", subject: text, code: ESTALE) }
    return try FileSource(name, in: folder, path: text, touches: touches, withHoles: withHoles)
  }

  /// Opens a folder.
  ///
  /// - Throws: `SystemError`; one that `isVanishing` when it is no folder any more.
  func opened() throws(SystemError) -> Folder {
    guard let name else { return folder }
    return try folder.folder(name)
  }

  /// Whether it has the file flag `d`; false where the file system knows no flags.
  var isNoDump: Bool {
    guard kind == .file || kind == .folder else { return false }
    guard let name else { return FolderMarks.isNoDump(folder.number) }
    guard let file = try? folder.open(name, flags: O_RDONLY) else { return false }
    return FolderMarks.isNoDump(file.number)
  }

  /// What it has that not everything has, for all but files, which are asked when they are open.
  ///
  /// - Throws: `SystemError`; one that `isVanishing` when it is not what was found any more.
  func extras(_ kept: KeptFacts, unread: (SystemError) -> Void) throws(SystemError) -> ItemExtras {
    guard kind != .folder, let name else {
      return kept.extras(of: facts, itself?.number, subject: text, unread: unread)
    }
    let place = try folder.openPlace(name)
    let now = try place.status(subject: text)
    guard FileIdentity(now) == FileIdentity(facts), now.st_mode == facts.st_mode else {
      throw SystemError(call: "open", subject: text, code: ESTALE)
    }
    return kept.extras(of: facts, place.number, subject: text, unread: unread)
  }

  /// The item for an archive.
  ///
  /// - Parameters:
  ///   - path: Inside the archive.
  ///   - stream: The stored content of a file.
  ///   - owners: What was found out already of names.
  func item(
    at path: ItemPath, stream: StreamReference?, _ kept: KeptFacts = KeptFacts(), extras: ItemExtras = ItemExtras(),
    owners: OwnerNames = OwnerNames()
  ) -> ArchiveItem {
    let (major, minor) = (coffer_major(UInt(facts.st_rdev)), coffer_minor(UInt(facts.st_rdev)))
    let content: ArchiveItem.Content =
      switch (facts.st_mode & S_IFMT, stream) {
      case (S_IFLNK, _): .symbolicLink(target: ItemPath(bytes: target))
      case (S_IFCHR, _): .device(isBlock: false, major: major, minor: minor)
      case (S_IFBLK, _): .device(isBlock: true, major: major, minor: minor)
      case (S_IFIFO, _): .fifo
      case (S_IFSOCK, _): .socket
      case (_, let stream?): .file(stream)
      default: .directory
      }
    return ArchiveItem(
      path: path, content: content, mode: UInt32(facts.st_mode & 0o7777), userID: facts.st_uid,
      groupID: facts.st_gid, user: kept.names ? owners.user(facts.st_uid) : "",
      group: kept.names ? owners.group(facts.st_gid) : "", modified: Int64(nanoseconds: facts.st_mtim),
      extras: extras)
  }
}

/// What the machine calls users and groups; empty for those without a name. Each is asked for once. Used by one thread.
final class OwnerNames {
  private var users: [uid_t: String] = [:]
  private var groups: [gid_t: String] = [:]

  func user(_ id: uid_t) -> String {
    if let known = users[id] { return known }
    let name = getpwuid(id).map { String(cString: $0.pointee.pw_name) } ?? ""
    users[id] = name
    return name
  }

  func group(_ id: gid_t) -> String {
    if let known = groups[id] { return known }
    let name = getgrgid(id).map { String(cString: $0.pointee.gr_name) } ?? ""
    groups[id] = name
    return name
  }
}
