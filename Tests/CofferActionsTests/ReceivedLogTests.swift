import CofferHooks
import CofferRepository
import CofferSystem
import TestSupport
import Testing

@testable import CofferActions

@Suite("A server's log as it comes")
struct ReceivedLogTests {
  private static let size = 1 << 20

  private static func place(_ number: UInt64, history: UInt32 = 1) throws -> LogPlace {
    try #require(LogPlace(history: history, number: number, exponent: 20))
  }

  private static func start(_ number: UInt64) throws -> UInt64 { try place(number).start }

  /// The log from a segment on.
  private static let bytes = (0..<3 * size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 9) }

  @Test(
    "However it is cut, segments are those of the log, each at its place", arguments: [1000, 70_001, size, 3 * size])
  func segments(piece: Int) throws {
    var log = ReceivedLog(try Self.place(7))
    var segments: [(LogPlace, [UInt8])] = []
    for start in stride(from: 0, to: Self.bytes.count, by: piece) {
      let part = Array(Self.bytes[start..<min(start + piece, Self.bytes.count)])
      try part.withUnsafeBytes { bytes in
        try log.append(bytes, at: LogSequenceNumber(try Self.start(7) + UInt64(start))) { segments.append(($0, $1)) }
      }
    }
    #expect(try segments.map(\.0) == [Self.place(7), Self.place(8), Self.place(9)])
    #expect(segments.flatMap(\.1) == Self.bytes)
    #expect(try log.end == LogSequenceNumber(Self.start(10)))
    #expect(log.pending == 0 && isTaken(&log))
  }

  private func isTaken(_ log: inout ReceivedLog) -> Bool { log.takePiece() == nil }

  @Test("Pieces are what has come since the last one, and begin anew with each segment")
  func pieces() throws {
    var log = ReceivedLog(try Self.place(7))
    func append(_ range: Range<Int>) throws {
      try Array(Self.bytes[range]).withUnsafeBytes {
        try log.append($0, at: LogSequenceNumber(try Self.start(7) + UInt64(range.lowerBound))) { _, _ in }
      }
    }
    try append(0..<10)
    try append(10..<30)
    let first = log.takePiece()
    #expect(first?.range == 0..<30 && first?.bytes == Array(Self.bytes[..<30]))
    #expect(isTaken(&log))
    try append(30..<31)
    let second = log.takePiece()
    #expect(second?.range == 30..<31)
    try append(31..<Self.size + 5)
    let next = log.takePiece()
    #expect(next?.range == 0..<5 && next?.bytes == Array(Self.bytes[Self.size..<Self.size + 5]))
    // The server sends the segment again: what is a piece already is none once more.
    log.startOver()
    #expect(log.pending == 0)
    try append(Self.size..<Self.size + 3)
    #expect(isTaken(&log))
    try append(Self.size + 3..<Self.size + 9)
    let third = log.takePiece()
    #expect(third?.range == 5..<9)
  }

  @Test("What does not come next is refused, and another history begins at the segment in which it has gone out")
  func order() throws {
    let log = ReceivedLog(try Self.place(7), taken: 3)
    let start = try Self.start(7)
    #expect(throws: ReceivedLog.Hole(expected: LogSequenceNumber(start), got: LogSequenceNumber(start + 1))) {
      var log = log
      try [UInt8](repeating: 0, count: 9).withUnsafeBytes {
        try log.append($0, at: LogSequenceNumber(start + 1)) { _, _ in }
      }
    }
    let switched = try #require(log.switched(to: 2, at: LogSequenceNumber(start + 77)))
    #expect(try switched.place == Self.place(7, history: 2) && switched.taken == 0)
    #expect(try switched.end == LogSequenceNumber(Self.start(7)))
  }

  @Test("Of very many pieces few are left, and all bytes are in these")
  func runs() throws {
    var runs = PieceRuns()
    var left: [Range<Int>] = []
    let place = try Self.place(7)
    for start in stride(from: 100, to: 30_100, by: 3) {
      let range = start..<start + 3
      left.append(range)
      guard let joined = runs.add(range, Array(Self.bytes[range]), at: place) else { continue }
      #expect(joined.bytes == Array(Self.bytes[joined.range]))
      left.removeAll { joined.range.contains($0.lowerBound) }
      left.append(joined.range)
    }
    #expect(left.count < 130)
    #expect(left.flatMap { Array($0) } == Array(100..<30_100))
    // Another segment, or a hole, begins anew.
    #expect(try runs.add(0..<3, [1, 2, 3], at: Self.place(8)) == nil)
  }

  @Test("A message that is none of a stream is refused")
  func messages() {
    func message(_ bytes: [UInt8]) -> LogStreamMessage? { bytes.withUnsafeBytes { LogStreamMessage($0) } }
    #expect(message([]) == nil)
    #expect(message([UInt8](repeating: 0x77, count: 24)) == nil)
    #expect(message([0x6b]) == nil)
    let number: [UInt8] = [0, 0, 0, 1, 2, 3, 4, 5]
    guard case .keepalive(let end, true)? = message([0x6b] + number + number + [1]) else {
      Issue.record("no keepalive")
      return
    }
    #expect(end == LogSequenceNumber(0x0001_0203_0405))
    let status = LogStreamMessage.status(durable: end, time: 946_684_801, wantsReply: true)
    #expect(status == [0x72] + number + number + number + [0, 0, 0, 0, 0, 0x0f, 0x42, 0x40, 1])
  }
}
