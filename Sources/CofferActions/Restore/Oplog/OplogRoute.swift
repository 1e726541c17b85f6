import CofferHooks
import CofferRepository
import CofferSystem

/// What of a stored oplog leads from a dump to a target. All of it was read when this was made.
struct OplogRoute: Sendable {
  let server: LogServer
  let signers: [String]
  let history: UInt32
  /// The slices with what is replayed, and the one with the dump's last entry.
  let numbers: ClosedRange<UInt64>
  /// The last entry that the dump has.
  let start: OplogMark
  /// The first moment that is not replayed any more.
  let limit: OplogTime
  /// Entries that are replayed.
  private(set) var count = 0
  /// The first of them that gives a collection another name.
  private(set) var renamed: OplogTime?
  /// The last entry that is replayed; nil where the dump is there already.
  private(set) var reached: OplogMark?
  /// The last entry that was seen.
  private(set) var newest: OplogMark
  /// The entry that the log ends with before a gap, behind which another primary goes on.
  var doubt: OplogMark?
  /// Whether there is an entry behind those that are replayed.
  private(set) var isOver = false

  init(
    of server: LogServer, signers: [String], _ stretch: OplogReader.Stretch, from number: UInt64,
    behind start: OplogMark,
    before limit: OplogTime
  ) {
    self.server = server
    self.signers = signers
    self.start = start
    self.limit = limit
    history = stretch.history
    numbers = number...stretch.numbers.upperBound
    newest = start
  }

  /// Seconds of its log that a member rolls back at most: `rollbackTimeLimitSecs` in MongoDB's manual.
  private static let rollbackLimit: UInt64 = 86_400

  /// Whether the set may have rolled back some of what is replayed.
  var mayBeRolledBack: Bool {
    guard let doubt, let reached else { return false }
    return UInt64(reached.time.seconds) + Self.rollbackLimit >= UInt64(doubt.time.seconds)
  }

  /// Reads all of it and looks at each entry.
  ///
  /// - Returns: Whether the log has the dump's last entry.
  /// - Throws: `OplogRouteError`; what reading throws.
  mutating func check(_ reader: OplogReader, _ cancellation: Cancellation) throws -> Bool {
    var hasStart = false
    var before = start
    try reader.forEach(numbers, history: history) { slice in
      try cancellation.check()
      let part = try Self.part(of: slice, behind: start.time, before: limit) { entry in
        let mark = entry.mark
        if mark == start { hasStart = true }
        guard hasStart else { return }
        newest = mark
        guard mark.time > start.time, mark.time < limit else { return }
        switch entry.effect {
        case .fails(let what): throw OplogRouteError.notReplayable(mark.time, what: what, before: before.time)
        case .renames: renamed = renamed ?? mark.time
        case .same: break
        }
        // The first entry of a slice is the last of the one before.
        if mark.time > before.time { count += 1 }
        before = mark
        reached = mark
      }
      isOver = part.isOver
      return hasStart && !isOver
    }
    return hasStart
  }

  /// Hands over what is replayed.
  ///
  /// - Throws: `OplogRouteError`; what reading and `take` throw.
  func read(_ reader: OplogReader, _ take: (UnsafeRawBufferPointer) throws -> Void) throws {
    var done = start.time
    try reader.forEach(numbers, history: history) { slice in
      let part = try Self.part(of: slice, behind: done, before: limit) { entry in
        if entry.mark.time < limit { done = max(done, entry.mark.time) }
      }
      if !part.bytes.isEmpty {
        try slice.entries.withUnsafeBytes { try take(UnsafeRawBufferPointer(rebasing: $0[part.bytes])) }
      }
      return !part.isOver
    }
  }

  /// What of a slice is behind a moment and before another.
  ///
  /// - Parameter see: Is given each entry, up to the first that is not before the limit.
  private static func part(
    of slice: OplogSlice, behind start: OplogTime, before limit: OplogTime,
    _ see: (OplogEntry) throws -> Void
  ) throws -> (bytes: Range<Int>, isOver: Bool) {
    var parser = OplogParser()
    slice.entries.withUnsafeBytes { parser.append($0) }
    var (lower, upper): (Int?, Int) = (nil, 0)
    var place = 0
    var first: OplogMark?
    do {
      while let item = try parser.next() {
        let mark = item.entry.mark
        first = first ?? mark
        try see(item.entry)
        guard mark.time < limit else { return ((lower ?? upper)..<upper, true) }
        if mark.time > start { lower = lower ?? place }
        place += item.bytes.count
        upper = place
      }
    } catch let fault as OplogParser.Fault {
      throw OplogRouteError.unreadable(slice: "the slice from \(slice.first.time.text) on", fault.text)
    }
    guard parser.isAtBoundary, first == slice.first, parser.last == slice.last else {
      throw OplogRouteError.unreadable(
        slice: "the slice from \(slice.first.time.text) on", "it has other entries than it says")
    }
    return ((lower ?? upper)..<upper, false)
  }
}
