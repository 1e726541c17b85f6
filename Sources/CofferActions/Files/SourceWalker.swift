import CofferHooks
import CofferRepository
import CofferSystem
import Glibc

/// What of the sources is backed up, and what is not.
struct SourceRules {
  var patterns = PatternSet()
  var marks = FolderMarks()
  /// Whether folders that a mark leaves out are kept with just the mark in them.
  var keepsMarks = false
  var excludesNoDump = false
  var staysOnFileSystem = false
  /// Folders that are never looked into: the repositories themselves.
  var repositories: Set<FileIdentity> = []
  /// Archives that are mounted, which are not looked into, either.
  var mounts = FuseMounts()
}

/// Which file it is, under whatever name.
struct FileIdentity: Hashable {
  private let device: dev_t
  private let number: ino_t

  init(_ facts: stat) {
    device = facts.st_dev
    number = facts.st_ino
  }

  /// - Returns: nil when there is nothing at the path.
  init?(path: String) {
    var facts = stat()
    guard stat(path, &facts) == 0 else { return nil }
    self.init(facts)
  }
}

/// Finds what is to be backed up, by the rules.
///
/// Every folder is opened in the one above it, so that what is found is what was looked at, whatever happens to the path
/// meanwhile. However deep folders are, only some of them are open at a time.
struct SourceWalker {
  enum Event {
    case item(FoundFile, at: ItemPath)
    /// A repository or the folder of a run: left out.
    case own(path: String)
    /// A mounted archive: left out.
    case mount(path: String)
    /// It was there a moment ago.
    case vanished(path: String)
    case failed(SystemError)
    /// Which pattern means it cannot be found out; it is taken. Whoever may give a file a name is not to end everybody's backup.
    case undecided(PatternError)
  }

  /// A folder that is being gone through.
  private struct Level {
    /// nil while folders far below are looked at.
    var folder: Folder?
    let identity: FileIdentity
    let path: [UInt8]
    let place: ItemPath
    /// Of the root.
    let device: dev_t
    /// Those to come, the next last.
    var names: [EntryName]
  }

  /// As many folders stay open at the top, and as many at the bottom.
  private static let openFolders = 64

  let rules: SourceRules
  /// Where the roots stand in the archive: each is found from itself only, not from one above it.
  let roots: Set<ItemPath>
  /// Takes folders before what is in them, names in order.
  let body: (Event) throws -> Void

  func walk(_ root: SourceRoot) throws {
    let start = try visit(at: ItemPath(bytes: root.archivePath), device: nil) { () throws(SystemError) in
      try FoundFile(root.path)
    }
    var levels = start.map { [$0] } ?? []
    while let last = levels.indices.last {
      // Of a copy of the level the first name that is taken would copy all names.
      guard let folder = levels[last].folder, let name = levels[last].names.popLast() else {
        try leave(&levels)
        continue
      }
      let place = ItemPath(bytes: Self.appending(name.bytes, to: levels[last].place.bytes))
      guard !roots.contains(place) else { continue }
      let path = Self.appending(name.bytes, to: levels[last].path)
      let below = try visit(at: place, device: levels[last].device, isMount: { rules.mounts.hold(name, in: folder) }) {
        () throws(SystemError) in try FoundFile(name, in: folder, path: path)
      }
      guard let below else { continue }
      levels.append(below)
      let far = levels.count - Self.openFolders
      if far > Self.openFolders { levels[far - 1].folder = nil }
    }
  }

  /// Goes back from a folder that is done to the one above.
  private func leave(_ levels: inout [Level]) throws {
    let done = levels.removeLast()
    guard let above = levels.last, above.folder == nil else { return }
    let folder = try? done.folder?.parent()
    guard let folder, let facts = try? folder.status(), FileIdentity(facts) == above.identity else {
      // It was moved elsewhere: what it still holds cannot be reached any more.
      return try body(.vanished(path: String(decoding: above.path, as: UTF8.self)))
    }
    levels[levels.count - 1].folder = folder
  }

  /// Looks at something and tells what it is.
  ///
  /// - Parameters:
  ///   - device: The root's; nil for the root itself.
  ///   - isMount: Whether an archive is mounted there: whose it is may refuse to be looked at.
  /// - Returns: A folder to be gone through.
  private func visit(
    at place: ItemPath, device: dev_t?, isMount: () -> Bool = { false }, _ look: () throws(SystemError) -> FoundFile
  ) throws -> Level? {
    // A root whose content stands at the archive's top is no item.
    var verdict = PatternSet.Verdict(place.bytes.isEmpty ? .exclude : .include)
    if !place.bytes.isEmpty {
      do { verdict = try rules.patterns.verdict(on: place) } catch let error as PatternError {
        try body(.undecided(error))
      }
    }
    // What is not to be looked at is not touched at all: that could fail.
    guard verdict.isIncluded || verdict.descends else { return nil }
    guard let found = try attempt(isMount: isMount, look) else { return nil }
    if found.kind == .folder {
      return try enter(found, at: place, isIncluded: verdict.isIncluded, device: device)
    }
    if verdict.isIncluded, !isNoDump(found) { try body(.item(found, at: place)) }
    return nil
  }

  private func enter(
    _ found: FoundFile, at place: ItemPath, isIncluded: Bool, device: dev_t?
  ) throws -> Level? {
    if let device, found.facts.st_dev != device, rules.mounts.hold(device: found.facts.st_dev) {
      try body(.mount(path: found.text))
      return nil
    }
    // The folder that a file system is mounted on is kept, empty: a restored machine needs it to mount there again.
    // It is not opened, for that could mount it.
    if rules.staysOnFileSystem, let device, found.facts.st_dev != device {
      if isIncluded, !isNoDump(found), !isRepository(found.facts) { try body(.item(found, at: place)) }
      return nil
    }
    guard let folder = try attempt(found.opened),
      let facts = try attempt({ () throws(SystemError) in try folder.status() })
    else { return nil }
    var found = found
    found.facts = facts
    found.itself = folder
    guard !isRepository(facts), !isRunFolder(folder, place) else {
      try body(.own(path: found.text))
      return nil
    }
    guard !isNoDump(found) else { return nil }
    let marks = rules.marks.found(in: folder)
    guard marks.isEmpty || rules.keepsMarks && isIncluded else { return nil }
    if isIncluded { try body(.item(found, at: place)) }
    let names = marks.isEmpty ? try attempt(folder.names) ?? [] : marks
    return Level(
      folder: folder, identity: FileIdentity(facts), path: found.path, place: place, device: device ?? facts.st_dev,
      names: names.reversed())
  }

  private func isRepository(_ facts: stat) -> Bool { rules.repositories.contains(FileIdentity(facts)) }

  private func isRunFolder(_ folder: Folder, _ place: ItemPath) -> Bool {
    let name = place.bytes.split(separator: UInt8(ascii: "/")).last.map { EntryName(bytes: $0) }
    return name.map { RuntimeDirectory.isRunFolder(folder, called: $0) } ?? false
  }

  private func isNoDump(_ found: FoundFile) -> Bool { rules.excludesNoDump && found.isNoDump }

  /// - Returns: nil when it failed, which was then told.
  private func attempt<Value>(
    isMount: () -> Bool = { false }, _ look: () throws(SystemError) -> Value
  ) throws -> Value? {
    switch Result(catching: look) {
    case .success(let value): return value
    case .failure(let error) where [EACCES, ENOTCONN].contains(error.code) && isMount():
      try body(.mount(path: error.subject))
      return nil
    case .failure(let error):
      try body(error.isVanishing ? .vanished(path: error.subject) : .failed(error))
      return nil
    }
  }

  static func appending(_ name: some Sequence<UInt8>, to path: [UInt8]) -> [UInt8] {
    path.isEmpty || path.last == UInt8(ascii: "/") ? path + name : path + [UInt8(ascii: "/")] + name
  }
}

extension SystemError {
  /// Whether a file that was there is there no more, or has become something else.
  var isVanishing: Bool { [ENOENT, ENOTDIR, ELOOP, ESTALE].contains(code) }
}
