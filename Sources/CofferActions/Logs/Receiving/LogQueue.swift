import CofferRepository
import CofferStorage
import CofferSystem

/// Stores what has been received of a log, on a thread of its own, in the order in which it came, in every repository.
final class LogQueue<Job: Sendable>: Sendable {
  private struct State {
    var jobs: [(job: Job, size: Int)] = []
    var isWorking = false
    var isClosed = false
    /// Bytes that wait or are being stored.
    var waiting = 0
    var failure: (any Error)?
    var storedCount = 0
  }

  private let state = Monitor(State())
  private let means: ReceiveMeans

  /// Bytes that wait at most before nothing more is read of the server.
  private static var limit: Int { 64 << 20 }
  private static var longestPause: Double { 30 }

  /// - Parameter means: Whose wake-up is raised whenever something has been stored, or cannot be.
  init(_ means: ReceiveMeans) {
    self.means = means
  }

  /// - Parameters:
  ///   - put: Stores in one of the repositories, by its number among them.
  ///   - stored: Is told what every repository has.
  ///   - tidy: Is called when whoever waits has been told so.
  /// - Throws: `SystemError` when no thread can be had.
  func start(
    put: @escaping @Sendable (Job, Int, OpenRepository) throws -> Void, stored: @escaping @Sendable (Job) -> Void,
    tidy: @escaping @Sendable (Job) -> Void
  ) throws -> WorkerThread {
    try WorkerThread(name: "log") { [self] in
      while let (job, size) = next() {
        do {
          for (number, repository) in means.repositories.enumerated() {
            try store(in: repository) { try put(job, number, repository) }
          }
          stored(job)
          state.update { state in
            state.isWorking = false
            state.storedCount += 1
            state.waiting -= size
          }
          means.wake.raise()
          tidy(job)
        } catch {
          state.update { state in
            state.isWorking = false
            state.failure = error
          }
          means.wake.raise()
        }
      }
    }
  }

  var hasRoom: Bool { state.update { $0.waiting < Self.limit } }
  var isIdle: Bool { state.update { $0.jobs.isEmpty && !$0.isWorking } }
  /// How much has been stored, in jobs.
  var storedCount: Int { state.update { $0.storedCount } }
  /// Bytes.
  var waiting: Int { state.update { $0.waiting } }

  /// - Throws: Why nothing is stored any more.
  func check() throws {
    if let failure = state.update({ $0.failure }) { throw failure }
  }

  /// - Parameter size: Bytes.
  func give(_ job: Job, size: Int) {
    state.update {
      $0.jobs.append((job, size))
      $0.waiting += size
    }
  }

  /// Waits until everything is stored that was given.
  ///
  /// - Parameter run: Ends the wait.
  func settle(_ run: Cancellation) throws {
    while true {
      try check()
      means.wake.clear()
      if isIdle { return }
      if means.wake.wait(seconds: 1, run) == .cancelled { throw RunCancelled() }
    }
  }

  /// Waits until everything is stored, and takes nothing more.
  ///
  /// - Throws: Why it is not; `ReceiveError.stoppedEarly`.
  func finish(_ thread: WorkerThread, place: String) throws {
    state.update { $0.isClosed = true }
    thread.join()
    do {
      try check()
    } catch is RunCancelled {
      throw ReceiveError.stoppedEarly(place: place, bytes: waiting)
    }
  }

  private func next() -> (job: Job, size: Int)? {
    state.wait(until: { !$0.jobs.isEmpty || $0.isClosed || $0.failure != nil }) { state in
      guard state.failure == nil, !state.jobs.isEmpty else { return nil }
      state.isWorking = true
      return state.jobs.removeFirst()
    }
  }

  /// Tries until it is stored. Whoever waits for that is the server, which keeps its log as long.
  private func store(in access: OpenRepository, _ put: () throws -> Void) throws {
    var pause: Double = 1
    while true {
      do {
        try put()
        if pause > 1 { means.console.warning("\(access.location.path): The log is stored again") }
        return
      } catch let error where Self.mayPass(error) {
        if pause == 1 {
          means.console.warning(
            "\(Console.text(Diagnosis(of: error)))\n\(access.location.path): The log cannot be stored just now; it waits here, "
              + "and then at the server, and is tried again")
        }
        try means.storing.sleep(pause)
        pause = min(pause * 2, Self.longestPause)
      }
    }
  }

  /// Whether somebody may bring the repository back while the program waits.
  private static func mayPass(_ error: any Error) -> Bool {
    switch error {
    case let error as StorageError: error.kind != .cancelled
    default: error is SystemError
    }
  }
}
