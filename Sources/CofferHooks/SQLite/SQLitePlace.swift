import CSystem
import CofferSQLite
import CofferSystem
import Glibc

/// Where a database file is or will be: its folder, held open, and its name there.
///
/// The way there may lead through folders of other users, who can put anything in its place. So each part is opened from
/// the one before, and everything later is done from the folder that was looked at.
struct SQLitePlace: Sendable {
  let folder: Folder
  let name: EntryName
  /// The file's facts; nil when there is none.
  let facts: Facts?
  /// The user who decides what is there, and by whose rights it is opened: the folder's owner, or the file's in a folder
  /// of root's.
  let owner: uid_t

  /// What is to be known of a file without SQLite.
  struct Facts: Equatable, Sendable {
    var permissions: SQLitePermissions
    var device: UInt64
    var inode: UInt64
    /// In bytes.
    var size: UInt64
    /// How many names the file has.
    var nameCount: UInt64
  }

  /// SQLite's name for a database that is no file.
  private static let memory: EntryName = ":memory:"

  /// With links followed, so that a rename replaces the file and not the link.
  var path: String { folder.path(of: name) }

  /// - Parameter path: Absolute.
  /// - Throws: `UntrustedPlace` for a link of somebody else than the file's owner, for what is no file, and for `:memory:`; `SystemError`
  ///   when there is no such folder.
  init(_ path: String) throws {
    var folders = [try Folder.root()]
    var rest = Folder.parts(Array(path.utf8))
    var links: [(path: String, facts: stat)] = []
    var last: (name: EntryName, facts: stat?)?
    while !rest.isEmpty {
      let part = rest.removeFirst()
      if part.elementsEqual("..".utf8) {
        if folders.count > 1 { folders.removeLast() }
        continue
      }
      let (folder, name) = (folders[folders.count - 1], EntryName(bytes: part))
      let facts = try Self.status(of: name, in: folder)
      if let facts, facts.st_mode & S_IFMT == S_IFLNK {
        let link = try folder.link(name)
        links.append((folder.path(of: name), link.facts))
        guard links.count <= Folder.linkLimit else { throw SystemError(call: "open", subject: path, code: ELOOP) }
        if link.target.first == UInt8(ascii: "/") { folders = [try Folder.root()] }
        rest = Folder.parts(link.target) + rest
      } else if rest.isEmpty {
        last = (name, facts)
      } else {
        folders.append(
          Folder(
            owning: try folder.open(name, flags: O_DIRECTORY | coffer_open_path), path: folder.path(of: name)))
      }
    }
    guard let last, let folder = folders.last else { throw SystemError(call: "open", subject: path, code: EISDIR) }
    guard last.name != Self.memory else {
      throw UntrustedPlace(
        path: folder.path(of: last.name),
        problem: "The file has the name by which SQLite makes a database in memory, and opens no file",
        suggestion: "Give the database's file another name")
    }
    self.folder = folder
    name = last.name
    facts = try last.facts.map { try Self.read($0, folder.path(of: last.name)) }
    let folderFacts = try folder.status()
    owner = folderFacts.st_uid != 0 ? folderFacts.st_uid : last.facts?.st_uid ?? 0
    for link in links { try check(link.path, link.facts) }
    try checkNames(folderFacts)
  }

  /// Whether another user than this one decides what is there.
  var isForeign: Bool { owner != geteuid() }

  /// Whom a process becomes that opens the file; nil to stay who one is.
  ///
  /// - Throws: `SystemError`.
  func user() throws(SystemError) -> SQLiteWorkerRequest.User? {
    geteuid() == 0 && owner != 0 ? try UserGroups.user(owner) : nil
  }

  /// Whether a file system is mounted over the file, which then cannot be replaced.
  var isMountPoint: Bool { Self.isMountPoint(name, in: folder) }

  static func isMountPoint(_ name: EntryName, in folder: Folder) -> Bool {
    coffer_is_mount_point(folder.number, name.description) == 1
  }

  /// Whether this user may make files in the folder.
  var isWritable: Bool { faccessat(folder.number, ".", W_OK, AT_EACCESS) == 0 }

  /// Whether other users than this one and root can put something else in the place of what is in the folder.
  var isOpenToOthers: Bool {
    guard let facts = try? folder.status() else { return true }
    return !Folder.isOurs(facts) || Folder.mayOthersWrite(facts, folder.number)
  }

  /// Waits until the folder's names are on the disk, as far as this user may ask for it.
  ///
  /// - Throws: `SystemError`.
  func synchronizeFolder() throws(SystemError) {
    let own = openat(folder.number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard own >= 0 else {
      guard errno == EACCES || errno == EPERM else { throw SystemError(call: "open", subject: folder.path) }
      return
    }
    try Folder(owning: FileDescriptor(owning: own), path: folder.path).synchronize()
  }

  /// Whether the file begins as databases do; an empty file does not.
  ///
  /// - Throws: `SystemError`.
  func holdsDatabase() throws(SystemError) -> Bool {
    let magic = SQLiteWorker.fileMagic
    let file = try folder.open(name, flags: O_RDONLY)
    var bytes = [UInt8](repeating: 0, count: magic.count)
    let number = file.number
    let count = bytes.withUnsafeMutableBytes { pread(number, $0.baseAddress, $0.count, 0) }
    guard count >= 0 else { throw SystemError(call: "read", subject: path) }
    return bytes[..<count].elementsEqual(magic)
  }

  // MARK: - The way

  private static func status(of name: EntryName, in folder: Folder) throws(SystemError) -> stat? {
    do throws(SystemError) {
      return try folder.status(of: name)
    } catch {
      guard error.code == ENOENT else { throw error }
      return nil
    }
  }

  private static func read(_ facts: stat, _ path: String) throws(UntrustedPlace) -> Facts {
    guard facts.st_mode & S_IFMT == S_IFREG else {
      throw UntrustedPlace(path: path, problem: "This is no file", suggestion: "Name the database's file")
    }
    return Facts(
      permissions: SQLitePermissions(mode: facts.st_mode & 0o777, userID: facts.st_uid, groupID: facts.st_gid),
      device: UInt64(facts.st_dev), inode: UInt64(facts.st_ino),
      size: UInt64(clamping: facts.st_size), nameCount: UInt64(facts.st_nlink))
  }

  /// A link of somebody else's would choose among files that are not his.
  private func check(_ path: String, _ link: stat) throws(UntrustedPlace) {
    guard link.st_uid != 0, link.st_uid != geteuid(), link.st_uid != owner else { return }
    throw UntrustedPlace(
      path: path,
      problem: "The link belongs to \(Folder.owner(link)), and leads to what is not that user's; it is not followed",
      suggestion: "Name the file that it leads to, if that is the one that is meant: \(Quoting.terminal(self.path))")
  }

  /// So would a second name for a file of root's, in a folder where others may write.
  private func checkNames(_ folderFacts: stat) throws(UntrustedPlace) {
    guard let facts, facts.nameCount > 1, owner == 0, geteuid() == 0, Folder.mayOthersWrite(folderFacts, folder.number)
    else { return }
    throw UntrustedPlace(
      path: path, problem: "The file has a second name elsewhere, and others may write to its folder",
      suggestion: "Name it where only root may write")
  }
}

/// The groups that a user's processes have.
enum UserGroups {
  /// What nobody's files belong to; for users that the system does not know, in containers for example.
  private static let none: gid_t = 65534
  private static let limit: Int32 = 65536

  /// - Throws: `SystemError`.
  static func user(_ id: uid_t) throws(SystemError) -> SQLiteWorkerRequest.User {
    var entry = passwd()
    var found: UnsafeMutablePointer<passwd>?
    var text = [CChar](repeating: 0, count: 1 << 16)
    let code = getpwuid_r(id, &entry, &text, text.count, &found)
    guard code == 0 || code == ENOENT else { throw SystemError(call: "getpwuid", subject: "user \(id)", code: code) }
    guard found != nil else { return SQLiteWorkerRequest.User(userID: id, groupIDs: [none]) }
    var count = limit
    var groups = [gid_t](repeating: 0, count: Int(count))
    guard getgrouplist(entry.pw_name, entry.pw_gid, &groups, &count) >= 0 else {
      throw SystemError(call: "getgrouplist", subject: "user \(id)", code: E2BIG)
    }
    let others = groups[..<Int(count)].filter { $0 != entry.pw_gid }
    return SQLiteWorkerRequest.User(userID: id, groupIDs: [entry.pw_gid] + others)
  }

  /// Who owns nothing.
  static let nobody = SQLiteWorkerRequest.User(userID: 65534, groupIDs: [none])
}

/// A database file's mode and owner.
struct SQLitePermissions: Equatable, Sendable {
  var mode: mode_t
  var userID: uid_t
  var groupID: gid_t

  init(mode: mode_t, userID: uid_t, groupID: gid_t) {
    self.mode = mode
    self.userID = userID
    self.groupID = groupID
  }

  /// As a dump's facts keep them.
  var details: [String: String] {
    ["mode": String(mode, radix: 8), "uid": String(userID), "gid": String(groupID)]
  }

  init?(details: [String: String]) {
    guard let mode = details["mode"].flatMap({ mode_t($0, radix: 8) }),
      let userID = details["uid"].flatMap({ uid_t($0) }), let groupID = details["gid"].flatMap({ gid_t($0) })
    else { return nil }
    self.init(mode: mode & 0o777, userID: userID, groupID: groupID)
  }
}
