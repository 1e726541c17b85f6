import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferSystem

/// Stores a file of a server's log in one repository, and segments along with it that wait to be pushed after it: the server calls for
/// one at a time, and most of what that takes is to open the repository.
struct LogPushing {
  /// What messages call the file.
  let title: String
  private let file: WALFile
  private let origin: LogOrigin
  private let dataDirectory: String
  private let location: RepositoryLocation
  private let context: ActionContext
  /// nil where nothing can be stored ahead.
  private let pushed: PushedAhead?
  private let noted: @Sendable () -> Void

  /// Bytes of a segment at most that goes along: each thread holds one in memory.
  private static let sizeLimit = 64 << 20
  /// Threads that push ahead: while one puts, two compress and seal.
  private static let pushers = 3
  /// Seconds after which no further one is begun: the server waits for the first.
  private static let patience: Double = 5

  /// - Parameters:
  ///   - pushed: Of the log and the repository.
  ///   - noted: Called when a segment that goes along is stored.
  init(
    _ file: WALFile, _ origin: LogOrigin, dataDirectory: String, in location: RepositoryLocation,
    _ pushed: PushedAhead?, _ context: ActionContext, noted: @escaping @Sendable () -> Void = {}
  ) {
    self.file = file
    self.origin = origin
    self.dataDirectory = dataDirectory
    self.location = location
    self.context = context
    self.pushed = pushed
    self.noted = noted
    title = Self.title(of: file)
  }

  private static func title(of file: WALFile) -> String { "Segment \(file.name.text)" }

  /// Whether the file has gone along with another before.
  ///
  /// - Throws: `SystemError`, when it cannot be looked at.
  func wasPushed() throws -> Bool {
    guard let pushed, try pushed.has(file, now: context.surroundings.clock.now()) else { return false }
    pushed.forget(upTo: file.name)
    return true
  }

  /// Stores the file. When this returns it is durable, or was before.
  ///
  /// - Parameters:
  ///   - count: How many others may go along.
  ///   - line: Returns what leads to who has the repository open, and starts such a process for pushes to come; nil for none. Not asked
  ///     for a file that has gone along: its push is to take no time.
  /// - Returns: Whether it was not stored before.
  /// - Throws: Of the file alone what storing and reading throw.
  func push(ahead count: Int, by line: () -> PushServiceLine?) throws -> Bool {
    guard try !wasPushed() else { return false }
    let line = line()
    if let isNew = try line?.push(file, context.cancellation) { return isNew }
    var isNew = false
    // Opening waits for answers, and compressing needs nothing but processors. Where the repository does not open, it was for nothing.
    try push(ahead: count, to: { try context.open(location) }) { isNew = $0 }
    do {
      try line?.start()
    } catch {
      context.console.step("\(location.path): The next push opens it, too: \(Diagnosis(of: error).problem)")
    }
    return isNew
  }

  /// The same with a repository that is open.
  ///
  /// - Parameter stored: Told when the file is durable, before others are that go along: whether it was not stored before.
  func push(ahead count: Int, to access: OpenRepository, stored: (Bool) throws -> Void) throws {
    try push(ahead: count, to: { access }, stored: stored)
  }

  private func push(ahead count: Int, to open: () throws -> OpenRepository, stored: (Bool) throws -> Void) throws {
    let part = try part(of: file)
    let content = CompressingLogPart(
      part, compressionLevel: compressionLevel, workers: context.surroundings.processors, reading: reading(file))
    defer { content.stop() }
    let access = try open()
    let others = pushAhead(count, in: access)
    defer { others.join() }
    do {
      let isNew = try access.repository.put(part, content)
      pushed?.forget(upTo: file.name)
      try stored(isNew)
      // Not before: of a server that has another's identity this one is refused, and nothing behind it may take the other's places.
      others.line.update { $0.turn = 0 }
      others.work()
    } catch {
      others.line.update { $0.isOver = true }
      throw error
    }
  }

  /// Segments that go along with the one that is pushed.
  private struct Others {
    let line: Monitor<Line>
    /// Stores one after the other of them, beside threads that do the same.
    let work: @Sendable () -> Void
    let threads: [WorkerThread]

    func join() {
      for thread in threads { thread.join() }
    }
  }

  /// What threads that push ahead have between them.
  private struct Line {
    let names: [WALFileName]
    /// Which is taken up next, and which is put next: one behind the other, so that a run that is killed leaves no gap, and all behind
    /// that which is pushed.
    var next = 0
    var turn = -1
    var isOver = false

    mutating func take() -> (number: Int, name: WALFileName)? {
      guard !isOver, next < names.count else { return nil }
      next += 1
      return (next - 1, names[next - 1])
    }
  }

  /// Begins with those that wait: they are sealed beside the one that is pushed.
  private func pushAhead(_ count: Int, in access: OpenRepository) -> Others {
    let waiting = WaitingSegments(behind: file)
    let names = pushed == nil || file.size > Self.sizeLimit ? [] : waiting.names(atMost: count)
    let line = Monitor(Line(names: names))
    let end = context.surroundings.clock.steadySeconds() + Self.patience
    let work: @Sendable () -> Void = { [self] in pushAhead(line, waiting, until: end, in: access) }
    var threads: [WorkerThread] = []
    for _ in 0..<min(Self.pushers - 1, names.count) {
      // Where there is no thread to be had, that of the file does it all.
      guard let thread = try? WorkerThread(name: "push ahead", work) else { break }
      threads.append(thread)
    }
    return Others(line: line, work: work, threads: threads)
  }

  private func pushAhead(
    _ line: Monitor<Line>, _ waiting: WaitingSegments, until end: Double, in access: OpenRepository
  ) {
    let compressor = SegmentCompressor(compressionLevel: compressionLevel)
    while context.surroundings.clock.steadySeconds() < end, let (number, name) = line.update({ $0.take() }) {
      do {
        try pushAhead(name, waiting, compressor, in: access) {
          let isOver = line.wait(until: { $0.turn == number || $0.isOver }) { $0.isOver }
          if isOver { throw RunCancelled() }
        }
        // Not as soon as it is put: where other bytes are in its place, those behind it are another server's, too.
        line.update { $0.turn += 1 }
      } catch {
        // What the server has asked for is another thing; this comes when it asks for it.
        line.update { $0.isOver = true }
        guard !(error is RunCancelled) else { return }
        context.console.step(
          "\(location.path): \(name.text) was not stored ahead: \(Diagnosis(of: error).problem)")
      }
    }
  }

  /// - Parameter turn: Waits until those before are stored.
  private func pushAhead(
    _ name: WALFileName, _ waiting: WaitingSegments, _ compressor: SegmentCompressor, in access: OpenRepository,
    turn: () throws -> Void
  ) throws {
    let other = try WALFile(waiting.path(of: name), dataDirectory: dataDirectory)
    let version = try other.version()
    let now = context.surroundings.clock.now()
    guard let pushed, other.systemIdentifier == file.systemIdentifier, other.exponent == file.exponent else {
      throw WALError.content(other.path, "it is of another server")
    }
    guard try !pushed.has(other, now: now) else { return try turn() }
    guard pushed.mayBeNoted(version, now: now) else {
      throw WALError.content(other.path, "it has only just been written")
    }
    let part = try part(of: other)
    let sealed = try access.repository.seal(part, compressor.compress(part, reading: reading(other)))
    // The server writes over a file only when it was told that it is stored.
    guard waiting.isWaiting(name), try other.version() == version else {
      throw WALError.content(other.path, "it waits no more")
    }
    try turn()
    let isNew = try access.repository.put(sealed)
    try pushed.note(name, version)
    noted()
    context.console.step(
      "\(location.path): \(Self.title(of: other)) \(isNew ? "is stored" : "was stored before"), ahead")
  }

  private func part(of file: WALFile) throws -> LogPart {
    guard let part = LogPart(file, title: Self.title(of: file), origin: origin) else {
      throw WALError.content(file.name.text, "it is larger than any segment")
    }
    return part
  }

  private var compressionLevel: Int { context.root[GeneralOptions.compression].level }

  private func reading(_ file: WALFile) -> CompressingLogPart.Reading {
    { [cancellation = context.cancellation] start, room in
      try cancellation.check()
      try file.read(from: start, into: room)
    }
  }
}
