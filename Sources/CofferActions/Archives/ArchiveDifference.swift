import CofferRepository
import CofferSystem

/// What became of the databases and files of one archive in another.
struct ArchiveDifference {
  struct Change: Equatable {
    enum Kind: String {
      case added, removed
      /// Content, or something else of it.
      case modified
    }

    let kind: Kind
    let path: ItemPath
    /// What is remembered of it if it is a dump: of the later one, if there are two.
    let dump: DumpRecord?
    /// Of content; of all files of a dump that is a folder.
    let bytes: StreamDifference
    /// What else changed of a file, in words of what it was and is.
    var facts: [Fact] = []
  }

  struct Fact: Equatable {
    /// A word for programs: `kind`, `link`, `mode`, `owner`, `device`, `attributes`, `flags`, `holes`.
    let name: String
    let old: String
    let new: String
  }

  /// Dumps first, then what is in the later archive in its order, then what was removed.
  let changes: [Change]

  /// Compares two archives of a repository by their items and recipes; content is not read. Both lists are gone through at the
  /// same time, and what waits for its like is all that is held: little, unless the archives have little in common.
  ///
  /// A stolen key may sign archives that hold a path twice: the first counts, as it does when one path is extracted.
  ///
  /// - Throws: `DumpRecord.Unreadable`; `RepositoryError`; `StorageError`; `RunCancelled`.
  init(from old: Archive, to new: Archive, by reader: ArchiveReader, cancellation: Cancellation) throws {
    var before = reader.cursor(over: old, cancellation: cancellation)
    var after = reader.cursor(over: new, cancellation: cancellation)
    var olds = UnpairedItems(HeldItems(refusing: before.tooLong))
    var news = UnpairedItems(HeldItems(refusing: after.tooLong))
    var changes = Changes(reader: reader, HeldItems(refusing: after.tooLong))
    while true {
      let (one, two) = (try before.next(), try after.next())
      if one == nil, two == nil { break }
      if let one { try olds.add(one) }
      if let two { try news.add(two) }
      for path in [one, two].compactMap({ $0?.path }) {
        try changes.compare(UnpairedItems.pair(at: path, &olds, &news))
      }
    }
    let dumps = (old: try ArchiveDump.all(in: olds.own.map(\.item)), new: try ArchiveDump.all(in: news.own.map(\.item)))
    olds.release(besides: dumps.old)
    news.release(besides: dumps.new)
    for path in news.items.keys {
      try changes.compare(UnpairedItems.pair(at: path, &olds, &news))
    }
    try olds.forget(foundIn: new, reader, cancellation)
    try news.forget(foundIn: old, reader, cancellation)
    for (number, item) in news.items.values { try changes.add(number, Entry(item).change(.added)) }
    let removed = olds.items.values.sorted { $0.number < $1.number }.map { Entry($0.item).change(.removed) }
    let ofDumps = try Self.changes(from: dumps.old, to: dumps.new, reader)
    self.changes = ofDumps.there + changes.inOrder + ofDumps.removed + removed
  }

  /// What was found so far.
  private struct Changes {
    let reader: ArchiveReader
    private var found: [(number: Int, change: Change)] = []
    private var held: HeldItems

    init(reader: ArchiveReader, _ held: HeldItems) {
      self.reader = reader
      self.held = held
    }

    /// - Parameter pair: nil where there is nothing to compare.
    mutating func compare(_ pair: UnpairedItems.Pair?) throws {
      guard let pair else { return }
      let (old, new) = (pair.old.item, pair.new.item)
      // Most are as they were; names are compared byte by byte.
      if old == new, old.user == new.user, old.group == new.group { return }
      let (before, after) = (Entry(old), Entry(new))
      let bytes = try ArchiveDifference.bytes(from: before, to: after, reader)
      let facts = ArchiveDifference.facts(from: old, to: new)
      guard !facts.isEmpty || !after.hasSameContent(as: before) else { return }
      try add(pair.new.number, after.change(.modified, bytes, facts))
    }

    mutating func add(_ number: Int, _ change: Change) throws {
      try held.add(
        change.facts.reduce(MemoryLayout<Change>.stride + change.path.bytes.count) { size, fact in
          size + MemoryLayout<Fact>.stride + fact.old.utf8.count + fact.new.utf8.count
        })
      found.append((number, change))
    }

    var inOrder: [Change] { found.sorted { $0.number < $1.number }.map(\.change) }
  }

  private static func changes(
    from olds: [ArchiveDump], to news: [ArchiveDump], _ reader: ArchiveReader
  ) throws -> (there: [Change], removed: [Change]) {
    let (before, after) = (olds.map(Entry.init), news.map(Entry.init))
    let known = Dictionary(before.map { ($0.path, $0) }) { first, _ in first }
    var changes: [Change] = []
    for entry in after {
      guard let old = known[entry.path] else {
        changes.append(entry.change(.added))
        continue
      }
      let bytes = try bytes(from: old, to: entry, reader)
      if !entry.hasSameContent(as: old) { changes.append(entry.change(.modified, bytes)) }
    }
    let paths = Set(after.map(\.path))
    return (changes, before.filter { !paths.contains($0.path) }.map { $0.change(.removed) })
  }

  /// A file, a link or a folder; or a dump with all that belongs to it.
  private struct Entry {
    let items: [ArchiveItem]
    let dump: DumpRecord?

    init(_ item: ArchiveItem) {
      items = [item]
      dump = nil
    }

    init(_ dump: ArchiveDump) {
      items = dump.items
      self.dump = dump.record
    }

    var path: ItemPath { items[0].path }
    private var size: UInt64 { items.reduce(0) { $0.addingClamped($1.size) } }

    func change(_ kind: Change.Kind, _ bytes: StreamDifference, _ facts: [Fact] = []) -> Change {
      Change(kind: kind, path: path, dump: dump, bytes: bytes, facts: facts)
    }

    /// All of it was added, or removed.
    func change(_ kind: Change.Kind) -> Change {
      change(kind, StreamDifference(added: kind == .added ? size : 0, removed: kind == .removed ? size : 0))
    }

    /// Of links and folders the content is among the facts.
    func hasSameContent(as other: Entry) -> Bool {
      items.count == other.items.count
        && zip(items, other.items).allSatisfy { $0.path == $1.path && $0.stream?.hash == $1.stream?.hash }
    }
  }

  private static func bytes(from old: Entry, to new: Entry, _ reader: ArchiveReader) throws -> StreamDifference {
    let known = Dictionary(old.items.map { ($0.path, $0) }) { first, _ in first }
    var sum = StreamDifference.none
    for item in new.items {
      guard let stream = item.stream else { continue }
      if let before = known[item.path]?.stream {
        sum = sum + (try reader.difference(from: before, to: stream))
      } else {
        sum = sum + StreamDifference(added: stream.size, removed: 0)
      }
    }
    let files = Set(new.items.filter { $0.stream != nil }.map(\.path))
    for item in old.items where !files.contains(item.path) {
      sum = sum + StreamDifference(added: 0, removed: item.size)
    }
    return sum
  }

  private static func facts(from old: ArchiveItem, to new: ArchiveItem) -> [Fact] {
    let pairs = [
      ("kind", old.content.word, new.content.word), ("link", old.content.target, new.content.target),
      ("mode", String(old.mode, radix: 8), String(new.mode, radix: 8)),
      ("owner", owner(of: old), owner(of: new)), ("device", old.content.numbers, new.content.numbers),
      ("attributes", attributes(of: old), attributes(of: new)),
      ("flags", String(old.extras.flags, radix: 16), String(new.extras.flags, radix: 16)),
      ("holes", holes(of: old), holes(of: new)),
    ]
    return pairs.filter { !$0.1.isSame(as: $0.2) }.map { Fact(name: $0.0, old: $0.1, new: $0.2) }
  }

  /// Names with their values.
  private static func attributes(of item: ArchiveItem) -> String {
    item.extras.attributes.map { attribute in
      let value = attribute.value.map { String($0, radix: 16) }.joined(separator: " ")
      return "\(String(decoding: attribute.name, as: UTF8.self))=\(value)"
    }.joined(separator: ", ")
  }

  /// Bytes of all of them, and of the file.
  private static func holes(of item: ArchiveItem) -> String {
    item.extras.extents.map { "\($0.size - $0.dataSize) of \($0.size)" } ?? ""
  }

  private static func owner(of item: ArchiveItem) -> String {
    let user = item.user.isEmpty ? String(item.userID) : item.user
    return user + ":" + (item.group.isEmpty ? String(item.groupID) : item.group)
  }
}

extension ArchiveItem {
  fileprivate var stream: StreamReference? { content.stream }
}

extension ArchiveItem.Content {
  fileprivate var word: String {
    switch self {
    case .directory: "folder"
    case .file: "file"
    case .symbolicLink: "link"
    case .device(isBlock: true, _, _): "block device"
    case .device(isBlock: false, _, _): "character device"
    case .fifo: "FIFO"
    case .socket: "socket"
    }
  }

  /// Empty for all but devices.
  fileprivate var numbers: String {
    if case .device(_, let major, let minor) = self { "\(major):\(minor)" } else { "" }
  }

  /// Empty for all but links.
  fileprivate var target: String {
    if case .symbolicLink(let target) = self { target.text } else { "" }
  }
}
