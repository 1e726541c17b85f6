import CofferRepository
import CofferSystem

/// Reads files and puts them into archives.
struct FileStorer {
  let context: ActionContext
  let group: RepositoryGroup
  let add: (RepositoryGroup.Stored?, (StreamReference?) -> ArchiveItem) -> Void

  /// Stores what the configuration's sources hold.
  ///
  /// - Parameters:
  ///   - taken: Items that are stored by other means.
  ///   - begin: Called with each root before it is looked at.
  /// - Throws: `SeveralErrors` with every file that could not be read; errors of the repositories; `RunCancelled`.
  func store(_ sources: SourceSelection, except taken: Set<ItemPath>, _ begin: (SourceRoot) -> Void) throws {
    let roots = Set(sources.roots.map { ItemPath(bytes: $0.archivePath) })
    var failures: [any Error] = []
    let walker = SourceWalker(rules: sources.rules, roots: roots) { event in
      try context.cancellation.check()
      switch event {
      case .special(let path): context.console.step("\(path): Not a file, folder or link; left out")
      case .own(let path): context.console.step("\(path): Made by Coffer; left out")
      case .vanished(let path): tellVanished(path)
      case .failed(let error): failures.append(error)
      case .item(let found, let place):
        guard !taken.contains(place) else { return }
        do {
          try store(found, at: place, keepsNames: sources.keepsNames)
        } catch let error as SystemError where error.isVanishing {
          tellVanished(found.text)
        } catch let error as SystemError {
          failures.append(error)
        }
      }
    }
    for root in sources.roots {
      begin(root)
      try walker.walk(root)
    }
    // A file that could not be read is a backup that is not whole.
    if !failures.isEmpty { throw SeveralErrors(failures) }
  }

  /// Stores one file or link, whatever the rules for sources say.
  ///
  /// - Throws: `SystemError` when it cannot be read; errors of the repositories.
  func store(_ path: String) throws {
    let bytes = Array(path.utf8)
    try store(try FoundFile(bytes), at: ItemPath(bytes: bytes).withoutLeadingSlash, keepsNames: true)
  }

  private func store(_ found: FoundFile, at place: ItemPath, keepsNames: Bool) throws {
    var stream: RepositoryGroup.Stored?
    var found = found
    if found.kind == .file {
      let source = try found.content()
      // Owner and mode are those of what is read, not of what had the name before.
      found.facts = source.facts
      stream = try group.store(source, at: place)
      if source.hasChanged {
        context.console.warning(
          "\(Quoting.terminal(found.text)): It changed while it was read; the archive may hold half of each")
      }
    }
    add(stream) { [found] in found.item(at: place, stream: $0, keepsNames: keepsNames) }
  }

  private func tellVanished(_ path: String) {
    context.console.warning(
      "\(Quoting.terminal(path)): It vanished before it could be read; the archive is made without it")
  }
}

extension ItemPath {
  /// The path as archives have it.
  var withoutLeadingSlash: ItemPath { ItemPath(bytes: Array(bytes.drop { $0 == UInt8(ascii: "/") })) }
}
