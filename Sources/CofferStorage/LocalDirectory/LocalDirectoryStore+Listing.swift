import CofferSystem
import FoundationEssentials
import Glibc

extension LocalDirectoryStore {
  public func list(
    _ folder: String, after last: ObjectName?, cancellation: Cancellation?, _ take: ([ObjectStatus]) -> Void
  ) throws(StorageError) {
    try check(cancellation)
    var pages = ListPages()
    try walk(folder, cancellation) { path, facts in
      guard !Self.isReservation(facts), let name = ObjectName(path.joined),
        last.map({ $0 < name }) != false
      else { return }
      pages.add(Self.objectStatus(name, facts), take)
    }
    pages.finish(take)
  }

  public func firstForeignEntry(
    besides isExpected: (String) -> Bool, cancellation: Cancellation?
  ) throws(StorageError) -> String? {
    try check(cancellation)
    var facts = stat()
    guard stat(root, &facts) == 0 else {
      if errno == ENOENT { return nil }
      throw storageError(SystemError(call: "stat", subject: root), nil)
    }
    guard facts.st_mode & S_IFMT == S_IFDIR else { return UserPath.name(of: root) }
    guard let root = try opened() else { return nil }
    do throws(SystemError) { return try foreignEntry(in: root, prefix: "", isExpected, cancellation) } catch {
      throw storageError(error, nil)
    }
  }

  public func unlistedEntries(
    in folder: String, depth: Int, cancellation: Cancellation?
  ) throws(StorageError) -> [String] {
    try check(cancellation)
    guard let root = try opened() else { return [] }
    let place: Folder
    do throws(SystemError) { place = try self.folder(Self.parts(of: folder), in: root) } catch {
      switch error.code {
      case ENOENT: return []
      case ENOTDIR, ELOOP: return [folder]
      default: throw storageError(error, nil)
      }
    }
    var found: [String] = []
    do throws(SystemError) {
      try lookForUnlisted(in: place, folder + "/", depth: depth, cancellation) { found.append($0) }
    } catch {
      throw storageError(error, nil)
    }
    return found
  }

  public func unfinishedPuts(cancellation: Cancellation?) throws(StorageError) -> [UnfinishedPut] {
    try check(cancellation)
    var found: [UnfinishedPut] = []
    try walk("", cancellation) { path, facts in
      let text = path.joined
      if let name = path.last.flatMap({ TemporaryName(parsing: $0.description) }) {
        found.append(
          UnfinishedPut(path: text, size: Int(facts.st_size), isAbandoned: name.isAbandoned(seenBy: identity)))
      } else if Self.isReservation(facts), ObjectName(text) != nil {
        found.append(UnfinishedPut(path: text, size: 0, isAbandoned: false))
      }
    }
    return found
  }

  /// Whether it is a file that this process writes, or has left.
  func isOwn(_ put: UnfinishedPut) -> Bool {
    guard let identity, let name = Self.parts(of: put.path).last.flatMap({ TemporaryName(parsing: $0) }) else {
      return false
    }
    return name.isWritten(by: identity)
  }

  private func foreignEntry(
    in folder: Folder, prefix: String, _ isExpected: (String) -> Bool, _ cancellation: Cancellation?
  ) throws(SystemError) -> String? {
    try Self.check(cancellation)
    for name in try folder.names() where TemporaryName(parsing: name.description)?.writer == nil {
      let path = prefix + name.description
      // No folder that is expected is deeper than objects are.
      guard isExpected(path), Self.parts(of: path).count <= ObjectName.partLimit else { return path }
      guard try folder.status(of: name).st_mode & S_IFMT == S_IFDIR else { continue }
      let found = try foreignEntry(in: try folder.folder(name), prefix: path + "/", isExpected, cancellation)
      if let found { return found }
    }
    return nil
  }

  /// - Parameter prefix: Of the paths of what is in the folder, from the root on.
  private func lookForUnlisted(
    in folder: Folder, _ prefix: String, depth: Int, _ cancellation: Cancellation?, _ tell: (String) -> Void
  ) throws(SystemError) {
    for name in try folder.names() where TemporaryName(parsing: name.description)?.writer == nil {
      try Self.check(cancellation)
      let path = prefix + name.description
      guard ObjectName(path) != nil else { continue }
      // What vanishes after its name was read was another run's.
      do throws(SystemError) {
        let facts = try folder.status(of: name)
        switch facts.st_mode & S_IFMT {
        case S_IFREG where facts.st_size > 0: continue
        case S_IFDIR where depth > 1:
          try lookForUnlisted(in: try folder.folder(name), path + "/", depth: depth - 1, cancellation, tell)
        default: tell(path)
        }
      } catch {
        if error.code != ENOENT { throw error }
      }
    }
  }

  /// Calls `body` with the paths of all files below a folder, no deeper than objects are, in the order of their bytes.
  private func walk(
    _ path: String, _ cancellation: Cancellation?, _ body: ([EntryName], stat) -> Void
  ) throws(StorageError) {
    guard let root = try opened() else { return }
    let parts = Self.parts(of: path)
    do throws(SystemError) {
      try walk(try folder(parts, in: root), parts.map { EntryName($0) }, cancellation, body)
    } catch {
      if error.code == ENOENT { return }
      throw storageError(error, nil)
    }
  }

  private func walk(
    _ folder: Folder, _ parts: [EntryName], _ cancellation: Cancellation?, _ body: ([EntryName], stat) -> Void
  ) throws(SystemError) {
    var names = try folder.names()
    if parts.count + 1 < ObjectName.partLimit { try sort(&names, in: folder) }
    for name in names {
      try Self.check(cancellation)
      // What vanishes after it was listed was deleted by another run.
      do throws(SystemError) {
        let facts = try folder.status(of: name)
        let path = parts + [name]
        if facts.st_mode & S_IFMT == S_IFREG { body(path, facts) }
        guard facts.st_mode & S_IFMT == S_IFDIR, path.count < ObjectName.partLimit,
          ObjectName(name.description) != nil
        else { continue }
        try walk(try folder.folder(name), path, cancellation, body)
      } catch {
        if error.code != ENOENT { throw error }
      }
    }
  }

  /// Sorts the names by the paths that they begin: a slash follows those of folders, and `a-b` comes before `a/b`. Only names
  /// that begin with another are moved by that.
  private func sort(_ names: inout [EntryName], in folder: Folder) throws(SystemError) {
    var keys: [EntryName: [UInt8]] = [:]
    for (name, next) in zip(names, names.dropFirst()) where next.bytes.starts(with: name.bytes) {
      let isFolder = (try? folder.status(of: name)).map { $0.st_mode & S_IFMT == S_IFDIR } ?? false
      if isFolder { keys[name] = name.bytes + [UInt8(ascii: "/")] }
    }
    guard !keys.isEmpty else { return }
    names.sort { (keys[$0] ?? $0.bytes).lexicographicallyPrecedes(keys[$1] ?? $1.bytes) }
  }
}
