import CofferSystem

/// What of an oplog is replayed behind a dump.
public struct OplogReplay: Sendable {
  public typealias Entries = @Sendable (_ take: (UnsafeRawBufferPointer) throws -> Void) throws -> Void

  /// The first moment that is not replayed any more.
  let limit: OplogTime
  /// Hands over the entries behind those that the dump has, in order, in pieces of any length.
  let entries: Entries

  public init(before limit: OplogTime, entries: @escaping Entries) {
    self.limit = limit
    self.entries = entries
  }
}

/// Puts entries behind those of the oplog that an archive of mongodump has, as it goes by.
///
/// mongorestore takes no oplog of its own beside an archive (`--oplogFile` is refused), and replaying the dump's and what follows one after
/// the other would cut transactions that lie across both. So the archive is given to it as if mongodump had gone on: before the end of the
/// oplog come blocks of further entries, and the end has the checksum of all. The format is told at `MongoDBArchive`.
struct OplogSplice {
  /// The archive is none that mongodump writes.
  struct Malformed: Error, Equatable {}

  typealias Output = (UnsafeRawBufferPointer) throws -> Void

  private let entries: (Output) throws -> Void
  private var output: [UInt8] = []
  /// The first bytes of a document, of a terminator or of the magic number.
  private var word: [UInt8] = []
  /// Bytes of the current document that are still to come.
  private var left = 0
  /// The header of a block, up to its end; nil where the current document is none.
  private var header: [UInt8]?
  private var place = Place.magic
  private var isOfOplog = false
  private var sum = CRC64()
  /// Whether the entries are in the archive.
  private(set) var isDone = false

  private enum Place {
    case magic, prelude, betweenBlocks, block
  }

  /// - Parameter entries: As `OplogReplay.entries`.
  init(_ entries: @escaping (Output) throws -> Void) {
    self.entries = entries
  }

  /// Takes the next bytes of the archive, and gives on what of it can be, with what is put into it.
  ///
  /// - Throws: `Malformed`; what `give` and reading the entries throw.
  mutating func feed(_ bytes: UnsafeRawBufferPointer, _ give: Output) throws {
    var rest = bytes
    while !rest.isEmpty {
      let count = min(left > 0 ? left : 4 - word.count, rest.count)
      let piece = UnsafeRawBufferPointer(rebasing: rest[..<count])
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      if left > 0 {
        take(piece)
        left -= count
      } else {
        word += piece
        guard word.count == 4 else { continue }
        try takeWord()
        word = []
      }
      if left == 0, header != nil { try takeHeader(give) }
    }
    try flush(give)
  }

  private mutating func flush(_ give: Output) throws {
    guard !output.isEmpty else { return }
    try output.withUnsafeBytes { try give($0) }
    output.removeAll(keepingCapacity: true)
  }

  private mutating func takeWord() throws(Malformed) {
    let number = word.withUnsafeBytes { UInt32(littleEndian: $0.loadUnaligned(as: UInt32.self)) }
    if place == .magic || number == MongoDBArchive.terminator {
      guard (place == .magic) == (number == MongoDBArchive.magic) else { throw Malformed() }
      output += word
      place = place == .magic ? .prelude : .betweenBlocks
      isOfOplog = false
      return
    }
    guard BSONDocument.sizes.contains(number) else { throw Malformed() }
    left = Int(number) - 4
    if place == .betweenBlocks { header = [] }
    word.withUnsafeBytes { take($0) }
  }

  /// Takes a part of a document.
  private mutating func take(_ piece: UnsafeRawBufferPointer) {
    if header != nil {
      header?.append(contentsOf: piece)
    } else {
      if isOfOplog { sum.update(piece) }
      output += piece
    }
  }

  private mutating func takeHeader(_ give: Output) throws {
    guard let whole = header, let document = BSONDocument(whole), let database = document[text: "db"],
      let collection = document[text: "collection"], let isEnd = document[truth: "EOF"]
    else { throw Malformed() }
    header = nil
    place = .block
    isOfOplog = database.isEmpty && collection.isSame(as: MongoDBArchive.oplogName)
    guard isOfOplog, isEnd else {
      output += whole
      return
    }
    guard !isDone else { throw Malformed() }
    isDone = true
    try flush(give)
    var sum = sum
    var hasBlock = false
    try entries { piece in
      if !hasBlock { try MongoDBArchive.oplogHeader(isEnd: false, sum: 0).withUnsafeBytes { try give($0) } }
      hasBlock = true
      sum.update(piece)
      try give(piece)
    }
    if hasBlock { output += BSONWriter.little(MongoDBArchive.terminator) }
    output += MongoDBArchive.oplogHeader(isEnd: true, sum: sum.value)
  }
}
