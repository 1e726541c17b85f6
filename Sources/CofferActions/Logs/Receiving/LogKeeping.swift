import CofferHooks
import CofferRepository
import CofferStorage
import CofferSystem

/// Stores what has been received, in every repository in the order in which it came. What is there in every one counts.
final class LogKeeping: Sendable {
  enum Job: Sendable {
    case segment(LogPlace, [UInt8])
    case piece(LogPlace, Range<Int>, [UInt8])
    /// The file of a timeline that says where it has come from.
    case history(UInt32, [UInt8])
  }

  private struct State {
    /// All of the newest history before it is in every repository. Another history has other bytes there.
    var durable = (history: UInt32(0), end: LogSequenceNumber(0))
    /// Of each repository.
    var own: [Own]
  }

  /// What is known of one repository.
  private struct Own {
    /// What of the log it has been given, the furthest end.
    var reach = LogMark(major: 0, minor: 0)
    /// Segments of which there are pieces.
    var pieces: Set<LogPlace> = []
    var runs = PieceRuns()
  }

  private let state: Monitor<State>
  let queue: LogQueue<Job>
  private let repositories: [OpenRepository]
  private let origin: LogOrigin
  private let level: Int
  private let console: Console

  init(_ means: ReceiveMeans, _ origin: LogOrigin, level: Int) {
    queue = LogQueue(means.places, means, keeping: "watch the room for its pg_wal")
    repositories = means.repositories
    state = Monitor(State(own: means.repositories.map { _ in Own() }))
    self.origin = origin
    self.level = level
    console = means.console
  }

  /// - Throws: `SystemError` when no thread can be had.
  func start() throws -> [WorkerThread] {
    try queue.start(
      LogQueue.Work(
        put: { [self] job, number in
          try put(job, in: repositories[number])
          return note(job, in: number)
        }, stored: { [self] in note($0) }, tidy: { [self] in tidy(behind: $0, number: $1) }))
  }

  /// What of a history is in every repository: all before it.
  func durable(of history: UInt32) -> LogSequenceNumber {
    state.update { $0.durable.history == history ? $0.durable.end : LogSequenceNumber(0) }
  }

  func give(_ job: Job) { queue.give(job, size: job.bytes.count) }

  /// Says what every repository that goes on has from before: all before a segment, and bytes of it in pieces.
  func note(_ taken: Int, of place: LogPlace) {
    // One that is away may have less.
    let isOfAll = queue.isComplete
    state.update { state in
      if isOfAll { state.durable = (place.history, LogSequenceNumber(place.start &+ UInt64(taken))) }
      guard taken > 0 else { return }
      for number in state.own.indices { state.own[number].pieces.insert(place) }
    }
  }

  /// - Returns: How far the repository has the log.
  private func note(_ job: Job, in number: Int) -> LogMark {
    state.update { state in
      if case .piece(let place, _, _) = job { state.own[number].pieces.insert(place) }
      if let end = job.end { state.own[number].reach = max(state.own[number].reach, LogMark(job.place.history, end)) }
      return state.own[number].reach
    }
  }

  private func note(_ job: Job) {
    guard let end = job.end else { return }
    state.update { state in
      if state.durable < (job.place.history, end) { state.durable = (job.place.history, end) }
    }
  }

  /// Takes pieces away for which a whole segment or a larger piece stands. What cannot be tidied up here waits for `compact`.
  private func tidy(behind job: Job, number: Int) {
    let access = repositories[number]
    guard access.repository.role == .full else { return }
    do {
      switch job {
      case .segment(let place, _):
        if state.update({ $0.own[number].pieces.remove(place) }) != nil { try deletePieces(of: place, in: access) }
      case .piece(let place, let range, let bytes):
        guard let joined = state.update({ $0.own[number].runs.add(range, bytes, at: place) }) else { return }
        try put(.piece(place, joined.range, joined.bytes), in: access)
        try deletePieces(of: place, in: access)
      case .history: break
      }
    } catch {
      console.step(Console.text(Diagnosis(of: error)))
    }
  }

  private func deletePieces(of place: LogPlace, in access: OpenRepository) throws {
    let count = try access.repository.deletePieces(of: place, origin.server)
    if count > 0 { console.step("\(access.location.path): \(count) pieces of \(place.segmentName) are deleted") }
  }

  private func put(_ job: Job, in access: OpenRepository) throws {
    guard
      let part = LogPart(job.kind, at: job.place, title: job.title, origin: origin, size: job.bytes.count)
    else { throw WALError.content(job.title, "it is larger than any segment") }
    let isNew = try access.repository.put(part, job.bytes, compressionLevel: level)
    console.step("\(access.location.path): \(job.title) \(isNew ? "is stored" : "was stored before")")
  }
}

extension LogMark {
  fileprivate init(_ history: UInt32, _ end: LogSequenceNumber) { self.init(major: UInt64(history), minor: end.value) }
}

extension LogKeeping.Job {
  fileprivate var kind: LogPart.Kind {
    switch self {
    case .segment: .segment
    case .piece(_, let range, _): .piece(range)
    case .history: .file("history")
    }
  }

  fileprivate var bytes: [UInt8] {
    switch self {
    case .segment(_, let bytes), .piece(_, _, let bytes), .history(_, let bytes): bytes
    }
  }

  fileprivate var place: LogPlace {
    switch self {
    case .segment(let place, _), .piece(let place, _, _): place
    case .history(let history, _): LogPlace(firstOf: history)
    }
  }

  fileprivate var title: String {
    switch self {
    case .segment(let place, _): "Segment \(place.segmentName)"
    case .piece(let place, let range, _): "Segment \(place.segmentName) up to byte \(range.upperBound)"
    case .history(let history, _): "History \(WALFileName.history(timeline: history).text)"
    }
  }

  /// The place in the log behind it.
  fileprivate var end: LogSequenceNumber? {
    switch self {
    case .segment(let place, let bytes): LogSequenceNumber(place.start &+ UInt64(bytes.count))
    case .piece(let place, let range, _): LogSequenceNumber(place.start &+ UInt64(range.upperBound))
    case .history: nil
    }
  }
}
