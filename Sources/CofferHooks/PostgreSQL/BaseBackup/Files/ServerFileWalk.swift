import CofferSystem
import Glibc

/// Goes through the files of a running server, and gives those that a base backup has: what the server leaves out of one that it sends
/// is left out
/// (https://www.postgresql.org/docs/current/protocol-replication.html#PROTOCOL-REPLICATION-BASE-BACKUP).
///
/// `global/pg_control` is left out, too: it has to be the last.
final class ServerFileWalk {
  enum Member {
    case folder(TarBlock)
    case file(TarBlock, ServerFile)
  }

  /// A member's name is longer than a server's archive has room for.
  struct TooLong: Error {
    let path: String
  }

  /// What is in one folder.
  private struct Level {
    let folder: Folder
    /// From the data directory, or from the tablespace.
    let path: [EntryName]
    /// Where a tablespace's members are; empty for the data directory's.
    let root: [UInt8]
    var names: ArraySlice<EntryName>
    var hasRelations = false
    /// The numbers of relations that no log has: a restored server makes them anew.
    var unlogged: Set<UInt32> = []
  }

  let tablespaces: [BaseBackupFacts.Tablespace]
  /// What is left out that a server has no business having there.
  private(set) var warnings: [String] = []
  private var levels: [Level]
  /// What comes next.
  private var ready: [Member] = []

  // The names that the server leaves out, wherever they are, and the folders that it empties.
  private static let omitted: Set<EntryName> = [
    "postmaster.pid", "postmaster.opts", "postgresql.auto.conf.tmp", "current_logfiles.tmp", "backup_label",
    "backup_label.old", "tablespace_map", "tablespace_map.old", "backup_manifest", "backup_manifest.tmp",
  ]
  private static let omittedBeginnings = ["pgsql_tmp", "pg_internal.init"]
  private static let emptied: Set<EntryName> = [
    "pg_dynshmem", "pg_notify", "pg_replslot", "pg_serial", "pg_snapshots", "pg_stat_tmp", "pg_subtrans",
  ]
  static let log: EntryName = "pg_wal"
  private static let logStatus: EntryName = "archive_status"

  /// - Parameters:
  ///   - data: The server's data directory.
  ///   - majorVersion: The server's.
  /// - Throws: `SystemError`; `ServerFolderError`.
  init(_ data: Folder, majorVersion: Int) throws {
    let owner = try data.status().st_uid
    let links = try data.folder(ClusterPlaces.links)
    var tablespaces: [BaseBackupFacts.Tablespace] = []
    levels = []
    for name in try links.names() {
      guard let oid = UInt32(name.description), name == EntryName(String(oid)) else { continue }
      let target = try links.link(name).target
      guard let tablespace = BaseBackupFacts.Tablespace(oid: oid, location: ServerText(target)) else {
        throw SystemError(call: "readlink", subject: links.path(of: name), code: EINVAL)
      }
      tablespaces.append(tablespace)
      let folder = try Self.linked(target, owner: owner)
      let versions = try folder.names().filter { $0.bytes.starts(with: "PG_\(majorVersion)_".utf8) }
      levels.append(
        Level(folder: folder, path: [], root: BaseBackupTar.folder(of: oid), names: versions[...]))
    }
    self.tablespaces = tablespaces
    levels.append(Level(folder: data, path: [], root: [], names: try data.names()[...]))
  }

  /// A folder that a link of the server leads to: its own, whatever the link's owner would have others read.
  ///
  /// - Throws: `SystemError`; `ServerFolderError`.
  static func linked(_ target: [UInt8], owner: uid_t) throws -> Folder {
    let folder = try Folder(opening: target)
    guard try folder.status().st_uid == owner else { throw ServerFolderError.otherOwner(folder.path) }
    return folder
  }

  /// The next member.
  ///
  /// - Returns: nil behind the last.
  /// - Throws: `SystemError`; `TooLong`.
  func next() throws -> Member? {
    while ready.isEmpty, var level = levels.popLast() {
      guard let name = level.names.popFirst() else { continue }
      levels.append(level)
      try take(name, in: level)
    }
    return ready.isEmpty ? nil : ready.removeFirst()
  }

  private func take(_ name: EntryName, in level: Level) throws {
    guard !isOmitted(name, in: level) else { return }
    let found = try Self.unlessGone { () throws(SystemError) in try level.folder.status(of: name) }
    guard let facts = found else { return }
    let path = level.path + [name]
    switch facts.st_mode & S_IFMT {
    case S_IFDIR: try takeFolder(name, path, facts, in: level)
    case S_IFREG: try takeFile(name, path, in: level)
    // The log may be on another disk.
    case S_IFLNK where path == [Self.log]: try takeLog(facts)
    case S_IFLNK where path.count == 2 && path[0] == ClusterPlaces.links && level.root.isEmpty: break
    case S_IFSOCK: break
    default: warnings.append("\(path.joined) is no file, and is left out")
    }
  }

  /// The server goes on making and removing files.
  private static func unlessGone<Value>(_ body: () throws(SystemError) -> Value) throws(SystemError) -> Value? {
    do throws(SystemError) {
      return try body()
    } catch {
      guard error.code == ENOENT else { throw error }
      return nil
    }
  }

  private func isOmitted(_ name: EntryName, in level: Level) -> Bool {
    if Self.omitted.contains(name) || Self.omittedBeginnings.contains(where: { name.bytes.starts(with: $0.utf8) }) {
      return true
    }
    if level.root.isEmpty, level.path + [name] == [ClusterPlaces.control.folder, ClusterPlaces.control.name] {
      return true
    }
    guard level.hasRelations else { return false }
    if RelationFileName.isTemporary(name) { return true }
    guard let relation = RelationFileName(name), relation.fork != .initial else { return false }
    return level.unlogged.contains(relation.number)
  }

  private func takeFolder(_ name: EntryName, _ path: [EntryName], _ facts: stat, in level: Level) throws {
    if level.root.isEmpty, path == [Self.log] { return try takeLog(facts) }
    if level.root.isEmpty, path.count == 1, Self.emptied.contains(name) {
      return ready.append(.folder(try block(path, level.root, facts)))
    }
    let found = try Self.unlessGone { () throws(SystemError) in
      let folder = try level.folder.folder(name)
      return (folder, try folder.names())
    }
    guard let (folder, names) = found else { return }
    ready.append(.folder(try block(path, level.root, facts)))
    var inner = Level(folder: folder, path: path, root: level.root, names: names[...])
    if Self.hasRelations(path, isTablespace: !level.root.isEmpty) {
      inner.hasRelations = true
      inner.unlogged = Set(
        names.compactMap { RelationFileName($0) }.filter { $0.fork == .initial }.map(\.number))
    }
    levels.append(inner)
  }

  /// Whether it is a database's folder, or that of what all databases share.
  private static func hasRelations(_ path: [EntryName], isTablespace: Bool) -> Bool {
    if path.count == 1 { return !isTablespace && path[0] == ClusterPlaces.control.folder }
    return path.count == 2 && (isTablespace || path[0] == "base") && UInt32(path[1].description) != nil
  }

  private func takeFile(_ name: EntryName, _ path: [EntryName], in level: Level) throws {
    let relation = level.hasRelations ? RelationFileName(name) : nil
    let title = level.root.isEmpty ? path.joined : "\(String(decoding: level.root, as: UTF8.self))/\(path.joined)"
    guard let file = try ServerFile(name, in: level.folder, path: title, relation: relation) else { return }
    ready.append(.file(try block(path, level.root, file.facts, size: file.size), file))
  }

  /// The folders of the log, which what the backup needs of it is put into.
  private func takeLog(_ facts: stat) throws {
    var facts = facts
    facts.st_mode = facts.st_mode & ~S_IFMT | S_IFDIR
    for path in [[Self.log], [Self.log, Self.logStatus]] { ready.append(.folder(try block(path, [], facts))) }
  }

  private func block(_ path: [EntryName], _ root: [UInt8], _ facts: stat, size: UInt64 = 0) throws -> TarBlock {
    let name = Array(path.map(\.bytes).joined(separator: "/".utf8))
    guard let block = TarBlock(name, facts, size: size), let named = root.isEmpty ? block : block.inFolder(root) else {
      throw TooLong(path: path.joined)
    }
    return named
  }
}
