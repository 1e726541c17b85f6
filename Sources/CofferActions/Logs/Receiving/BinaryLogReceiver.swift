import CofferHooks
import CofferRepository
import CofferSystem

/// Receives a server's binary log until it is told to stop.
///
/// This thread listens to the server, `LogQueue`'s store. Used by one thread.
final class BinaryLogReceiver {
  struct Plan {
    let server: BinaryLogServer
    /// What the configuration calls the server, and the host that stores its log.
    let name: String
    let hostname: String
    /// Whether the log may go on behind a gap.
    let leavesGap: Bool
    let level: Int
  }

  private typealias Storing = (queue: LogQueue<ReceivedBinaryLog.Part>, threads: [WorkerThread])

  private let plan: Plan
  private let means: ReceiveMeans
  private let hooks: HookContext
  private var storing: Storing?
  private var server: LogServer?
  /// Of each repository; the threads that store move them on.
  private let cursors = Monitor<[BinaryLogCursor]>([])
  private var log: ReceivedBinaryLog?
  private var pendingSince: Double?
  private var progress: ReceiveProgress
  private var isFull = false
  /// When the server began to send.
  private var began: Double?
  private var failures = UnknownFailures()

  /// Seconds that what has come waits at most before it is put; with the put itself, five are promised.
  private static let interval: Double = 4
  /// Seconds without a byte after which a server is asked whether it has something.
  private static let silence: Double = 30
  private static let bufferSize = 1 << 20

  init(_ plan: Plan, _ means: ReceiveMeans, _ hooks: HookContext) {
    self.plan = plan
    self.means = means
    self.hooks = means.ending(hooks)
    progress = ReceiveProgress(of: plan.name)
  }

  /// - Throws: What cannot pass by itself; `ReceiveError.stoppedEarly`. Returns when the run is to stop and everything is stored.
  func run() throws {
    var pause = ReconnectPause()
    while !means.cancellation.isCancelled {
      do {
        try follow()
      } catch is RunCancelled {
        break
      } catch is RepositoryReturned {
        continue
      } catch let error as BinaryLogError where error.isTransient {
        try storing?.queue.check()
        guard !failures.areTooMany(with: error, hasStreamed: began != nil) else {
          if let storing { try? finish(storing) }
          throw error
        }
        let (seconds, isFirst) = pause.next(
          stored: storing?.queue.storedCount ?? 0, streamed: began.map { means.clock.steadySeconds() - $0 } ?? 0)
        began = nil
        if isFirst { means.console.warning(Console.text(Diagnosis(of: error)) + "\nIt is tried again") }
        // Until the server is back, what has come is safer in the repository.
        if let storing { givePart(storing.queue) }
        try? means.cancellation.sleep(seconds)
      } catch {
        // What was received before is worth keeping, whatever the failure.
        if let storing { try? finish(storing) }
        throw error
      }
    }
    if let storing { try finish(storing) }
  }

  private func finish(_ storing: Storing) throws {
    givePart(storing.queue)
    try storing.queue.finish(storing.threads, place: plan.server.place)
  }
}

// MARK: - Beginning

extension BinaryLogReceiver {
  /// Asks the server and receives until it sends nothing more.
  private func follow() throws {
    let facts = try plan.server.ask(hooks)
    let storing = try begin(LogServer(system: plan.server.system, identity: identity(facts)), facts)
    // Where the log goes on is known when all is stored that has come.
    givePart(storing.queue)
    try storing.queue.settle(means.cancellation)
    log = nil
    do {
      let start = try start(facts)
      means.console.remark(
        "\(plan.server.place): The binary log is received from \(start.file.text), byte \(start.position) on")
      let stream = try BinaryLogStream(plan.server, from: start.file, start.position, context: hooks)
      try receive(stream, storing.queue)
    } catch let error as BinaryLogParser.Fault {
      throw BinaryLogError.damaged(
        place: plan.server.place, file: log?.file.text ?? "the file", Self.text(error))
    } catch is ReceivedBinaryLog.Mismatch {
      let file = log?.file.text ?? ""
      // What came before it belongs to the history that ends here.
      try storing.queue.settle(means.cancellation)
      try leaveGap(
        .other(
          place: plan.server.place, file: file, "what the server has in \(file), or before it, is not what is stored"))
    }
  }

  /// MariaDB's servers have nothing by which they could be told apart, but what they are called.
  private func identity(_ facts: BinaryLogServer.Facts) -> String {
    facts.identity ?? LogServer.identity(host: plan.hostname, name: plan.name)
  }

  private func begin(_ server: LogServer, _ facts: BinaryLogServer.Facts) throws -> Storing {
    if let storing {
      guard self.server == server else {
        throw ReceiveError.otherServer(place: plan.server.place, identifier: server.identity)
      }
      return storing
    }
    for remark in facts.remarks { means.console.warning(Console.text(remark)) }
    let own = try means.repositories.map { try cursor(in: $0, of: server) }
    cursors.update { $0 = own }
    let queue = LogQueue<ReceivedBinaryLog.Part>(
      means.places, means, keeping: "it keeps its files for as long as binlog_expire_logs_seconds says")
    let (plan, cursors, console, repositories) = (plan, cursors, means.console, means.repositories)
    let threads = try queue.start(
      LogQueue.Work(put: { part, number in
        try Self.put(part, number, repositories[number], server, plan, cursors, console)
      }))
    self.server = server
    storing = (queue, threads)
    return (queue, threads)
  }

  /// Where the server's log goes on in a repository.
  private func cursor(in access: OpenRepository, of server: LogServer) throws -> BinaryLogCursor {
    let cursor = BinaryLogCursor(
      try access.repository.ownLogs(of: server), taken: try access.repository.lastHistory(of: server))
    if cursor.isBehindGap {
      means.console.warning(
        "\(access.location.path): What is stored last of the binary log of \(plan.name) cannot be read. It goes on at the oldest file "
          + "that the server has, as history \(cursor.history): make dumps, for those from before lead no further than to it"
      )
    } else if cursor.reach == nil {
      try warnOfOther(access, than: server)
    }
    return cursor
  }

  /// The log of another server that was called so leads on to nothing of this one.
  private func warnOfOther(_ access: OpenRepository, than server: LogServer) throws {
    let named = LogCluster.Named(system: server.system, name: plan.name, hostname: plan.hostname, limit: nil)
    let others = try access.repository.logs().compactMap(\.origin).filter { named.isMeant(by: $0) }
    guard let other = others.last(where: { $0.server != server }) else { return }
    means.console.warning(
      "\(access.location.path): What is stored of \(plan.name) is of another server, \(other.identity). This one, \(server.identity), "
        + "begins a log of its own: make dumps, for those from before do not lead to it")
  }

  /// Stores what is not stored there yet.
  ///
  /// - Returns: How far the log is stored then.
  private static func put(
    _ part: ReceivedBinaryLog.Part, _ number: Int, _ access: OpenRepository, _ server: LogServer, _ plan: Plan,
    _ cursors: Monitor<[BinaryLogCursor]>, _ console: Console
  ) throws -> LogMark? {
    let cursor = cursors.update { $0[number] }
    guard !cursor.has(part.reach) else { return cursor.mark }
    let title = BinaryLogReader.title(cursor.number, history: cursor.history)
    let origin = LogOrigin(server, hostname: plan.hostname, name: plan.name, reach: part.reach)
    guard let place = LogPlace(history: cursor.history, number: cursor.number, exponent: 0),
      let segment = LogPart(.segment, at: place, title: title, origin: origin, size: part.bytes.count)
    else {
      throw BinaryLogError.damaged(
        place: plan.server.place, file: part.reach.file, "an event of it is larger than can be stored")
    }
    let isNew = try access.repository.put(segment, part.bytes, compressionLevel: plan.level)
    let mark = cursors.update { cursors in
      cursors[number].advance(to: part.reach)
      return cursors[number].mark
    }
    console.step(
      "\(access.location.path): \(title), \(part.reach.file) from \(part.start) to \(part.reach.end), "
        + (isNew ? "is stored" : "was stored before"))
    return mark
  }

  /// The repositories that are given what comes, by their numbers. Where the others go on is seen when they are back.
  private var following: [Int] { storing?.queue.following ?? [] }

  /// Where the server is asked to begin: where the repository that has least goes on, or, where none has anything, with the newest file;
  /// behind a gap with the oldest.
  private func start(_ facts: BinaryLogServer.Facts) throws -> BinaryLogPoint {
    let place = plan.server.place
    let points = try cursors.update { cursors in
      try following.map { number -> BinaryLogPoint? in
        do throws(BinaryLogGap) {
          return try cursors[number].next(in: facts.files, of: place)
        } catch {
          guard plan.leavesGap else { throw error }
          means.console.warning(Console.text(Diagnosis(of: error)))
          cursors[number].leaveGap()
          return nil
        }
      }
    }
    let isBehindGap = cursors.update { cursors in
      following.contains { cursors[$0].isBehindGap && cursors[$0].reach == nil }
    }
    guard let file = isBehindGap ? facts.files.first : facts.files.last else {
      throw BinaryLogError.unexpected(place: place, "SHOW BINARY LOGS")
    }
    let begin = BinaryLogPoint(file: file.name, position: BinaryLogFileName.firstEvent)
    // Whoever has more passes over what it has.
    let start = (points.compactMap(\.self) + (isBehindGap ? [begin] : [])).min() ?? begin
    log = received(start.file, from: start.position)
    return start
  }

  /// What comes of a file, with what is known of it.
  ///
  /// - Parameter before: What came of the file before it.
  private func received(
    _ file: BinaryLogFileName, from position: UInt64, behind before: ReceivedBinaryLog? = nil
  ) -> ReceivedBinaryLog {
    let reaches = cursors.update { cursors in following.compactMap { cursors[$0].reach } }
    let own = reaches.filter { $0.file.isSame(as: file.text) }
    let isBeginning = position == BinaryLogFileName.firstEvent
    // Whatever is stored of earlier files, this one goes on behind it.
    let ended =
      isBeginning
      ? reaches.filter { $0.isWhole && BinaryLogFileName($0.file).map { $0.number < file.number } ?? false } : []
    let known = own.first { $0.end == position } ?? ended.first
    // Of every repository: what is stored in one may be of another log than what is stored in the next.
    var expectations = own.map { ReceivedBinaryLog.Expectation.begun($0.created, serverID: $0.serverID) }
    if before == nil { expectations += ended.compactMap(\.gtid).map { .gtid($0) } }
    return ReceivedBinaryLog(
      file, from: position, gtids: before?.gtids ?? known?.gtid.flatMap { GTIDPosition($0) } ?? GTIDPosition(),
      cuts: Set(own.map(\.end)), expecting: expectations)
  }

  private func leaveGap(_ gap: BinaryLogGap) throws {
    guard plan.leavesGap else { throw gap }
    means.console.warning(Console.text(Diagnosis(of: gap)))
    cursors.update { cursors in
      for number in following where cursors[number].reach != nil { cursors[number].leaveGap() }
    }
    log = nil
  }

  private static func text(_ fault: BinaryLogParser.Fault) -> String {
    switch fault {
    case .magic: "it does not begin as one"
    case .format: "its format is not version 4"
    case .size(let place): "the event at byte \(place) has a size that no event has"
    case .checksum(let place): "the event at byte \(place) has another checksum"
    case .place(let place): "something is missing at byte \(place)"
    }
  }
}

// MARK: - Receiving

extension BinaryLogReceiver {
  private func receive(_ stream: BinaryLogStream, _ queue: LogQueue<ReceivedBinaryLog.Part>) throws {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.bufferSize, alignment: 16)
    defer { buffer.deallocate() }
    var heard = means.clock.steadySeconds()
    // Where the log was when the server last had more.
    var isBehindAt: UInt64?
    while true {
      try queue.check()
      if queue.hasReturned { throw RepositoryReturned() }
      // First: what is stored from now on ends the wait.
      means.wake.clear()
      let now = means.clock.steadySeconds()
      if let pendingSince, queue.isIdle, now - pendingSince >= Self.interval { givePart(queue) }
      progress.tell(
        means, stored: cursors.update { $0.compactMap(\.reach).first.map { "\($0.file), byte \($0.end)" } },
        received: log.map { "\($0.file.text), byte \($0.position)" }, bytes: queue.waiting + (log?.pending ?? 0))
      guard queue.hasRoom else {
        try waitForRoom()
        heard = now
        continue
      }
      isFull = false
      switch try stream.read(into: buffer, seconds: wait(now, queue), orUntil: means.wake.number) {
      case .bytes(let count):
        (heard, isBehindAt) = (now, nil)
        began = began ?? now
        try log?.append(UnsafeRawBufferPointer(rebasing: buffer[..<count])) { queue.give($0, size: $0.bytes.count) }
        pendingSince = (log?.pending ?? 0) > 0 ? pendingSince ?? now : nil
      case .file(let name): try turn(to: name, queue)
      case .nothing:
        guard now - heard >= Self.silence else { continue }
        heard = now
        let position = log?.position ?? 0
        guard try isBehind() else {
          isBehindAt = nil
          continue
        }
        guard isBehindAt != position else {
          throw BinaryLogError.lost(
            place: plan.server.place, "the server has more, and has sent nothing for \(Int(2 * Self.silence)) seconds")
        }
        isBehindAt = position
      }
    }
  }

  /// Seconds until something is due. While something is being stored nothing is, and the end of that wakes.
  private func wait(_ now: Double, _ queue: LogQueue<ReceivedBinaryLog.Part>) -> Double {
    guard let pendingSince, queue.isIdle else { return Self.silence }
    return pendingSince + Self.interval - now
  }

  /// Goes over to the next file.
  private func turn(to name: BinaryLogFileName, _ queue: LogQueue<ReceivedBinaryLog.Part>) throws {
    guard let before = log, before.isAtBoundary else {
      throw BinaryLogError.lost(
        place: plan.server.place, "the server goes on with \(name.text) in the middle of an event")
    }
    givePart(queue)
    log = received(name, from: BinaryLogFileName.firstEvent, behind: before)
  }

  /// Whether the server has written more than what has come.
  private func isBehind() throws -> Bool {
    guard let last = try plan.server.ask(hooks).files.last, let log else { return false }
    return last.name != log.file || last.size > log.position
  }

  private func waitForRoom() throws {
    if !isFull {
      isFull = true
      means.console.warning(
        "\(plan.server.place): No more of the binary log is read until what has come is stored. The server keeps the rest for "
          + "as long as binlog_expire_logs_seconds says")
    }
    try means.waitForWake()
  }

  private func givePart(_ queue: LogQueue<ReceivedBinaryLog.Part>) {
    pendingSince = nil
    guard let part = log?.takePart() else { return }
    queue.give(part, size: part.bytes.count)
  }
}
