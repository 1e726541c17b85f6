import CofferSystem

/// Follows a dump in mongodump's archive format and tells whether it is whole.
///
/// The format (mongo-tools, common/archive/spec.md): a magic number; a header and one document for each collection, then
/// a terminator; then blocks, each of a header that names a collection, documents, and a terminator. The blocks of
/// several collections may alternate. The last block of each has no documents, and its header holds the checksum of all
/// of the collection's documents. So nothing can be missing without a trace, and mongorestore, which checks the same
/// while it writes, will find nothing to stop at.
struct MongoDBArchive {
  /// What the next bytes belong to.
  private enum Place {
    case magic
    /// The header, and then the collections.
    case prelude
    /// Between blocks: where the archive may end.
    case betweenBlocks
    case documents(Namespace)
    /// After the header that ends a collection.
    case collectionEnd
    /// Bytes that only gzip could read.
    case compressed
  }

  private struct Namespace: Hashable {
    let database: ExactName
    let collection: ExactName
    /// Whether it is what `mongodump --oplog` has of the oplog, which belongs to no database.
    let isOplog: Bool

    init(_ database: String, _ collection: String) {
      self.database = ExactName(database)
      self.collection = ExactName(collection)
      isOplog = database.isEmpty && collection.isSame(as: MongoDBArchive.oplogName)
    }

    var title: String { "\(database).\(collection)" }
  }

  private struct Collection {
    var checksum = CRC64()
    var documents: UInt64 = 0
    var hasEnded = false
  }

  static let magic: UInt32 = 0x8199_E26D
  static let terminator: UInt32 = 0xFFFF_FFFF
  private static let gzipMagic: [UInt8] = [0x1F, 0x8B]
  /// Bytes of a document at most that mongorestore takes out of an archive (mongo-tools, common/archive/parser.go); servers have entries of
  /// oplogs that are a little larger.
  static let documentLimit: UInt32 = 16 << 20

  private var place = Place.magic
  /// The first bytes of a document, of a terminator or of the magic number.
  private var word: [UInt8] = []
  /// Bytes of the current document that are still to come; 0 between documents.
  private var left = 0
  private var lastByte: UInt8 = 0
  /// The current document, if it is one that is looked into.
  private var header: [UInt8] = []
  private var announced: [Namespace] = []
  private var collections: [Namespace: Collection] = [:]
  private var oplog = OplogParser()
  /// Of the oplog the first entry.
  private var oplogStart: OplogMark?
  private var isOplogReadable = true
  private var current = CRC64()
  /// Of the current block.
  private var documents: UInt64 = 0
  /// What is wrong with what came so far.
  private(set) var fault: String?

  /// The version of mongodump, as it names itself.
  private(set) var toolVersion: String?
  private(set) var serverVersion: String?
  private(set) var collectionCount = 0
  /// What the beginning announces, users' collections and the server's own; a time series under the names that its documents may have.
  private(set) var announcedTitles: [[String]] = []
  /// Whether all that the archive has is announced.
  private(set) var hasPrelude = false
  var isCompressed: Bool { if case .compressed = place { true } else { false } }

  /// What the dump lacks if it ends here; nil when it is whole.
  var missing: String? {
    if let fault { return fault }
    switch place {
    case .compressed: return nil
    case .magic: return "it ends within its first four bytes"
    case .betweenBlocks where word.isEmpty && left == 0: break
    default: return "it ends in the middle of a block"
    }
    if let open = collections.first(where: { !$0.value.hasEnded }) {
      return "the end of collection \(open.key.title) is missing"
    }
    return announced.first { collections[$0] == nil }.map { "collection \($0.title) is missing" }
  }

  /// What the collection of the oplog's entries is called.
  static let oplogName = "oplog"

  /// The entries of the oplog that the archive has; nil where it has none, or none that are in order.
  var oplogPlace: DumpOplogPlace? {
    guard isOplogReadable, oplog.isAtBoundary, let oplogStart, let last = oplog.last else { return nil }
    return DumpOplogPlace(first: oplogStart, last: last)
  }

  /// The documents of each collection; nil for what only gzip could read.
  var content: DumpContent? {
    guard !isCompressed else { return nil }
    let tables = collections.filter { !$0.key.isOplog }.map {
      DumpContent.Table(name: $0.key.title, rows: $0.value.documents)
    }
    return DumpContent(tables: tables.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) })
  }

  /// An archive without any collection: what mongorestore can be tried with.
  ///
  /// - Parameter hasOplog: Whether it has an oplog, of no entries.
  static func empty(serverVersion: String?, hasOplog: Bool = false) -> [UInt8] {
    var head = BSONWriter()
    head.add("concurrent_collections", Int32(4))
    head.add("version", "0.1")
    head.add("server_version", serverVersion ?? "4.4.0")
    head.add("tool_version", "100.0.0")
    let terminator = BSONWriter.little(terminator)
    let beginning = BSONWriter.little(magic) + head.document
    guard hasOplog else { return beginning + terminator }
    var announcement = BSONWriter()
    announcement.add("db", "")
    announcement.add("collection", oplogName)
    announcement.add("metadata", "")
    announcement.add("size", Int32(0))
    announcement.add("type", "")
    return beginning + announcement.document + terminator + oplogHeader(isEnd: true, sum: CRC64().value) + terminator
  }

  /// What a block of the oplog's begins with.
  ///
  /// - Parameter sum: At its end, of all its entries.
  static func oplogHeader(isEnd: Bool, sum: UInt64) -> [UInt8] {
    var header = BSONWriter()
    header.add("db", "")
    header.add("collection", oplogName)
    header.add("EOF", isEnd)
    header.add("CRC", Int64(bitPattern: sum))
    return header.document
  }

  /// Takes the next bytes of the dump.
  mutating func feed(_ bytes: UnsafeRawBufferPointer) {
    var rest = bytes
    while !rest.isEmpty, fault == nil, !isCompressed {
      if left > 0 {
        let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(left))
        rest = UnsafeRawBufferPointer(rebasing: rest[piece.count...])
        takePart(piece)
      } else {
        let count = min(4 - word.count, rest.count)
        word.append(contentsOf: rest.prefix(count))
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        if word.count == 4 {
          takeWord()
          word.removeAll(keepingCapacity: true)
        }
      }
    }
  }

  private mutating func takeWord() {
    let number = word.withUnsafeBytes { UInt32(littleEndian: $0.loadUnaligned(as: UInt32.self)) }
    if case .magic = place {
      if word.starts(with: Self.gzipMagic) {
        place = .compressed
      } else if number == Self.magic {
        place = .prelude
      } else {
        fault = "it does not begin as an archive of mongodump does"
      }
      return
    }
    if number == Self.terminator { return takeTerminator() }
    guard BSONDocument.sizes.contains(number) else { return fault = "a document in it has an impossible length" }
    guard number <= Self.documentLimit else {
      return fault = "a document in it has more than 16 MiB, and mongorestore takes none such"
    }
    left = Int(number) - 4
    if case .documents(let namespace) = place {
      word.withUnsafeBytes { take($0, of: namespace) }
    } else {
      header = word
    }
  }

  private mutating func takePart(_ piece: UnsafeRawBufferPointer) {
    if case .documents(let namespace) = place { take(piece, of: namespace) } else { header.append(contentsOf: piece) }
    left -= piece.count
    lastByte = piece.last ?? 0
    guard left == 0 else { return }
    guard lastByte == 0 else { return fault = "a document in it does not end as documents do" }
    switch place {
    case .prelude: takePrelude()
    case .betweenBlocks: takeBlockHeader()
    case .collectionEnd: fault = "documents follow the end of a collection"
    case .documents: documents += 1
    case .magic, .compressed: break
    }
  }

  /// Takes a part of a document.
  private mutating func take(_ piece: UnsafeRawBufferPointer, of namespace: Namespace) {
    current.update(piece)
    guard namespace.isOplog, isOplogReadable else { return }
    oplog.append(piece)
    do {
      while let item = try oplog.next() { oplogStart = oplogStart ?? item.entry.mark }
    } catch {
      isOplogReadable = false
    }
  }

  private mutating func takePrelude() {
    guard let document = BSONDocument(header) else { return fault = "its list of collections is not readable" }
    if let database = document[text: "db"], let collection = document[text: "collection"] {
      let namespace = Namespace(database, collection)
      // The documents of a time series stand under another name; mongorestore does not wait for them either.
      let isTimeSeries = document[text: "type"] == "timeseries"
      if !namespace.isOplog {
        collectionCount += 1
        announcedTitles.append(
          [namespace.title] + (isTimeSeries ? ["\(database).\(MongoDBCollections.buckets)\(collection)"] : []))
      }
      guard !isTimeSeries else { return }
      announced.append(namespace)
    } else {
      toolVersion = document[text: "tool_version"]
      serverVersion = document[text: "server_version"]
    }
  }

  private mutating func takeBlockHeader() {
    guard let document = BSONDocument(header), let database = document[text: "db"],
      let collection = document[text: "collection"], let isEnd = document[truth: "EOF"]
    else { return fault = "the header of a block is not readable" }
    let namespace = Namespace(database, collection)
    let known = collections[namespace] ?? Collection()
    guard !known.hasEnded else { return fault = "collection \(namespace.title) goes on after its end" }
    guard isEnd else {
      current = known.checksum
      documents = known.documents
      return place = .documents(namespace)
    }
    guard document[number: "CRC"].map(UInt64.init(bitPattern:)) == known.checksum.value else {
      return fault = "the checksum of collection \(namespace.title) does not fit"
    }
    collections[namespace] = Collection(checksum: known.checksum, documents: known.documents, hasEnded: true)
    place = .collectionEnd
  }

  private mutating func takeTerminator() {
    switch place {
    case .documents(let namespace): collections[namespace] = Collection(checksum: current, documents: documents)
    case .prelude: hasPrelude = true
    case .collectionEnd: break
    default: return fault = "a block of it has no header"
    }
    place = .betweenBlocks
  }
}
