import CofferSystem

/// Cuts what comes of an oplog into its entries, and checks that they follow each other.
public struct OplogParser: Sendable {
  /// Why what came is no oplog.
  public enum Fault: Error, Equatable {
    /// A document's length is none, or it does not end as documents do.
    case document(after: OplogTime?)
    /// It says no time.
    case entry(after: OplogTime?)
    /// An entry is not behind the one before it.
    case order(OplogTime, after: OplogTime)
  }

  public struct Item: Sendable {
    public let entry: OplogEntry
    /// The whole document.
    public let bytes: [UInt8]
  }

  /// Of the last entry that was given.
  public private(set) var last: OplogMark?
  private var arrived = ArrivingBytes()

  public init() {}

  /// Whether all that has come is whole entries.
  public var isAtBoundary: Bool { arrived.isEmpty }

  /// Takes what has come.
  public mutating func append(_ bytes: UnsafeRawBufferPointer) { arrived.append(bytes) }

  /// Takes the next entry out that is whole.
  ///
  /// - Returns: nil where more has to come.
  /// - Throws: `Fault`.
  public mutating func next() throws(Fault) -> Item? {
    guard arrived.count >= 4 else { return nil }
    let length = arrived.look { UInt32(littleEndian: $0.loadUnaligned(as: UInt32.self)) }
    guard BSONDocument.sizes.contains(length) else { throw .document(after: last?.time) }
    guard arrived.count >= Int(length) else { return nil }
    let bytes = Array(arrived.take(Int(length)))
    guard bytes.last == 0 else { throw .document(after: last?.time) }
    guard let entry = OplogEntry(bytes) else { throw .entry(after: last?.time) }
    if let last, entry.mark.time <= last.time { throw .order(entry.mark.time, after: last.time) }
    last = entry.mark
    return Item(entry: entry, bytes: bytes)
  }
}

extension OplogParser.Fault {
  /// As messages say it.
  public var text: String {
    switch self {
    case .document(let time): "what comes \(Self.place(time)) is no document"
    case .entry(let time): "the document \(Self.place(time)) says no time"
    case .order(let time, let before): "the entry of \(time.text) comes behind that of \(before.text)"
    }
  }

  private static func place(_ time: OplogTime?) -> String { time.map { "behind \($0.text)" } ?? "first" }
}
