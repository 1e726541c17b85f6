import CofferHooks
import CofferRepository
import CofferStorage
import CofferSystem

/// Stores what has been received, on a thread of its own, in the order in which it came. What is there in every repository counts.
final class LogKeeping: Sendable {
  enum Job: Sendable {
    case segment(LogPlace, [UInt8])
    case piece(LogPlace, Range<Int>, [UInt8])
    /// The file of a timeline that says where it has come from.
    case history(UInt32, [UInt8])
  }

  private struct State {
    var jobs: [Job] = []
    var isWorking = false
    var isClosed = false
    /// All of the newest history before it is in every repository. Another history has other bytes there.
    var durable = (history: UInt32(0), end: LogSequenceNumber(0))
    /// Bytes that wait or are being stored.
    var waiting = 0
    /// Segments of which there are pieces.
    var pieces: Set<LogPlace> = []
    var failure: (any Error)?
    var storedCount = 0
  }

  private let state: Monitor<State>
  private let wake: Wakeup
  private let repositories: [OpenRepository]
  private let origin: LogOrigin
  private let level: Int
  private let cancellation: Cancellation
  private let console: Console

  /// Bytes that wait at most before nothing more is read of the server.
  private static let limit = 64 << 20
  private static let longestPause: Double = 30

  /// - Parameters:
  ///   - cancellation: Ends the storing, at once.
  ///   - wake: Is raised whenever something has been stored, or cannot be.
  init(
    _ repositories: [OpenRepository], _ origin: LogOrigin, level: Int, cancellation: Cancellation, wake: Wakeup,
    console: Console
  ) {
    state = Monitor(State())
    self.repositories = repositories
    self.origin = origin
    self.level = level
    self.cancellation = cancellation
    self.wake = wake
    self.console = console
  }

  /// - Throws: `SystemError` when no thread can be had.
  func start() throws -> WorkerThread { try WorkerThread(name: "log") { [self] in work() } }

  /// What of a history is in every repository: all before it.
  func durable(of history: UInt32) -> LogSequenceNumber {
    state.update { $0.durable.history == history ? $0.durable.end : LogSequenceNumber(0) }
  }

  var hasRoom: Bool { state.update { $0.waiting < Self.limit } }
  var isIdle: Bool { state.update { $0.jobs.isEmpty && !$0.isWorking } }
  /// How much has been stored, in segments, pieces and files.
  var storedCount: Int { state.update { $0.storedCount } }
  /// Bytes.
  var waiting: Int { state.update { $0.waiting } }

  /// - Throws: Why nothing is stored any more.
  func check() throws {
    if let failure = state.update({ $0.failure }) { throw failure }
  }

  func give(_ job: Job) {
    state.update {
      $0.jobs.append(job)
      $0.waiting += job.size
      if case .piece(let place, _, _) = job { $0.pieces.insert(place) }
    }
  }

  /// Says what every repository has from before: all before a segment, and bytes of it in pieces.
  func note(_ taken: Int, of place: LogPlace) {
    state.update { state in
      state.durable = (place.history, LogSequenceNumber(place.start &+ UInt64(taken)))
      if taken > 0 { state.pieces.insert(place) }
    }
  }

  /// Waits until everything is stored.
  ///
  /// - Throws: Why it is not.
  func finish(_ thread: WorkerThread) throws {
    state.update { $0.isClosed = true }
    thread.join()
    try check()
  }

  private func work() {
    var runs = PieceRuns()
    while let job = next() {
      do {
        for repository in repositories { try store(job, in: repository) }
        state.update { state in
          state.isWorking = false
          state.storedCount += 1
          state.waiting -= job.size
          if let end = job.end, state.durable < (job.place.history, end) { state.durable = (job.place.history, end) }
        }
      } catch {
        state.update { state in
          state.isWorking = false
          state.failure = error
        }
      }
      wake.raise()
      tidy(behind: job, &runs)
    }
  }

  private func next() -> Job? {
    state.wait(until: { !$0.jobs.isEmpty || $0.isClosed || $0.failure != nil }) { state in
      guard state.failure == nil, !state.jobs.isEmpty else { return nil }
      state.isWorking = true
      return state.jobs.removeFirst()
    }
  }

  /// Tries until it is stored. Whoever waits for that is the server, which keeps its log as long.
  private func store(_ job: Job, in access: OpenRepository) throws {
    var pause: Double = 1
    while true {
      do {
        try put(job, in: access)
        if pause > 1 { console.warning("\(access.location.path): The log is stored again") }
        return
      } catch let error where Self.mayPass(error) {
        if pause == 1 {
          console.warning(
            "\(Console.text(Diagnosis(of: error)))\n\(access.location.path): The log cannot be stored just now; it waits here, "
              + "and then at the server, and is tried again")
        }
        try cancellation.sleep(pause)
        pause = min(pause * 2, Self.longestPause)
      }
    }
  }

  /// Takes pieces away for which a whole segment or a larger piece stands. What cannot be tidied up here waits for `compact`.
  private func tidy(behind job: Job, _ runs: inout PieceRuns) {
    guard repositories.contains(where: { $0.repository.role == .full }), state.update({ $0.failure }) == nil else {
      return
    }
    do {
      switch job {
      case .segment(let place, _):
        if state.update({ $0.pieces.remove(place) }) != nil { try deletePieces(of: place) }
      case .piece(let place, let range, let bytes):
        guard let joined = runs.add(range, bytes, at: place) else { return }
        for access in repositories where access.repository.role == .full {
          try put(.piece(place, joined.range, joined.bytes), in: access)
        }
        try deletePieces(of: place)
      case .history: break
      }
    } catch {
      console.step(Console.text(Diagnosis(of: error)))
    }
  }

  private func deletePieces(of place: LogPlace) throws {
    for access in repositories {
      let count = try access.repository.deletePieces(of: place, origin.server)
      if count > 0 { console.step("\(access.location.path): \(count) pieces of \(place.segmentName) are deleted") }
    }
  }

  /// Whether somebody may bring the repository back while the program waits.
  private static func mayPass(_ error: any Error) -> Bool {
    switch error {
    case let error as StorageError: error.kind != .cancelled
    default: error is SystemError
    }
  }

  private func put(_ job: Job, in access: OpenRepository) throws {
    guard
      let part = LogPart(job.kind, at: job.place, title: job.title, origin: origin, size: job.bytes.count)
    else { throw WALError.content(job.title, "it is larger than any segment") }
    let isNew = try access.repository.put(part, compressionLevel: level) { take in
      try job.bytes.withUnsafeBytes { bytes in
        for start in stride(from: 0, to: bytes.count, by: LogPart.blockSize) {
          try take(UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + LogPart.blockSize, bytes.count)]))
        }
      }
    }
    console.step("\(access.location.path): \(job.title) \(isNew ? "is stored" : "was stored before")")
  }
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

  fileprivate var size: Int { bytes.count }

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
