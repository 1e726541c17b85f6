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

  /// In the order of the later archive; what was removed is behind that.
  let changes: [Change]

  /// Compares two archives of a repository by their items and recipes; content is not read.
  ///
  /// - Throws: `DumpRecord.Unreadable`; `RepositoryError`; `StorageError`.
  init(from olds: [ArchiveItem], to news: [ArchiveItem], by reader: ArchiveReader, cancellation: Cancellation) throws {
    let (before, after) = (try Self.entries(olds), try Self.entries(news))
    // A stolen key may sign archives that hold a path twice: the first counts, as it does when one path is extracted.
    let known = Dictionary(before.map { ($0.path, $0) }) { first, _ in first }
    var changes: [Change] = []
    for entry in after {
      try cancellation.check()
      guard let old = known[entry.path] else {
        changes.append(entry.change(.added, StreamDifference(added: entry.size, removed: 0)))
        continue
      }
      let bytes = try Self.bytes(from: old, to: entry, reader)
      let facts = entry.dump == nil ? Self.facts(from: old.items[0], to: entry.items[0]) : []
      if !facts.isEmpty || !entry.hasSameContent(as: old) { changes.append(entry.change(.modified, bytes, facts)) }
    }
    let paths = Set(after.map(\.path))
    changes += before.filter { !paths.contains($0.path) }.map {
      $0.change(.removed, StreamDifference(added: 0, removed: $0.size))
    }
    self.changes = changes
  }

  /// A file, a link or a folder; or a dump with all that belongs to it.
  private struct Entry {
    let items: [ArchiveItem]
    let dump: DumpRecord?

    var path: ItemPath { items[0].path }
    var size: UInt64 { items.reduce(0) { $0.addingClamped($1.size) } }

    func change(_ kind: Change.Kind, _ bytes: StreamDifference, _ facts: [Fact] = []) -> Change {
      Change(kind: kind, path: path, dump: dump, bytes: bytes, facts: facts)
    }

    /// Of links and folders the content is among the facts.
    func hasSameContent(as other: Entry) -> Bool {
      items.count == other.items.count
        && zip(items, other.items).allSatisfy { $0.path == $1.path && $0.stream?.hash == $1.stream?.hash }
    }
  }

  private static func entries(_ items: [ArchiveItem]) throws(DumpRecord.Unreadable) -> [Entry] {
    let dumps = try ArchiveDump.all(in: items)
    let ofDumps = Set(dumps.flatMap { $0.items.map(\.path) })
    return dumps.map { Entry(items: $0.items, dump: $0.record) }
      + items.filter { !ofDumps.contains($0.path) }.map { Entry(items: [$0], dump: nil) }
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
