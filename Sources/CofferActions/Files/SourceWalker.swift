import CofferHooks
import CofferRepository
import CofferSystem
import Foundation

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
struct SourceWalker {
  enum Event {
    case item(FileWalker.Found, at: ItemPath)
    /// A socket, a device or a FIFO: left out.
    case special(path: String)
    /// A repository or the folder of a run: left out.
    case own(path: String)
    /// It was there a moment ago.
    case vanished(path: String)
    case failed(SystemError)
  }

  let rules: SourceRules
  /// Where the roots stand in the archive: each is found from itself only, not from one above it.
  let roots: Set<ItemPath>
  /// Takes folders before what is in them, names in order.
  let body: (Event) throws -> Void

  func walk(_ root: SourceRoot) throws {
    try visit(root.path, at: ItemPath(bytes: root.archivePath), device: nil)
  }

  /// - Parameter device: The root's; nil for the root itself.
  private func visit(_ path: [UInt8], at place: ItemPath, device: dev_t?) throws {
    // A root whose content stands at the archive's top is no item.
    let verdict = place.bytes.isEmpty ? PatternSet.Verdict(.exclude) : rules.patterns.verdict(on: place)
    // What is not to be looked at is not touched at all: that could fail.
    guard verdict.isIncluded || verdict.descends else { return }
    guard let found = try attempt({ () throws(SystemError) in try FileWalker.Found(path) }) else { return }
    if found.kind == .folder {
      try visitFolder(found, at: place, isIncluded: verdict.isIncluded, device: device)
    } else if verdict.isIncluded, found.kind == .special {
      try body(.special(path: found.text))
    } else if verdict.isIncluded, !isNoDump(found) {
      try body(.item(found, at: place))
    }
  }

  private func visitFolder(
    _ folder: FileWalker.Found, at place: ItemPath, isIncluded: Bool, device: dev_t?
  ) throws {
    guard !rules.repositories.contains(FileIdentity(folder.facts)), !RuntimeDirectory.isRunFolder(folder.text) else {
      return try body(.own(path: folder.text))
    }
    guard !isNoDump(folder) else { return }
    // The folder that a file system is mounted on is kept, empty: a restored machine needs it to mount there again.
    let isMounted = rules.staysOnFileSystem && device.map { $0 != folder.facts.st_dev } == true
    let marks = isMounted ? [] : rules.marks.found(in: folder.path)
    guard marks.isEmpty || rules.keepsMarks && isIncluded else { return }
    if isIncluded { try body(.item(folder, at: place)) }
    guard !isMounted else { return }
    let names =
      marks.isEmpty
      ? try attempt { () throws(SystemError) in try FileWalker.names(in: folder.path) } ?? []
      : marks.map { Array($0.utf8) }
    for name in names {
      let below = ItemPath(bytes: FileWalker.appending(name, to: place.bytes))
      guard !roots.contains(below) else { continue }
      try visit(FileWalker.appending(name, to: folder.path), at: below, device: device ?? folder.facts.st_dev)
    }
  }

  private func isNoDump(_ found: FileWalker.Found) -> Bool {
    rules.excludesNoDump && found.kind != .link && FolderMarks.isNoDump(found.path)
  }

  /// - Returns: nil when it failed, which was then told.
  private func attempt<Value>(_ look: () throws(SystemError) -> Value) throws -> Value? {
    switch Result(catching: look) {
    case .success(let value): return value
    case .failure(let error):
      try body(error.isVanishing ? .vanished(path: error.subject) : .failed(error))
      return nil
    }
  }
}

extension SystemError {
  /// Whether a file that was there is there no more, or has become something else.
  var isVanishing: Bool { [ENOENT, ENOTDIR, ELOOP, ESTALE].contains(code) }
}
