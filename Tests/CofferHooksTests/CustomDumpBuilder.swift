/// Writes dumps in pg_dump's custom format as pg_backup_archiver.c and pg_backup_custom.c do, for a pipe.
struct CustomDumpBuilder {
  struct Entry {
    var number: Int
    var kind: String
    var tag: String
    var schema: String? = "public"
    var definition: String? = ""
    var copying: String?
    var dependencies: [Int] = []
    /// The pieces of its block of rows; nil when it has none.
    var rows: [String]?
  }

  var minor: UInt8 = 14
  /// Whether it is the table of contents of a folder, which names a file for each table's rows.
  var isFolder = false
  var entries: [Entry] = []
  /// Large objects, behind all else, with their numbers.
  var objects: [(number: Int, pieces: [String])] = []

  private static func number(_ value: Int) -> [UInt8] {
    [value < 0 ? 1 : 0] + (0..<4).map { UInt8(truncatingIfNeeded: abs(value) >> (8 * $0)) }
  }

  private static func text(_ text: String?) -> [UInt8] {
    text.map { number($0.utf8.count) + Array($0.utf8) } ?? number(-1)
  }

  private static func pieces(_ pieces: [String]) -> [UInt8] { pieces.flatMap { text($0) } + number(0) }

  var contents: [UInt8] {
    var bytes = Array("PGDMP".utf8) + [1, minor, 0, 4, 8, isFolder ? 3 : 1]
    bytes += minor >= 15 ? [0] : Self.number(0)
    for value in [1, 2, 3, 4, 5, 126, 0] { bytes += Self.number(value) }
    for value in ["shop", "15.4", "15.4"] { bytes += Self.text(value) }
    bytes += Self.number(entries.count)
    for entry in entries { bytes += self.bytes(entry) }
    return bytes
  }

  private func bytes(_ entry: Entry) -> [UInt8] {
    var bytes = Self.number(entry.number) + Self.number(entry.rows == nil ? 0 : 1)
    for text in ["1259", "16390", entry.tag, entry.kind] { bytes += Self.text(text) }
    bytes += Self.number(entry.rows == nil ? 2 : 3)
    for text in [entry.definition, "", entry.copying, entry.schema, ""] { bytes += Self.text(text) }
    if minor >= 14 { bytes += Self.text("heap") }
    if minor >= 16 { bytes += Self.number(114) }
    for text in ["owner", "false"] + entry.dependencies.map({ String($0) }) { bytes += Self.text(text) }
    bytes += Self.text(nil)
    if isFolder { return bytes + Self.text(entry.rows == nil ? "" : "\(entry.number).dat") }
    return bytes + [entry.rows == nil ? 3 : 1] + [UInt8](repeating: 0, count: 8)
  }

  /// Each block, in order, with the number of its entry.
  var blocks: [(entry: Int, bytes: [UInt8])] {
    var blocks = entries.compactMap { entry in
      entry.rows.map { (entry: entry.number, bytes: [1] + Self.number(entry.number) + Self.pieces($0)) }
    }
    if !objects.isEmpty {
      let content = objects.flatMap { Self.number($0.number) + Self.pieces($0.pieces) } + Self.number(0)
      blocks.append((entry: 9999, bytes: [3] + Self.number(9999) + content))
    }
    return blocks
  }

  var dump: [UInt8] { contents + blocks.flatMap(\.bytes) }
}
