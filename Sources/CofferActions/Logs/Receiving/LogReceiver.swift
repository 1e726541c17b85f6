import CofferHooks
import CofferRepository
import CofferSystem
import FoundationEssentials

/// Receives a server's log until it is told to stop, and tells the server what is stored.
///
/// This thread talks to the server, `LogKeeping`'s store. Used by one thread.
final class LogReceiver {
  struct Plan {
    let server: ReplicationServer
    /// What the configuration calls the server, and the host that stores its log.
    let name: String
    let hostname: String
    /// The server keeps its log for it. It is the connection's name, too.
    let slot: String
    /// Whether what comes is stored at once, rather than `interval` seconds later at most.
    let isSynchronous: Bool
    /// Whether the log may go on behind a gap.
    let leavesGap: Bool
    let level: Int
  }

  private let plan: Plan
  private let means: ReceiveMeans
  private var keeping: (keeping: LogKeeping, threads: [WorkerThread])?
  private var identifier: String?
  private var log: ReceivedLog?
  /// Whether what comes next was not to be had, and the log goes on behind that.
  private var isBehindGap = false
  private var told = Told()
  private var progress: ReceiveProgress

  /// What has been said to the server and of it.
  private struct Told {
    var durable = LogSequenceNumber(0)
    var time: Double = 0
    /// When the server began to send its log; nil while it does not.
    var began: Double?
    /// When something came last, and when what is pending came first.
    var heard: Double = 0
    /// Whether the server sends its log: a slot must not be told of a place that the server has no log of any more.
    var isStreaming = false
    var pendingSince: Double?
    var isFull = false
  }

  /// Seconds that what has come waits at most before it is put; with the put itself, five are promised.
  private static let interval: Double = 4
  /// Seconds between two answers at most, and until a silent server is asked.
  private static let statusInterval: Double = 10
  /// Seconds after which a server that does not answer is given up.
  private static let silence: Double = 60

  init(_ plan: Plan, _ means: ReceiveMeans) {
    self.plan = plan
    self.means = means
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
      } catch let error as ReceiveError where plan.leavesGap && error.isGap && !isBehindGap {
        means.console.warning(Console.text(Diagnosis(of: error)))
        beginAnew()
        isBehindGap = true
      } catch is RepositoryReturned {
        beginAnew()
      } catch let error as ReplicationError where error.isTransient {
        try keeping?.keeping.queue.check()
        let (seconds, isFirst) = pause.next(
          stored: keeping?.keeping.queue.storedCount ?? 0,
          streamed: told.began.map { means.clock.steadySeconds() - $0 } ?? 0)
        told.began = nil
        if isFirst { means.console.warning(Console.text(Diagnosis(of: error)) + "\nIt is tried again") }
        try? means.cancellation.sleep(seconds)
        // The server sends the segment from its beginning on; until it can, what has come is safer in the repository.
        if let keeping { givePiece(keeping.keeping) }
        log?.startOver()
      } catch {
        // What was received before is worth keeping, whatever the failure.
        if let keeping { try? finish(keeping) }
        throw error
      }
    }
    if let keeping { try finish(keeping) }
  }

  /// Has the next connection begin as after a start.
  private func beginAnew() {
    if let keeping { givePiece(keeping.keeping) }
    log = nil
  }

  private func finish(_ keeping: (keeping: LogKeeping, threads: [WorkerThread])) throws {
    givePiece(keeping.keeping)
    try keeping.keeping.queue.finish(keeping.threads, place: plan.server.place)
  }
}

// MARK: - Beginning

extension LogReceiver {
  /// Connects and streams until the connection ends, one history after the other.
  private func follow() throws {
    // What came before is neither acknowledged by what comes behind a gap, nor missing in what the repositories have.
    if log == nil, let keeping { try keeping.keeping.queue.settle(means.cancellation) }
    let connection = try ReplicationConnection(
      to: plan.server, name: plan.slot, clock: means.clock, cancellation: means.cancellation)
    let identity = try connection.query("IDENTIFY_SYSTEM")
    guard let identifier = identity.text(0, "systemid"), let number = UInt64(identifier), number > 0,
      let timeline = identity.text(0, "timeline").flatMap({ UInt32($0) }), timeline > 0,
      let position = identity.text(0, "xlogpos").flatMap({ LogSequenceNumber($0) })
    else { throw unexpected("IDENTIFY_SYSTEM") }
    guard self.identifier.map({ $0.isSame(as: identifier) }) ?? true else {
      throw ReceiveError.otherServer(place: plan.server.place, identifier: identifier)
    }
    let keeping = try begin(LogCluster.server(number))
    self.identifier = identifier
    let isFirst = self.log == nil
    var log = try self.log ?? start(connection, LogCluster.server(number), timeline, position, keeping)
    self.log = log
    if isFirst { keeping.note(log.taken, of: log.place) }
    try check(log.place, timeline, position)
    while true {
      if log.place.history > 1 { try fetchHistory(log.place.history, connection, keeping) }
      guard let (next, start) = try streamHistory(log.place, connection, keeping) else {
        throw ReplicationError.lost(place: plan.server.place, "the server ends the stream")
      }
      // What is left of the segment stays a piece: the rest of it is the next history's.
      givePiece(keeping)
      guard next > log.place.history, let switched = log.switched(to: next, at: start) else {
        throw unexpected("timeline \(next)")
      }
      means.console.remark("\(plan.server.place): The log goes on in timeline \(next)")
      log = switched
      self.log = log
    }
  }

  /// Checks that the server has written so far.
  private func check(_ place: LogPlace, _ timeline: UInt32, _ position: LogSequenceNumber) throws(ReceiveError) {
    guard place.history > timeline || place.history == timeline && place.start > position.value else { return }
    throw .ahead(
      place: plan.server.place, segment: place.segmentName,
      "it has written to \(position.text) of timeline \(timeline)")
  }

  /// Takes the log of one history, from the beginning of a segment on.
  ///
  /// - Returns: What comes behind its end; nil where nothing does: the server is being stopped.
  private func streamHistory(
    _ place: LogPlace, _ connection: ReplicationConnection, _ keeping: LogKeeping
  ) throws -> (timeline: UInt32, start: LogSequenceNumber)? {
    do {
      let reply = try request(place, connection)
      // Where a history has ended before the segment, the server sends nothing of it, but what comes behind it.
      guard reply == .copyBoth else { return try switching(connection, reply) }
      told.began = told.began ?? means.clock.steadySeconds()
      try stream(connection, keeping)
      return try switching(connection, connection.next())
    } catch let error as ReplicationError {
      throw explained(error, log?.place ?? place)
    }
  }

  private func begin(_ server: LogServer) throws -> LogKeeping {
    if let keeping { return keeping.keeping }
    let origin = LogOrigin(server, hostname: plan.hostname, name: plan.name)
    let keeping = LogKeeping(means, origin, level: plan.level)
    self.keeping = (keeping, try keeping.start())
    return keeping
  }

  /// Where the log goes on: behind what the repositories have, or where the server keeps it from.
  private func start(
    _ connection: ReplicationConnection, _ server: LogServer, _ timeline: UInt32, _ position: LogSequenceNumber,
    _ keeping: LogKeeping
  ) throws -> ReceivedLog {
    let setting = try connection.query("SHOW wal_segment_size").text(0, "wal_segment_size")
    guard let size = setting.flatMap(WALPageHeader.segmentSize) else { throw unexpected("SHOW wal_segment_size") }
    let exponent = UInt8(size.trailingZeroBitCount)
    let isNew = try makeSlot(connection)
    let known =
      isBehindGap
      ? nil
      : try LogResumption(
        keeping.queue.following.map { try means.repositories[$0].repository.ownLogs(of: server) }, exponent: exponent)
    let kept = try keptFrom(connection, timeline)
    if let known {
      try check(known.place, timeline, position)
      if isNew {
        means.console.warning(
          "\(plan.server.place): The slot \(plan.slot) was not there and is made anew: the server may have thrown log away "
            + "meanwhile")
      }
      let next = kept.map { known.notBehind($0.position, timeline: $0.timeline) } ?? known
      means.console.remark("\(plan.server.place): The log goes on at segment \(next.place.segmentName)")
      return ReceivedLog(next.place, taken: next.taken)
    }
    let first = kept ?? (timeline, position)
    guard let place = LogPlace(history: first.timeline, byte: first.position.value, exponent: exponent) else {
      throw unexpected(first.position.text)
    }
    means.console.remark("\(plan.server.place): The log begins at segment \(place.segmentName)")
    return ReceivedLog(place)
  }

  /// - Returns: Whether it was not there before.
  private func makeSlot(_ connection: ReplicationConnection) throws -> Bool {
    do {
      _ = try connection.query("CREATE_REPLICATION_SLOT \"\(plan.slot)\" PHYSICAL RESERVE_WAL")
      return true
    } catch ReplicationError.refused(_, _, let state, _) where state.isSame(as: "42710") {
      // duplicate_object of PostgreSQL's errcodes.txt.
      return false
    }
  }

  /// From where on the server keeps its log for the slot.
  ///
  /// - Parameter timeline: The server's.
  /// - Returns: nil where it does not say so.
  private func keptFrom(
    _ connection: ReplicationConnection, _ timeline: UInt32
  ) throws -> (timeline: UInt32, position: LogSequenceNumber)? {
    guard connection.serverVersion >= Self.firstToTellOfSlots else { return try askedFrom(connection, timeline) }
    let slot = try connection.query("READ_REPLICATION_SLOT \"\(plan.slot)\"")
    guard let position = slot.text(0, "restart_lsn").flatMap({ LogSequenceNumber($0) }),
      let timeline = slot.text(0, "restart_tli").flatMap({ UInt32($0) }), timeline > 0
    else { return nil }
    return (timeline, position)
  }

  /// Servers from here on tell of a slot by the replication protocol.
  private static let firstToTellOfSlots = 150_000

  /// The same of an older server: by a connection that asks for rows, where it lets one in.
  private func askedFrom(
    _ connection: ReplicationConnection, _ timeline: UInt32
  ) throws -> (timeline: UInt32, position: LogSequenceNumber)? {
    do {
      return try LogInspection(of: plan.server, clock: means.clock, cancellation: means.cancellation)
        .start(of: plan.slot, over: connection, timeline: timeline)
    } catch let error as ReplicationError {
      means.console.warning(
        "\(Console.text(Diagnosis(of: error)))\nFrom where on the server keeps its log for the slot is not known: the log goes "
          + "on behind what the repository has")
      return nil
    }
  }

  /// Asks for the log from the beginning of a segment on.
  private func request(_ place: LogPlace, _ connection: ReplicationConnection) throws -> ReplicationConnection.Reply? {
    let start = LogSequenceNumber(place.start)
    try connection.begin("START_REPLICATION SLOT \"\(plan.slot)\" PHYSICAL \(start.text) TIMELINE \(place.history)")
    let reply = try connection.next()
    told.heard = means.clock.steadySeconds()
    told.durable = LogSequenceNumber(0)
    told.isStreaming = false
    return reply
  }

  /// What a refusal means where the log is to go on.
  private func explained(_ error: ReplicationError, _ place: LogPlace) -> any Error {
    guard case .refused(let server, _, _, let text) = error else { return error }
    if text.holds("has already been removed") {
      return ReceiveError.recycled(place: server, segment: place.segmentName)
    }
    if text.holds("is not in this server's history") || text.holds("is ahead of the WAL flush position") {
      return ReceiveError.ahead(place: server, segment: place.segmentName, text)
    }
    return error
  }

  private func fetchHistory(_ timeline: UInt32, _ connection: ReplicationConnection, _ keeping: LogKeeping) throws {
    let answer = try connection.query("TIMELINE_HISTORY \(timeline)")
    guard let content = answer.bytes(0, "content"), !content.isEmpty, content.count <= TimelineHistory.sizeLimit else {
      throw unexpected("TIMELINE_HISTORY \(timeline)")
    }
    keeping.give(.history(timeline, content))
  }

  /// Reads what the server says at the end of a copy.
  ///
  /// - Parameter reply: The first of it.
  private func switching(
    _ connection: ReplicationConnection, _ reply: ReplicationConnection.Reply?
  ) throws -> (timeline: UInt32, start: LogSequenceNumber)? {
    var next: (timeline: UInt32, start: LogSequenceNumber)?
    var reply = reply
    while let said = reply {
      reply = try connection.next()
      guard case .rows(let rows) = said else { continue }
      guard let timeline = rows.text(0, "next_tli").flatMap({ UInt32($0) }),
        let start = rows.text(0, "next_tli_startpos").flatMap({ LogSequenceNumber($0) })
      else { throw unexpected("the end of a timeline") }
      next = (timeline, start)
    }
    return next
  }

  private func unexpected(_ text: String) -> ReceiveError { .unexpected(place: plan.server.place, text) }
}

// MARK: - Streaming

extension LogReceiver {
  /// Takes the log of one history, to its end.
  private func stream(_ connection: ReplicationConnection, _ keeping: LogKeeping) throws {
    var isAsked = false
    while true {
      try keeping.queue.check()
      if keeping.queue.hasReturned { throw RepositoryReturned() }
      // First: what has been stored is seen below, and what is stored from now on ends the wait.
      means.wake.clear()
      let now = means.clock.steadySeconds()
      if isPieceDue(now, isAsked: isAsked, keeping) { givePiece(keeping) }
      try answer(connection, keeping, now, isAsked: isAsked)
      isAsked = false
      progress.tell(
        means, stored: durable(keeping).text, received: log?.end.text,
        bytes: keeping.queue.waiting + (log?.pending ?? 0))
      guard now - told.heard < Self.silence || !keeping.queue.hasRoom else {
        throw ReplicationError.lost(place: plan.server.place, "it has said nothing for \(Int(Self.silence)) seconds")
      }
      if keeping.queue.hasRoom {
        if keeping.queue.isIdle { told.isFull = false }
        let received = try receive(connection, keeping) { isAsked = try take($0, keeping) || isAsked }
        if case .end = received { return }
      } else {
        try waitForRoom()
      }
    }
  }

  private func receive(
    _ connection: ReplicationConnection, _ keeping: LogKeeping, _ take: (UnsafeRawBufferPointer) throws -> Void
  ) throws -> ReplicationConnection.Received<Void> {
    var deadline = told.time + Self.statusInterval
    // While something is being stored no piece is due, and the end of that wakes.
    if let since = told.pendingSince, keeping.queue.isIdle { deadline = min(deadline, since + Self.interval) }
    return try connection.receive(until: deadline, orUntil: means.wake.number, take)
  }

  /// - Returns: Whether the server wants to be answered at once.
  private func take(_ bytes: UnsafeRawBufferPointer, _ keeping: LogKeeping) throws -> Bool {
    told.heard = means.clock.steadySeconds()
    told.isStreaming = true
    switch LogStreamMessage(bytes) {
    case .data(let start, let data):
      do {
        try log?.append(data, at: start) { place, bytes in
          try checkHeader(bytes, place)
          keeping.give(.segment(place, bytes))
        }
      } catch let hole as ReceivedLog.Hole {
        throw ReceiveError.hole(place: plan.server.place, hole)
      }
      let isPending = (log?.pending ?? 0) > 0
      told.pendingSince = isPending ? told.pendingSince ?? told.heard : nil
      return false
    case .keepalive(_, let wantsReply): return wantsReply
    case nil: throw unexpected("a message that is none of a stream")
    }
  }

  /// Checks that a segment says of itself what the server said of it: what is stored can be found by nothing else.
  private func checkHeader(_ bytes: [UInt8], _ place: LogPlace) throws {
    guard let header = bytes.withUnsafeBytes({ WALPageHeader($0) }), header.address == place.start,
      header.segmentSize == place.size, header.timeline <= place.history,
      identifier?.isSame(as: String(header.systemIdentifier)) == true
    else { throw unexpected("segment \(place.segmentName) does not begin as it should") }
  }

  private func waitForRoom() throws {
    if !told.isFull {
      told.isFull = true
      means.console.warning(
        "\(plan.server.place): No more of the log is read until what has come is stored. The server keeps the rest: watch "
          + "the room for its pg_wal")
    }
    told.heard = means.clock.steadySeconds()
    try means.waitForWake()
  }

  /// Whether what has come is to be put although it fills no segment. One piece at a time: what comes meanwhile is in the next.
  private func isPieceDue(_ now: Double, isAsked: Bool, _ keeping: LogKeeping) -> Bool {
    guard let since = told.pendingSince, keeping.queue.isIdle else { return false }
    // A server that is being stopped waits until all of its log is safe.
    return plan.isSynchronous || isAsked || now - since >= Self.interval
  }

  private func givePiece(_ keeping: LogKeeping) {
    told.pendingSince = nil
    guard let place = log?.place, let piece = log?.takePiece() else { return }
    keeping.give(.piece(place, piece.range, piece.bytes))
  }

  /// Tells the server what is stored, when there is news, when it asks, and now and then.
  private func answer(
    _ connection: ReplicationConnection, _ keeping: LogKeeping, _ now: Double, isAsked: Bool
  ) throws {
    // 0 says nothing of a place.
    let durable = told.isStreaming ? durable(keeping) : LogSequenceNumber(0)
    guard durable > told.durable || isAsked || now - told.time >= Self.statusInterval else { return }
    (told.durable, told.time) = (durable, now)
    try connection.send(
      LogStreamMessage.status(
        durable: durable, time: means.clock.now().timeIntervalSince1970,
        wantsReply: now - told.heard >= Self.statusInterval))
  }

  /// What the server is told to be stored: no more than it has sent over this connection, for another server may answer now that
  /// has less, or other bytes there.
  private func durable(_ keeping: LogKeeping) -> LogSequenceNumber {
    log.map { min(keeping.durable(of: $0.place.history), $0.end) } ?? LogSequenceNumber(0)
  }
}
