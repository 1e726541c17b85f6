import CofferSystem
import Foundation
import Testing

/// Everything about a tree of files that a backup is to give back.
struct TreeSnapshot {
  struct Entry: Equatable {
    let mode: mode_t
    let owner: [UInt32]
    let device: dev_t
    /// Seconds and nanoseconds.
    let modified: [Int]
    /// The path under which the same file was found first.
    let firstName: [UInt8]
    let attributes: [[UInt8]: [UInt8]]
    var flags: FileFlags
    /// Of links where they lead, of files what is in them.
    let content: [UInt8]
    /// Where there is data, in bytes from the beginning.
    let data: [Range<Int>]
  }

  private(set) var entries: [[UInt8]: Entry] = [:]
  private var names: [ino_t: [UInt8]] = [:]

  /// O_PATH of linux/fcntl.h.
  private static let openPlace: Int32 = 0o1000_0000

  init(_ path: String) throws {
    try add(try Folder(opening: path), at: [])
  }

  var withoutSocketsAndFlags: TreeSnapshot {
    var snapshot = self
    snapshot.entries = entries.filter { $0.value.mode & S_IFMT != S_IFSOCK }.mapValues { entry in
      var entry = entry
      entry.flags = []
      return entry
    }
    return snapshot
  }

  private mutating func add(_ folder: Folder, at path: [UInt8]) throws {
    for name in try folder.names() {
      let below = path.isEmpty ? name.bytes : path + [UInt8(ascii: "/")] + name.bytes
      let facts = try folder.status(of: name)
      let type = facts.st_mode & S_IFMT
      let isOpened = type == S_IFREG || type == S_IFDIR
      let opened = try folder.open(name, flags: isOpened ? O_RDONLY : Self.openPlace)
      let first = names[facts.st_ino] ?? below
      names[facts.st_ino] = first
      var attributes: [[UInt8]: [UInt8]] = [:]
      for attribute in try ExtendedAttributes.names(of: opened.number, subject: name.description) {
        attributes[attribute] = try ExtendedAttributes.value(
          of: attribute, on: opened.number, subject: name.description)
      }
      var content: [UInt8] = []
      if type == S_IFLNK { content = try folder.link(name).target }
      if type == S_IFREG { content = try opened.readAll(limit: 1 << 24, subject: name.description) }
      entries[below] = Entry(
        mode: facts.st_mode, owner: [facts.st_uid, facts.st_gid],
        device: type == S_IFCHR || type == S_IFBLK ? facts.st_rdev : 0,
        modified: [facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec], firstName: first, attributes: attributes,
        flags: isOpened
          ? FileFlags.of(opened.number)?.intersection(.kept) ?? [] : [],
        content: content, data: type == S_IFREG ? Self.data(in: opened.number, size: Int(facts.st_size)) : [])
      if type == S_IFDIR { try add(try folder.folder(name), at: below) }
    }
  }

  private static func data(in number: Int32, size: Int) -> [Range<Int>] {
    // SEEK_DATA and SEEK_HOLE of linux/fs.h.
    let (toData, toHole): (Int32, Int32) = (3, 4)
    var ranges: [Range<Int>] = []
    var position = 0
    while position < size {
      let start = lseek(number, position, toData)
      guard start >= 0 else { break }
      let end = lseek(number, start, toHole)
      ranges.append(Int(start)..<Int(end))
      position = Int(end)
    }
    return ranges
  }

  /// What XFS reserves behind the end of a file that grows, and then counts as data.
  private static let reserve = 64 << 10

  /// Fails with each path that is not the same, and what of it.
  ///
  /// - Parameter hasGrown: Whether the files were written by a program that makes them longer as it goes (GNU tar), so that behind each
  ///   stretch of data there may be some that was reserved.
  func expect(_ other: TreeSnapshot, hasGrown: Bool = false) {
    #expect(
      Set(entries.keys.map { String(decoding: $0, as: UTF8.self) })
        == Set(other.entries.keys.map { String(decoding: $0, as: UTF8.self) }))
    for (path, entry) in entries {
      guard let found = other.entries[path] else { continue }
      let title = Comment(rawValue: String(decoding: path, as: UTF8.self))
      #expect(found.mode == entry.mode, title)
      #expect(found.owner == entry.owner, title)
      #expect(found.device == entry.device, title)
      #expect(found.modified == entry.modified, title)
      #expect(found.firstName == entry.firstName, title)
      #expect(found.attributes == entry.attributes, title)
      #expect(found.flags == entry.flags, title)
      #expect(found.content == entry.content, title)
      let isAsReserved =
        hasGrown && found.data.map(\.lowerBound) == entry.data.map(\.lowerBound)
        && zip(found.data, entry.data).allSatisfy { $0.upperBound - $1.upperBound <= Self.reserve }
      #expect(found.data == entry.data || isAsReserved, title)
    }
  }
}
