import CofferSystem
import Glibc

/// A folder that files of a server are laid down in: its data directory, or a tablespace. Every folder on the way is opened
/// without following links, so nothing is written anywhere else.
final class LaidFolder {
  let folder: Folder
  private let owner: ServerOwner?
  /// Whether what is there already is compared, and stays where it is the same.
  let isDelta: Bool
  /// Hashes of what was laid down, as there may be millions of paths. Of two with one hash, a file too many would stay.
  private var seen: Set<Int> = []
  /// The folder of the last file: most are in the same as the one before.
  private var last: (path: ArraySlice<EntryName>, folder: Folder)?

  init(_ folder: Folder, owner: ServerOwner?, isDelta: Bool) {
    self.folder = folder
    self.owner = owner
    self.isDelta = isDelta
  }

  func makeFolder(_ path: [EntryName]) throws {
    _ = try opened(path[...])
  }

  /// Opens a file that is to be written.
  func open(_ path: [EntryName]) throws -> LaidFile {
    guard let name = path.last else { throw ClusterError.content("a file has no name") }
    let parent = try opened(path.dropLast())
    note(path)
    if isDelta, let file = try existing(name, in: parent) { return file }
    let file = try parent.open(name, flags: O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
    let title = parent.path(of: name)
    guard fchmod(file.number, 0o600) == 0 else { throw SystemError(call: "chmod", subject: title) }
    try owner?.own(file.number, title)
    return LaidFile(file, title, old: 0)
  }

  /// Writes a whole file.
  func write(_ bytes: [UInt8], to path: [EntryName]) throws {
    let file = try open(path)
    try bytes.withUnsafeBytes { try file.write($0) }
    try file.finish()
  }

  /// Removes a file, if there is one.
  func remove(_ path: [EntryName]) throws {
    guard let name = path.last else { return }
    try opened(path.dropLast()).removeTree(name)
  }

  /// Gives a file another name, if there is one; what had that name is gone.
  func rename(_ path: [EntryName], to other: [EntryName]) throws {
    guard let name = path.last, let new = other.last else { return }
    let old = try opened(path.dropLast())
    guard try old.holds(name) else { return }
    try old.rename(name, to: new, in: opened(other.dropLast()))
  }

  /// Makes a symbolic link in the place of what has its name.
  func makeLink(_ path: [EntryName], to target: String) throws {
    guard let name = path.last else { return }
    let parent = try opened(path.dropLast())
    note(path)
    if let link = try? parent.link(name), link.target.elementsEqual(target.utf8) { return }
    try parent.removeTree(name)
    try parent.makeLink(name, to: Array(target.utf8))
    if let owner { try parent.setOwner(owner.user, owner.group, of: name) }
  }

  /// Removes what was there before and was not laid down.
  ///
  /// - Parameter isOurs: Whether a name in the folder itself is the cluster's.
  func removeOthers(_ isOurs: (EntryName) -> Bool = { _ in true }) throws {
    last = nil
    for name in try folder.names() where isOurs(name) { try removeOthers([name], in: folder) }
  }

  private func removeOthers(_ path: [EntryName], in parent: Folder) throws {
    guard let name = path.last else { return }
    guard seen.contains(hash(path)) else { return try parent.removeTree(name) }
    guard try parent.status(of: name).st_mode & S_IFMT == S_IFDIR else { return }
    let inner = try parent.folder(name)
    for below in try inner.names() { try removeOthers(path + [below], in: inner) }
  }

  private func hash(_ path: [EntryName]) -> Int { path.hashValue }

  private func note(_ path: [EntryName]) {
    if isDelta { seen.insert(hash(path)) }
  }

  // MARK: - Opening

  private func opened(_ path: ArraySlice<EntryName>) throws -> Folder {
    if let last, last.path == path { return last.folder }
    var current = folder
    for end in path.indices {
      let name = path[end]
      note(Array(path[...end]))
      current = try step(name, in: current)
    }
    last = (path, current)
    return current
  }

  private func step(_ name: EntryName, in parent: Folder) throws -> Folder {
    do throws(SystemError) {
      let folder = try parent.makeFolder(name)
      try folder.hand(to: owner)
      return folder
    } catch {
      guard error.code == EEXIST else { throw error }
    }
    if isDelta, try parent.status(of: name).st_mode & S_IFMT != S_IFDIR {
      try parent.remove(name)
      return try step(name, in: parent)
    }
    let folder = try parent.folder(name)
    try folder.hand(to: owner)
    return folder
  }

  /// Opens what is there already, if it can only be the cluster's own; what cannot is removed.
  private func existing(_ name: EntryName, in parent: Folder) throws -> LaidFile? {
    guard try parent.holds(name) else { return nil }
    let user = owner?.user ?? geteuid()
    func isOwn(_ facts: stat) -> Bool {
      facts.st_mode & S_IFMT == S_IFREG && facts.st_nlink == 1 && facts.st_uid == user
    }
    guard try isOwn(parent.status(of: name)) else {
      try parent.removeTree(name)
      return nil
    }
    let file = try parent.open(name, flags: O_RDWR)
    let title = parent.path(of: name)
    let facts = try file.status(subject: title)
    guard isOwn(facts), fchmod(file.number, 0o600) == 0 else {
      throw SystemError(call: "open", subject: title, code: ESTALE)
    }
    return LaidFile(file, title, old: UInt64(clamping: facts.st_size))
  }
}
