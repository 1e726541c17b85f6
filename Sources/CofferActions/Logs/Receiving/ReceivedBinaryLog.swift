import CofferHooks
import CofferRepository
import CofferSystem

/// What has come of one file of a server's binary log, and is in no slice yet.
struct ReceivedBinaryLog {
  /// What is to be stored: a slice as it is stored, and how far the log is with it.
  struct Part: Sendable {
    let bytes: [UInt8]
    let start: UInt64
    let reach: BinaryLogReach
  }

  /// What is known of the file, or of the log before it, and must be so.
  enum Expectation {
    /// It was begun then, by the server of this number.
    case begun(UInt32, serverID: UInt32)
    /// This is MariaDB's position where it begins.
    case gtid(String)
  }

  /// The file, or what is before it, is another than the one that is known.
  struct Mismatch: Error, Equatable {}

  let file: BinaryLogFileName
  private var parser: BinaryLogParser
  private var expectation: Expectation?
  /// Where a slice has to end in the file, because repositories have all before.
  private let cuts: Set<UInt64>
  private var events: [UInt8] = []
  private var range: Range<UInt64>
  private var times: (first: UInt32, last: UInt32) = (0, 0)
  private var gtid = ""

  /// - Parameters:
  ///   - position: Where the first event that will come begins.
  ///   - gtids: MariaDB's position there.
  init(
    _ file: BinaryLogFileName, from position: UInt64, gtids: GTIDPosition, cuts: Set<UInt64> = [],
    expecting expectation: Expectation? = nil
  ) {
    self.file = file
    self.cuts = cuts
    self.expectation = expectation
    parser = BinaryLogParser(from: position, gtids: gtids)
    range = position..<position
  }

  /// Where the next event begins.
  var position: UInt64 { parser.position }
  var gtids: GTIDPosition { parser.gtids }
  /// Whether all that has come is whole events.
  var isAtBoundary: Bool { parser.isAtBoundary }
  /// Bytes that are in no slice.
  var pending: Int { events.count }

  /// Takes what has come, and gives each slice away that is full.
  ///
  /// - Throws: `Mismatch`; `BinaryLogParser.Fault`; what `give` throws.
  mutating func append(_ bytes: UnsafeRawBufferPointer, _ give: (Part) throws -> Void) throws {
    parser.append(bytes)
    while let item = try parser.next() {
      try check(item)
      if !events.isEmpty, events.count + item.bytes.count > BinaryLogSlice.size, let part = takePart(before: item) {
        try give(part)
      }
      if events.isEmpty {
        range = item.range
        times.first = item.event.time
        gtid = item.gtids.text ?? ""
      }
      events += item.bytes
      range = range.lowerBound..<item.range.upperBound
      times.last = item.event.time
      if events.count >= BinaryLogSlice.size || cuts.contains(range.upperBound), let part = takePart() {
        try give(part)
      }
    }
    if case .begun = expectation { try checkBeginning() }
  }

  /// Takes what is pending.
  ///
  /// - Returns: nil where nothing is.
  mutating func takePart() -> Part? { takePart(before: nil) }

  /// - Parameter item: Is out of the parser, and in no slice.
  private mutating func takePart(before item: BinaryLogParser.Item?) -> Part? {
    let slice = BinaryLogSlice(
      file: file.text, range: range, times: times, gtid: gtid, format: parser.format, events: events)
    events = []
    guard let slice else { return nil }
    let reach = BinaryLogReach(
      file: file.text, end: range.upperBound, isWhole: item == nil && parser.hasEnded, time: times.last,
      created: parser.created, serverID: parser.serverID, gtid: (item?.gtids ?? parser.gtids).text)
    return Part(bytes: slice.encoded, start: range.lowerBound, reach: reach)
  }

  private mutating func check(_ item: BinaryLogParser.Item) throws(Mismatch) {
    switch expectation {
    case .begun: try checkBeginning()
    case .gtid(let text):
      guard item.event.kind == BinaryLogEvent.Kind.mariadbGTIDList else { return }
      expectation = nil
      guard let known = GTIDPosition(text), parser.gtids == known else { throw Mismatch() }
    case nil: return
    }
  }

  private mutating func checkBeginning() throws(Mismatch) {
    guard case .begun(let time, let serverID) = expectation, !parser.format.isEmpty else { return }
    expectation = nil
    guard parser.created == time, parser.serverID == serverID else { throw Mismatch() }
  }
}
