import CofferRepository
import CofferSystem

/// Reads files and puts them into archives.
struct FileStorer {
  let context: ActionContext
  let group: RepositoryGroup
  let add: (RepositoryGroup.Stored?, (StreamReference?) -> ArchiveItem) -> Void
  private let unread = UnreadAttributes()
  private let owners = OwnerNames()
  private let times: SettledTimes
  private let tally = FileTally()

  init(
    context: ActionContext, group: RepositoryGroup,
    add: @escaping (RepositoryGroup.Stored?, (StreamReference?) -> ArchiveItem) -> Void
  ) {
    self.context = context
    self.group = group
    self.add = add
    times = SettledTimes(context.surroundings.clock)
  }

  /// Stores what the configuration's sources hold.
  ///
  /// - Parameters:
  ///   - taken: Items that are stored by other means.
  ///   - begin: Called with each root before it is looked at.
  /// - Throws: `SeveralErrors` with every file that could not be read; errors of the repositories; `RunCancelled`.
  func store(_ sources: SourceSelection, except taken: Set<ItemPath>, _ begin: (SourceRoot) -> Void) throws {
    let roots = Set(sources.roots.map { ItemPath(bytes: $0.archivePath) })
    var failures: [any Error] = []
    let links = LinkMemory()
    var undecided: Set<String> = []
    defer {
      unread.tell(context.console)
      tally.tell(context.console)
    }
    let walker = SourceWalker(rules: sources.rules, roots: roots) { event in
      try context.cancellation.check()
      switch event {
      case .own(let path): context.console.step("\(path): Made by Coffer; left out")
      // Unlike the folders that the configuration names, it is there by chance, and hides what its folder holds.
      case .mount(let path): context.console.warning("\(path): Made by Coffer; left out: an archive is mounted there")
      case .vanished(let path): tellVanished(path)
      case .failed(let error): failures.append(error)
      case .undecided(let error):
        if undecided.insert(error.diagnosis.subject).inserted {
          context.console.warning("\(error.diagnosis.subject): \(error.diagnosis.problem); it is backed up")
        }
      case .item(let found, let place):
        guard !taken.contains(place) else { return }
        do {
          try store(found, at: place, sources.kept, links)
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
    try store(try FoundFile(bytes), at: ItemPath(bytes: bytes).withoutLeadingSlash, KeptFacts(), LinkMemory())
    unread.tell(context.console)
  }

  private func store(
    _ found: FoundFile, at place: ItemPath, _ kept: KeptFacts, _ links: LinkMemory
  ) throws {
    if let known = links.take(found.facts) {
      return add(known.stream) { reference in
        var item = known.item
        item.path = place
        if let reference { item.content = .file(reference) }
        return item
      }
    }
    var stream: RepositoryGroup.Stored?
    var found = found
    let extras: ItemExtras
    if found.kind == .file {
      (stream, extras) = try storeContent(of: &found, at: place, kept)
    } else {
      extras = try found.extras(kept, unread: unread.add)
    }
    if LinkMemory.mayHaveNames(found.facts) {
      let item = found.item(at: place, stream: nil, kept, extras: extras, owners: owners)
      links.remember(stream, item, found.facts)
    }
    add(stream) { [found] in found.item(at: place, stream: $0, kept, extras: extras, owners: owners) }
  }

  /// Stores a file's content, unless the repositories have it.
  private func storeContent(
    of found: inout FoundFile, at place: ItemPath, _ kept: KeptFacts
  ) throws -> (stream: RepositoryGroup.Stored, extras: ItemExtras) {
    let facts = FileFacts(found.facts)
    let unchanged = group.unchanged(facts, at: place)
    if let unchanged, let known = unchanged.extras(facts, withFlags: kept.flags) {
      group.keep(unchanged)
      tally.add(unread: unchanged.stored.size)
      return (unchanged.stored, kept.extras(known, of: found.facts))
    }
    let opening = times.now
    let source = try found.content(touches: !kept.accessTime)
    // Owner and mode are those of what is read, not of what had the name before.
    found.facts = source.facts
    var knowsAttributes = true
    var extras = kept.extras(of: source.facts, source.number, subject: found.text) { error in
      knowsAttributes = false
      unread.add(error)
    }
    if let unchanged, FileFacts(source.facts) == facts {
      extras.extents = unchanged.extents
      group.keep(unchanged)
      tally.add(unread: unchanged.stored.size)
      return (unchanged.stored, extras)
    }
    source.settlePages()
    let stream = try group.store(source, at: place, remembers: true)
    tally.add()
    extras.extents = source.extents
    if source.hasChanged {
      context.console.warning(
        "\(Quoting.terminal(found.text)): It changed while it was read; the archive may hold half of each")
    } else if source.isUntouched {
      let file = ReadFile(
        facts: FileFacts(source.facts), settledBefore: times.limit(opening, of: source.facts, source.number),
        extras: extras, knowsAttributes: knowsAttributes, knowsFlags: kept.flags)
      group.remember(file, at: place, stream)
    }
    return (stream, extras)
  }

  private func tellVanished(_ path: String) {
    context.console.warning(
      "\(Quoting.terminal(path)): It vanished before it could be read; the archive is made without it")
  }
}

/// Attributes that cannot be read: said once. Used by one thread.
private final class UnreadAttributes {
  private var first: SystemError?
  private var count = 0

  func add(_ error: SystemError) {
    first = first ?? error
    count += 1
  }

  func tell(_ console: Console) {
    guard let first else { return }
    let others = count > 1 ? "; \(count - 1) others likewise" : ""
    console.warning(
      "\(Quoting.terminal(first.subject)): An extended attribute of it could not be read (\(first.reason)); the archive is "
        + "made without it\(others)")
    self.first = nil
    count = 0
  }
}

/// How many files were read, and how many were not. Used by one thread.
private final class FileTally {
  private var read = 0
  private var unread = 0
  private var unreadSize: UInt64 = 0

  func add() { read += 1 }

  /// - Parameter size: Of a file that was not read, in bytes.
  func add(unread size: UInt64) {
    unread += 1
    unreadSize = unreadSize.addingClamped(size)
  }

  func tell(_ console: Console) {
    guard unread > 0 else { return }
    console.remark(
      "\(unread) of \(read + unread) files are as they were and were not read (\(Formats.size(unreadSize)))")
  }
}

extension ItemPath {
  /// The path as archives have it.
  var withoutLeadingSlash: ItemPath { ItemPath(bytes: Array(bytes.drop { $0 == UInt8(ascii: "/") })) }
}
