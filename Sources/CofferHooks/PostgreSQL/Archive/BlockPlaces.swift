import CofferSystem

/// Where the blocks of a dump in custom format are: pg_dump cannot write that into a pipe, so it is seen as the dump goes by.
///
/// An archive keeps it with the dump, as the size of the table of contents and each block's entry and size:
/// `48213 3345:1048592 3346:17`.
struct BlockPlaces: Equatable {
  struct Block: Equatable {
    /// The number of its entry.
    let entry: Int
    var size: UInt64
  }

  /// Bytes.
  let contentsSize: UInt64
  let blocks: [Block]

  /// Among a dump's facts.
  static let key = "blocks"

  init(contentsSize: UInt64, blocks: [Block]) {
    self.contentsSize = contentsSize
    self.blocks = blocks
  }

  /// Reads what an archive has kept.
  ///
  /// - Returns: nil where it has not, or nothing that fits a dump of that size.
  init?(_ facts: DumpFacts, dumpSize: UInt64) {
    guard let words = facts.details[Self.key]?.words, let first = words.first.flatMap({ UInt64($0) }),
      first > 0
    else {
      return nil
    }
    var blocks: [Block] = []
    var end = first
    for word in words.dropFirst() {
      let parts = word.parts(by: ":")
      guard parts.count == 2, let entry = Int(parts[0]), let size = UInt64(parts[1]) else { return nil }
      let (sum, isTooMuch) = end.addingReportingOverflow(size)
      guard !isTooMuch, size > 0 else { return nil }
      end = sum
      blocks.append(Block(entry: entry, size: size))
    }
    guard end == dumpSize else { return nil }
    self.init(contentsSize: first, blocks: blocks)
  }

  var text: String { ([String(contentsSize)] + blocks.map { "\($0.entry):\($0.size)" }).joined(separator: " ") }

  /// The stretches of the dump that hold the blocks of some entries, neighbours in one.
  func stretches(of entries: Set<Int>) -> [Range<UInt64>] {
    var stretches: [Range<UInt64>] = []
    var position = contentsSize
    for block in blocks {
      let end = position + block.size
      if entries.contains(block.entry) { stretches.append(joining: position..<end) }
      position = end
    }
    return stretches
  }
}

/// Sees where the blocks of a dump are while it goes by. A dump that it cannot read is none the worse for it.
final class BlockPlacesWatch {
  private enum State {
    /// Up to the end of the table of contents.
    case contents([UInt8], tryAt: Int)
    case blocks(contentsSize: UInt64, CustomBlocks, [BlockPlaces.Block])
    case unreadable
  }

  private var state = State.contents([], tryAt: 1 << 16)
  /// The tables that have blocks, by the numbers of their entries.
  private var tables: [Int: RelationName] = [:]
  private var made: Set<RelationName> = []
  /// The entries that blocks belong to.
  private var withData: Set<Int> = []

  /// Bytes of a block, or of the file of a folder, that has no rows, compressed or not, and of some that have few.
  static let smallSize: UInt64 = 64

  /// Bytes of a table of contents that are kept until it is whole; of a dump with a larger one no places are known.
  private static let contentsLimit = 1 << 28

  func take(_ bytes: UnsafeRawBufferPointer) {
    switch state {
    case .contents(var head, let tryAt):
      // Emptied first, so that it is not copied.
      state = .unreadable
      head += bytes
      guard head.count >= tryAt else {
        state = .contents(head, tryAt: tryAt)
        return
      }
      readContents(head, mayGoOn: true)
    case .blocks(let contentsSize, var walk, var blocks):
      state = .unreadable
      do {
        try walk.feed(
          bytes,
          begins: { entry, start, _ in
            Self.close(&blocks, at: start)
            blocks.append(BlockPlaces.Block(entry: entry, size: start))
            return false
          }, emit: { _ in })
        state = .blocks(contentsSize: contentsSize, walk, blocks)
      } catch {}
    case .unreadable: return
    }
  }

  private static func close(_ blocks: inout [BlockPlaces.Block], at end: UInt64) {
    guard let last = blocks.indices.last else { return }
    // Until it ends, its place stands where its size will.
    blocks[last].size = end - blocks[last].size
  }

  private func readContents(_ head: [UInt8], mayGoOn: Bool) {
    do {
      let contents = try CustomContents(head)
      made = Set(contents.entries.filter { $0.kind == "TABLE" }.map(\.relation))
      withData = Set(contents.entries.filter(\.hasData).map(\.number))
      tables = Dictionary(
        contents.entries.filter { $0.kind == "TABLE DATA" }.map { ($0.number, $0.relation) },
        uniquingKeysWith: { first, _ in first })
      state = .blocks(contentsSize: UInt64(contents.size), CustomBlocks(), [])
      head[contents.size...].withUnsafeBytes { take($0) }
    } catch .cut {
      guard mayGoOn, head.count <= Self.contentsLimit else { return }
      state = .contents(head, tryAt: head.count * 2)
    } catch {}
  }

  /// The tables that the dump makes, and those that it has rows of; nil where it could not be read to its end.
  func relations() -> (made: Set<RelationName>, filled: Set<RelationName>)? {
    guard let places = places() else { return nil }
    return (made, Set(places.blocks.compactMap { tables[$0.entry] }))
  }

  /// The tables of which the dump has few rows, or none; nil where it could not be read to its end.
  func smallTables() -> Set<RelationName>? {
    places().map { Set($0.blocks.filter { $0.size <= Self.smallSize }.compactMap { tables[$0.entry] }) }
  }

  /// Returns what the dump lacks so that pg_restore fails; nil where it lacks nothing, or is of a form that is not known.
  func lacking() -> String? {
    if case .contents(let head, _) = state { readContents(head, mayGoOn: false) }
    guard case .blocks(_, let walk, let blocks) = state else { return nil }
    guard walk.isBetweenBlocks else { return "its last block is cut short" }
    let missing = withData.subtracting(blocks.map(\.entry)).count
    return missing == 0 ? nil : "it has no data for \(missing) of \(withData.count) entries that have some"
  }

  /// nil where the dump could not be read to its end.
  func places() -> BlockPlaces? {
    if case .contents(let head, _) = state { readContents(head, mayGoOn: false) }
    guard case .blocks(let contentsSize, let walk, var blocks) = state, walk.isBetweenBlocks else { return nil }
    Self.close(&blocks, at: walk.position)
    return BlockPlaces(contentsSize: contentsSize, blocks: blocks)
  }
}
