import CofferHooks
import CofferRepository
import CofferSystem

/// Receives a MongoDB server's oplog until it is told to stop: reads again and again what is behind the entry that is stored last.
///
/// This thread reads, `LogQueue`'s store. Used by one thread.
final class OplogReceiver {
  struct Plan {
    let server: OplogServer
    /// The server as its log's name has it.
    let identity: LogServer
    /// What the configuration calls it, and the host that stores its log.
    let name: String
    let hostname: String
    /// Whether the log may go on behind a gap.
    let leavesGap: Bool
    let level: Int
  }

  typealias Cursor = LogCursor<OplogMark>
  private typealias Queue = LogQueue<ReceivedOplog.Part>

  private let plan: Plan
  private let means: ReceiveMeans
  private let hooks: HookContext
  /// Of each repository; the threads that store move them on.
  private let cursors: Monitor<[Cursor]>
  /// The last entry before a gap: behind it the log goes on.
  private var gap: OplogTime?
  private var progress: ReceiveProgress

  /// Seconds between two readings; with reading and putting, five are promised.
  private static let interval: Double = 4

  /// - Throws: `StorageError`; `RunCancelled`.
  init(_ plan: Plan, _ means: ReceiveMeans, _ hooks: HookContext) throws {
    self.plan = plan
    self.means = means
    self.hooks = means.ending(hooks)
    progress = ReceiveProgress(of: plan.name)
    cursors = Monitor(
      try means.repositories.map { access in
        let repository = access.repository
        let cursor = Cursor(
          try repository.ownLogs(of: plan.identity), taken: try repository.lastHistory(of: plan.identity),
          reach: \.oplogEnd)
        if cursor.isBehindGap {
          means.console.warning(
            "\(access.location.path): What is stored last of the oplog of \(plan.name) cannot be read. It goes on at the oldest "
              + "entry that the server has, as history \(cursor.history): make a dump, for those from before lead no further "
              + "than to it")
        }
        return cursor
      })
  }

  /// - Throws: What cannot pass by itself; `ReceiveError.stoppedEarly`. Returns when the run is to stop and everything is stored.
  func run() throws {
    let queue = Queue(means.places, means, keeping: "its oplog has to hold what is missing")
    let (plan, cursors, console, repositories) = (plan, cursors, means.console, means.repositories)
    let threads = try queue.start(
      Queue.Work(put: { part, number in
        try Self.put(part, number, repositories[number], plan, cursors, console)
      }))
    do {
      try follow(queue)
    } catch is RunCancelled {
      try queue.finish(threads, place: plan.server.place)
    } catch {
      // What was received before is worth keeping, whatever the failure.
      try? queue.finish(threads, place: plan.server.place)
      throw error
    }
  }

  /// - Throws: `RunCancelled` when the run is to stop.
  private func follow(_ queue: Queue) throws {
    var pause = ReconnectPause()
    var wentWell = false
    while true {
      do {
        try read(queue)
        wentWell = true
        try means.cancellation.sleep(Self.interval)
      } catch let error as OplogError where error.isTransient {
        try queue.check()
        let (seconds, isFirst) = pause.next(stored: queue.storedCount, streamed: wentWell ? .infinity : 0)
        wentWell = false
        if isFirst { means.console.warning(Console.text(Diagnosis(of: error)) + "\nIt is tried again") }
        try means.cancellation.sleep(seconds)
      }
    }
  }

  /// Stores what is not stored there yet.
  ///
  /// - Returns: How far the log is stored then.
  private static func put(
    _ part: ReceivedOplog.Part, _ number: Int, _ access: OpenRepository, _ plan: Plan, _ cursors: Monitor<[Cursor]>,
    _ console: Console
  ) throws -> LogMark {
    let cursor = cursors.update { $0[number] }
    if let reach = cursor.reach {
      guard reach.time < part.last.time else { return mark(reach) }
      guard reach == part.first else {
        throw OplogError.damaged(
          place: plan.server.place, "\(part.first.time.text) does not follow \(reach.time.text), which is stored")
      }
    }
    let title = OplogReader.title(cursor.number, history: cursor.history)
    let origin = LogOrigin(plan.identity, hostname: plan.hostname, name: plan.name, oplog: part.last)
    guard let place = LogPlace(history: cursor.history, number: cursor.number, exponent: 0),
      let segment = LogPart(.segment, at: place, title: title, origin: origin, size: part.bytes.count)
    else { throw OplogError.damaged(place: plan.server.place, "an entry of it is larger than can be stored") }
    let isNew = try access.repository.put(segment, part.bytes, compressionLevel: plan.level)
    cursors.update { $0[number].advance(to: part.last) }
    console.step(
      "\(access.location.path): \(title), \(part.first.time.text) to \(part.last.time.text), "
        + (isNew ? "is stored" : "was stored before"))
    return mark(part.last)
  }

  private static func mark(_ reach: OplogMark) -> LogMark {
    LogMark(major: UInt64(reach.time.seconds), minor: UInt64(reach.time.increment))
  }
}

// MARK: - Reading

extension OplogReceiver {
  /// Reads from what the repository has last that has least, up to the newest.
  private func read(_ queue: Queue) throws {
    try queue.settle(means.cancellation)
    // Where the others go on is seen when they are back.
    let own = cursors.update { cursors in queue.following.map { cursors[$0] } }
    let reaches = own.compactMap(\.reach)
    var log = ReceivedOplog(expecting: reaches)
    defer { give(log.takePart(), queue) }
    for start in starts(of: own) {
      do {
        try plan.server.read(from: start, hooks).forEachPiece { piece in
          try log.append(piece) { give($0, queue) }
          progress.tell(
            means, stored: cursors.update { $0.compactMap(\.reach).first?.time.text },
            received: log.last?.time.text, bytes: queue.waiting + log.pending)
          try waitForRoom(queue)
          return true
        }
      } catch let fault as OplogParser.Fault {
        throw OplogError.damaged(place: plan.server.place, fault.text)
      } catch let missing as ReceivedOplog.Missing {
        give(log.takePart(), queue)
        return try leaveGap(missing, queue)
      }
      guard log.isAtBoundary else {
        throw OplogError.lost(place: plan.server.place, "mongodump ended within an entry")
      }
      if log.last != nil { return }
    }
    // A member that lags behind has not yet what another one has given.
    guard let reach = reaches.map(\.time).min() ?? gap else { throw OplogError.none(place: plan.server.place) }
    throw OplogError.lost(
      place: plan.server.place, "the server has nothing of \(reach.text), which is stored, or later")
  }

  /// From where on is read: from the first moment that gives anything.
  private func starts(of cursors: [Cursor]) -> [OplogTime] {
    // What is behind a gap begins with what the server still has.
    let gaps = cursors.filter { $0.isBehindGap && $0.reach == nil }.map { _ in
      gap ?? OplogServer.oldest
    }
    guard let start = (cursors.compactMap(\.reach?.time) + gaps).min() else {
      return OplogServer.beginnings(means.clock)
    }
    return [start]
  }

  private func leaveGap(_ missing: ReceivedOplog.Missing, _ queue: Queue) throws {
    let error = OplogGap(place: plan.server.place, missing: missing)
    guard plan.leavesGap else { throw error }
    means.console.warning(Console.text(Diagnosis(of: error)))
    // What came before it belongs to the histories that it is not missing in.
    try queue.settle(means.cancellation)
    gap = missing.mark.time
    cursors.update { cursors in
      for number in queue.following where cursors[number].reach == missing.mark { cursors[number].leaveGap() }
    }
  }

  private func give(_ part: ReceivedOplog.Part?, _ queue: Queue) {
    if let part { queue.give(part, size: part.bytes.count) }
  }

  private func waitForRoom(_ queue: Queue) throws {
    while !queue.hasRoom {
      try queue.check()
      means.wake.clear()
      if !queue.hasRoom { try means.waitForWake() }
    }
  }
}
