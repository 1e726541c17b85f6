import CofferSystem

/// The table of contents of a dump in pg_dump's custom or directory format (pg_backup_archiver.c, ReadHead and ReadToc).
///
/// Integers are a sign and four bytes, the lowest first; texts are their length and their bytes, with the length -1 for none.
struct CustomContents {
  struct Entry: Equatable {
    /// By which other entries, and the block with its rows, name it.
    var number: Int
    /// Whether a block of data belongs to it.
    var hasData = false
    /// What it is: `TABLE`, `TABLE DATA`, `INDEX`, for example.
    var kind: String
    var tag: [UInt8]
    var section: Section
    var definition: [UInt8] = []
    var removal: [UInt8] = []
    var copying: [UInt8] = []
    var schema: [UInt8] = []
    var tablespace: [UInt8]?
    var accessMethod: [UInt8]?
    /// Of a relation, since version 1.16: a letter of the server's catalogue, as a number.
    var relationKind = 0
    var owner: [UInt8] = []
    var dependencies: [Int] = []
    /// The file of its rows in a dump that is a folder, without what is added for a compression; empty for none.
    fileprivate(set) var file: [UInt8] = []
    /// The server's numbers of the object, of which nothing is restored.
    fileprivate(set) var catalogueNumbers: [[UInt8]] = [[UInt8(ascii: "0")], [UInt8(ascii: "0")]]
  }

  /// As they are numbered (pg_backup.h, teSection).
  enum Section: Int {
    case none = 1
    case preData, data, postData
  }

  enum Format: UInt8 {
    case custom = 1
    /// That of tar archives: pg_dump gives it to folders, too (pg_backup_directory.c, _CloseArchive).
    case directory = 3
  }

  enum Problem: Error, Equatable {
    /// More bytes may make it whole.
    case cut
    case malformed(String)
  }

  /// All that stands before the entries and their number.
  private let head: [UInt8]
  private let minor: UInt8
  private(set) var entries: [Entry]
  /// How many bytes head and entries have: where the first block begins.
  let size: Int

  /// Minor versions of format 1 that are read: those of PostgreSQL 9.0 to 18.
  private static let known: ClosedRange<UInt8> = 12...16
  private static let offsetSize = 8
  /// Of an entry; programs count in 31 bits, and a restore has some entries of its own.
  private static let largestNumber = Int(Int32.max) - (1 << 20)
  /// Bytes of a table of contents at most, and of a text in it.
  static let sizeLimit = 1 << 30

  /// - Parameter bytes: The dump's beginning, or the file of a folder's table of contents.
  /// - Throws: `Problem`.
  init(_ bytes: [UInt8], format: Format = .custom) throws(Problem) {
    var reader = Reader(bytes)
    guard try reader.bytes(CustomArchive.magic.count).elementsEqual(CustomArchive.magic) else {
      throw .malformed("it does not begin with PGDMP")
    }
    let major = try reader.byte()
    minor = try reader.byte()
    _ = try reader.byte()
    guard major == 1, Self.known.contains(minor) else {
      throw .malformed("its format has version \(major).\(minor), which this version of coffer does not know")
    }
    guard try reader.byte() == 4, try reader.byte() == UInt8(Self.offsetSize), try reader.byte() == format.rawValue
    else { throw .malformed("its numbers have another size, or it is of another format than \(format)") }
    // How it is compressed, when it was made, of which database, by which versions.
    if minor >= 15 { _ = try reader.byte() } else { _ = try reader.number() }
    for _ in 0..<7 { _ = try reader.number() }
    for _ in 0..<3 { _ = try reader.text() }
    head = Array(bytes[..<reader.position])
    let count = try reader.number()
    guard count >= 0 else { throw .malformed("it has \(count) entries") }
    var entries: [Entry] = []
    for _ in 0..<count { entries.append(try Self.entry(&reader, minor, format)) }
    self.entries = entries
    size = reader.position
  }

  private static func entry(_ reader: inout Reader, _ minor: UInt8, _ format: Format) throws(Problem) -> Entry {
    let number = try reader.number()
    let hasData = try reader.number() != 0
    let catalogueNumbers = [try reader.text() ?? [], try reader.text() ?? []]
    let tag = try reader.text() ?? []
    let kind = String(decoding: try reader.text() ?? [], as: UTF8.self)
    guard let section = Section(rawValue: try reader.number()) else { throw .malformed("an entry has no section") }
    var entry = Entry(number: number, hasData: hasData, kind: kind, tag: tag, section: section)
    entry.catalogueNumbers = catalogueNumbers
    entry.definition = try reader.text() ?? []
    entry.removal = try reader.text() ?? []
    entry.copying = try reader.text() ?? []
    entry.schema = try reader.text() ?? []
    entry.tablespace = try reader.text()
    if minor >= 14 { entry.accessMethod = try reader.text() }
    if minor >= 16 { entry.relationKind = try reader.number() }
    entry.owner = try reader.text() ?? []
    _ = try reader.text()
    while let dependency = try reader.text() {
      guard let number = Int(String(decoding: dependency, as: UTF8.self)) else {
        throw .malformed("an entry depends on what is no number")
      }
      entry.dependencies.append(number)
    }
    switch format {
    case .custom: _ = try reader.bytes(1 + offsetSize)
    case .directory: entry.file = try reader.text() ?? []
    }
    guard (1...largestNumber).contains(number) else { throw .malformed("an entry has the number \(number)") }
    return entry
  }

  // MARK: - Writing

  /// The table of contents of a dump with other entries, as it is written to a pipe: without places of blocks.
  func bytes(with entries: [Entry]) -> [UInt8] {
    var writer = Writer(bytes: head)
    writer.number(entries.count)
    for entry in entries {
      writer.number(entry.number)
      writer.number(entry.hasData ? 1 : 0)
      for text in entry.catalogueNumbers { writer.text(text) }
      writer.text(entry.tag)
      writer.text(Array(entry.kind.utf8))
      writer.number(entry.section.rawValue)
      for text in [entry.definition, entry.removal, entry.copying, entry.schema] { writer.text(text) }
      writer.text(entry.tablespace)
      if minor >= 14 { writer.text(entry.accessMethod) }
      if minor >= 16 { writer.number(entry.relationKind) }
      writer.text(entry.owner)
      writer.text(Array("false".utf8))
      for dependency in entry.dependencies { writer.text(Array(String(dependency).utf8)) }
      writer.text(nil)
      // K_OFFSET_POS_NOT_SET, K_OFFSET_NO_DATA (pg_backup_archiver.h)
      writer.bytes.append(entry.hasData ? 1 : 3)
      writer.bytes += [UInt8](repeating: 0, count: Self.offsetSize)
    }
    return writer.bytes
  }

  private struct Writer {
    var bytes: [UInt8]

    mutating func number(_ value: Int) {
      bytes.append(value < 0 ? 1 : 0)
      var rest = value.magnitude
      for _ in 0..<4 {
        bytes.append(UInt8(truncatingIfNeeded: rest))
        rest >>= 8
      }
    }

    mutating func text(_ text: [UInt8]?) {
      guard let text else { return number(-1) }
      number(text.count)
      bytes += text
    }
  }

  private struct Reader {
    private let all: [UInt8]
    private(set) var position = 0

    init(_ bytes: [UInt8]) {
      all = bytes
    }

    mutating func bytes(_ count: Int) throws(Problem) -> ArraySlice<UInt8> {
      guard count <= all.count - position else { throw .cut }
      defer { position += count }
      return all[position..<position + count]
    }

    mutating func byte() throws(Problem) -> UInt8 {
      guard let byte = try bytes(1).first else { throw .cut }
      return byte
    }

    mutating func number() throws(Problem) -> Int {
      let isNegative = try byte() != 0
      let value = try bytes(4).reversed().reduce(0) { $0 << 8 | Int($1) }
      return isNegative ? -value : value
    }

    mutating func text() throws(Problem) -> [UInt8]? {
      let count = try number()
      guard count >= 0 else { return nil }
      guard count <= CustomContents.sizeLimit else { throw .malformed("a text in it has \(count) bytes") }
      let text = Array(try bytes(count))
      // Programs would read no further.
      guard !text.contains(0) else { throw .malformed("a text in it holds the byte 0") }
      return text
    }
  }
}
