import CofferHooks
import CofferRepository
import CofferSystem

/// What one reading of an oplog has brought, and is in no slice yet.
struct ReceivedOplog {
  /// What is to be stored: a slice as it is stored, and its first and its last entry.
  struct Part: Sendable {
    let bytes: [UInt8]
    let first: OplogMark
    let last: OplogMark
  }

  /// An entry that is stored last somewhere does not come: another one is in its place, or follows it.
  struct Missing: Error, Equatable {
    let mark: OplogMark
    let found: OplogMark
  }

  private var parser = OplogParser()
  /// Entries that repositories have last, and that have to come, in order: a slice ends with each.
  private var expected: [OplogMark]
  private var entries: [UInt8] = []
  private var first: OplogMark?
  /// The last entry in `entries`, and its bytes.
  private var lastTaken: OplogMark?
  private var lastBytes: [UInt8] = []
  /// Whether there is more in `entries` than what the slice before has.
  private var hasNew = false

  /// - Parameter expected: What repositories have last.
  init(expecting expected: [OplogMark]) {
    self.expected = Set(expected).sorted { $0.time < $1.time }
  }

  /// The last entry that has come; nil where none has.
  var last: OplogMark? { parser.last }
  /// Whether all that has come is whole entries.
  var isAtBoundary: Bool { parser.isAtBoundary }
  /// Bytes that are in no slice.
  var pending: Int { entries.count }

  /// Takes what has come, and gives each slice away that is full.
  ///
  /// - Throws: `Missing`; `OplogParser.Fault`; what `give` throws.
  mutating func append(_ bytes: UnsafeRawBufferPointer, _ give: (Part) throws -> Void) throws {
    parser.append(bytes)
    while let item = try parser.next() {
      let mark = item.entry.mark
      let isExpected = try checkExpected(mark)
      if hasNew, entries.count + item.bytes.count > OplogSlice.size, let part = takePart() { try give(part) }
      first = first ?? mark
      entries += item.bytes
      (lastTaken, lastBytes) = (mark, item.bytes)
      guard isExpected else {
        hasNew = true
        continue
      }
      // Whoever has only what is before it gets that.
      if hasNew, let part = part(to: mark) { try give(part) }
      begin(with: mark)
    }
  }

  /// Takes what is pending; the next slice begins with the last entry of it.
  ///
  /// - Returns: nil where nothing is.
  mutating func takePart() -> Part? {
    guard hasNew, let last = lastTaken else { return nil }
    defer { begin(with: last) }
    return part(to: last)
  }

  private func part(to last: OplogMark) -> Part? {
    guard let first, let slice = OplogSlice(first: first, last: last, entries: entries) else { return nil }
    return Part(bytes: slice.encoded, first: first, last: last)
  }

  private mutating func begin(with mark: OplogMark) {
    entries = lastBytes
    first = mark
    hasNew = false
  }

  private mutating func checkExpected(_ mark: OplogMark) throws(Missing) -> Bool {
    guard let next = expected.first, next.time <= mark.time else { return false }
    guard next == mark else { throw Missing(mark: next, found: mark) }
    expected.removeFirst()
    return true
  }
}
