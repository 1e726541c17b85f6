import CofferSystem

extension SFTPStore {
  func list(
    _ folder: String, after last: ObjectName?, cancellation: Cancellation?, _ take: ([ObjectStatus]) -> Void
  ) throws(StorageError) {
    try attempt(nil, cancellation) { (session) throws(SFTPError) in
      var pages = ListPages()
      var walk = SFTPWalk(session: session, root: root, last: last?.path, cancellation: cancellation)
      try walk.walk(folder) { path, attributes in
        guard let name = ObjectName(path), last.map({ $0 < name }) != false,
          let size = attributes.size.flatMap(Int.init(exactly:)), size > 0
        else { return }
        pages.add(Self.objectStatus(name, size, attributes), take)
      }
      pages.finish(take)
    }
  }

  func firstForeignEntry(
    besides isExpected: (String) -> Bool, cancellation: Cancellation?
  ) throws(StorageError) -> String? {
    try attempt(nil, cancellation) { (session) throws(SFTPError) -> String? in
      do throws(SFTPError) {
        guard try session.begin(.status(root), cancellation).attributes(cancellation).kind == .folder else {
          return root.parts(by: "/").last
        }
      } catch {
        guard error.isMissing else { throw error }
        return nil
      }
      return try foreignEntry(in: "", session, isExpected, cancellation)
    }
  }

  func unlistedEntries(
    in folder: String, depth: Int, cancellation: Cancellation?
  ) throws(StorageError) -> [String] {
    try attempt(nil, cancellation) { (session) throws(SFTPError) in
      var found: [String] = []
      var folders = [folder]
      for depth in stride(from: depth, to: 0, by: -1) {
        var deeper: [String] = []
        // Some side by side: servers keep no more than a thousand open, or so.
        for start in stride(from: 0, to: folders.count, by: SFTPWalk.widest) {
          let next = folders[start..<min(start + SFTPWalk.widest, folders.count)]
          let inside = try session.entries(of: next.map { SFTPPath.joined(root, $0.parts(by: "/")) }, cancellation)
          for (folder, entries) in zip(next, inside) {
            lookForUnlisted(among: entries ?? [], folder + "/", depth: depth, &found, &deeper)
          }
        }
        folders = deeper
      }
      return found
    }
  }

  /// - Parameters:
  ///   - prefix: Of the entries' paths, from the root on.
  ///   - deeper: Gets the folders that are to be looked into.
  private func lookForUnlisted(
    among entries: [SFTPEntry], _ prefix: String, depth: Int, _ found: inout [String], _ deeper: inout [String]
  ) {
    for entry in entries {
      let name = String(decoding: entry.name, as: UTF8.self)
      let path = prefix + name
      guard TemporaryName(parsing: name)?.writer == nil, ObjectName(path) != nil else { continue }
      switch entry.attributes.kind {
      case .file where entry.attributes.size ?? 0 > 0: continue
      case .folder where depth > 1: deeper.append(path)
      default: found.append(path)
      }
    }
  }

  func unfinishedPuts(cancellation: Cancellation?) throws(StorageError) -> [UnfinishedPut] {
    try attempt(nil, cancellation) { (session) throws(SFTPError) in
      var found: [UnfinishedPut] = []
      var walk = SFTPWalk(session: session, root: root, last: nil, cancellation: cancellation)
      try walk.walk("") { path, attributes in
        let size = attributes.size.flatMap(Int.init(exactly:)) ?? 0
        if let name = path.parts(by: "/").last.flatMap({ TemporaryName(parsing: $0) }) {
          found.append(UnfinishedPut(path: path, size: size, isAbandoned: name.isAbandoned(seenBy: identity)))
        } else if size == 0, ObjectName(path) != nil {
          found.append(UnfinishedPut(path: path, size: 0, isAbandoned: false))
        }
      }
      return found
    }
  }

  /// - Parameter prefix: Of the paths of what is in the folder, from the root on.
  private func foreignEntry(
    in prefix: String, _ session: SFTPSession, _ isExpected: (String) -> Bool, _ cancellation: Cancellation?
  ) throws(SFTPError) -> String? {
    let folder = prefix.isEmpty ? root : SFTPPath.joined(root, prefix.before(end: "/") ?? prefix)
    for entry in try session.entries(of: folder, cancellation) ?? [] {
      let name = String(decoding: entry.name, as: UTF8.self)
      guard TemporaryName(parsing: name)?.writer == nil else { continue }
      let path = prefix + name
      // No folder that is expected is deeper than objects are.
      guard isExpected(path), path.parts(by: "/").count <= ObjectName.partLimit else { return path }
      guard entry.attributes.kind == .folder else { continue }
      if let found = try foreignEntry(in: path + "/", session, isExpected, cancellation) { return found }
    }
    return nil
  }
}

/// Goes through the files below a folder, no deeper than objects are, in the order of their paths' bytes. Folders are read ahead,
/// several at a time: each answer takes as long as the way to the server and back.
struct SFTPWalk {
  let session: SFTPSession
  let root: String
  /// Folders in which everything comes before this path are left out.
  let last: String?
  let cancellation: Cancellation?
  /// Folders that are read at a time, by what the largest so far had in it.
  private var width = widest

  fileprivate static let widest = 64
  private static let narrowest = 2
  /// Names that folders which are read at a time may have together, as far as that can be known.
  private static let namesAtOnce = 20_000

  init(session: SFTPSession, root: String, last: String?, cancellation: Cancellation?) {
    self.session = session
    self.root = root
    self.last = last
    self.cancellation = cancellation
  }

  /// - Parameters:
  ///   - folder: From the root on; empty for the root itself.
  ///   - body: Given paths from the root on.
  mutating func walk(
    _ folder: String, _ body: (_ path: String, SFTPAttributes) -> Void
  ) throws(SFTPError) {
    let parts = folder.parts(by: "/", keepingEmpty: false)
    guard let entries = try session.entries(of: SFTPPath.joined(root, parts), cancellation) else { return }
    try walk(folder.isEmpty ? "" : folder + "/", entries, depth: parts.count + 1, body)
  }

  private mutating func walk(
    _ prefix: String, _ entries: [SFTPEntry], depth: Int, _ body: (_ path: String, SFTPAttributes) -> Void
  ) throws(SFTPError) {
    let folders = depth < ObjectName.partLimit ? entries.compactMap { path(ofFolder: $0, prefix) } : []
    var position = 0
    var read: [[SFTPEntry]?] = []
    for entry in entries {
      if cancellation?.isCancelled == true { throw .cancelled }
      let path = prefix + String(decoding: entry.name, as: UTF8.self)
      if entry.attributes.kind == .file { body(path, entry.attributes) }
      guard position < folders.count, path == folders[position] else { continue }
      if read.isEmpty {
        let next = folders[position..<min(position + width, folders.count)]
        read = try session.entries(of: next.map { SFTPPath.joined(root, $0.parts(by: "/")) }, cancellation).reversed()
        let largest = max(read.map { $0?.count ?? 0 }.max() ?? 0, 1)
        width = min(max(Self.namesAtOnce / largest, Self.narrowest), Self.widest)
      }
      position += 1
      guard let inside = read.removeLast() else { continue }
      try walk(path + "/", inside, depth: depth + 1, body)
    }
  }

  /// The path of a folder that may hold objects which are wanted.
  private func path(ofFolder entry: SFTPEntry, _ prefix: String) -> String? {
    guard entry.attributes.kind == .folder else { return nil }
    let name = String(decoding: entry.name, as: UTF8.self)
    guard ObjectName(name) != nil else { return nil }
    let path = prefix + name
    guard let last, !last.begins(with: path + "/") else { return path }
    return last.utf8.lexicographicallyPrecedes((path + "/").utf8) ? path : nil
  }
}
