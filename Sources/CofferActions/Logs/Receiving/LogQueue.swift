import CofferStorage
import CofferSystem

/// A repository that was let go answers again, and lacks what came meanwhile: the log begins anew with what it has.
struct RepositoryReturned: Error {}

/// Stores what has been received of a log in every repository, in the order in which it came, each on a thread of its own.
final class LogQueue<Job: Sendable>: Sendable {
  /// What is done with a part of the log.
  struct Work: Sendable {
    /// Stores it in one of the repositories, by its number among them. Returns how far that has the log.
    let put: @Sendable (Job, Int) throws -> LogMark?
    /// Is told what every repository has, in order. Nothing of the queue's is asked then.
    var stored: @Sendable (Job) -> Void = { _ in }
    /// Is called behind `put`, when whoever waits has been told.
    var tidy: @Sendable (Job, Int) -> Void = { _, _ in }
  }

  private struct State {
    var lanes: LogLanes<Job>
    var isClosed = false
    var failure: (any Error)?
    var storedCount = 0
    /// Repositories that were given up with what they had in hand, when the queue was closed.
    var givenUp: [Int] = []
  }

  private let state: Monitor<State>
  /// Of the repositories, as messages name them.
  private let places: [String]
  private let means: ReceiveMeans
  private let keeping: String

  private static var longestPause: Double { 30 }

  /// - Parameters:
  ///   - places: Of the repositories, as messages name them.
  ///   - means: Whose wake-up is raised whenever something has been stored, or cannot be.
  ///   - keeping: Says for how long the server keeps what a repository lacks, as a sentence without its end.
  init(_ places: [String], _ means: ReceiveMeans, keeping: String) {
    self.places = places
    self.means = means
    self.keeping = keeping
    state = Monitor(
      State(lanes: LogLanes(places.count, limits: means.limits, isWithoutSome: means.isWithoutSome)))
  }

  /// - Throws: `SystemError` when no thread can be had.
  func start(_ work: Work) throws -> [WorkerThread] {
    do {
      return try places.indices.map { lane in
        try WorkerThread(name: "log \(lane + 1)") { [self] in run(lane, work) }
      }
    } catch {
      state.update { $0.isClosed = true }
      throw error
    }
  }

  /// Whether more may be given. Repositories that are away do not count as long as another one goes on.
  var hasRoom: Bool {
    if state.update({ $0.lanes.hasRoom }) { return true }
    letGo()
    return state.update { $0.lanes.hasRoom }
  }
  /// Whether all that go on have nothing to do.
  var isIdle: Bool { state.update { $0.lanes.isIdle(now) } }
  /// How much has been stored, in jobs.
  var storedCount: Int { state.update { $0.storedCount } }
  /// Bytes.
  var waiting: Int { state.update { $0.lanes.waiting } }
  /// Whether a repository waits for being admitted.
  var hasReturned: Bool { state.update { $0.lanes.hasReturned } }
  /// The repositories that are given what comes, by their numbers.
  var following: [Int] { state.update { $0.lanes.following } }
  /// Whether every repository is.
  var isComplete: Bool { state.update { $0.lanes.isComplete } }

  /// - Throws: Why nothing is stored any more.
  func check() throws {
    if let failure = state.update({ $0.failure }) { throw failure }
  }

  /// - Parameter size: Bytes.
  func give(_ job: Job, size: Int) {
    state.update { $0.lanes.add(job, size: size) }
  }

  /// Waits until everything is stored that was given, and gives those what comes next that have returned. Behind that the log
  /// begins with what the one of `following` has that has least.
  ///
  /// - Parameter run: Ends the wait.
  func settle(_ run: Cancellation) throws {
    while true {
      try check()
      means.wake.clear()
      if !state.update({ $0.lanes.isSettled }) { letGo() }
      if let news = state.update({ $0.lanes.isSettled ? $0.lanes.admit() : nil }) {
        for (lane, news) in news { tell(news, of: lane) }
        if !following.isEmpty { return }
      }
      if means.wake.wait(seconds: 1, run) == .cancelled { throw RunCancelled() }
    }
  }

  /// Waits until everything is stored, and takes nothing more.
  ///
  /// - Throws: Why it is not; `ReceiveError.stoppedEarly`, `.behind`.
  func finish(_ threads: [WorkerThread], place: String) throws {
    state.update { $0.isClosed = true }
    for thread in threads { thread.join() }
    do {
      try check()
    } catch is RunCancelled where waiting > 0 || isComplete {
      throw ReceiveError.stoppedEarly(place: place, bytes: waiting)
    } catch is RunCancelled {
      // What is told below.
    }
    if let lane = state.update({ $0.givenUp.first ?? $0.lanes.behind.first }) {
      throw ReceiveError.behind(place: place, repository: places[lane])
    }
  }

  private var now: Double { means.clock.steadySeconds() }
}

// MARK: - Storing

extension LogQueue {
  private struct Stored {
    let reach: LogMark?
  }

  private func run(_ lane: Int, _ work: Work) {
    do {
      while let job = next(lane) {
        guard let stored = try store(lane, { Stored(reach: try work.put(job, lane)) }) else { return }
        let news = state.update { state in
          let (everywhere, news) = state.lanes.finish(lane, reach: stored.reach)
          // Under the lock: in their order.
          for job in everywhere { work.stored(job) }
          state.storedCount += 1
          return news
        }
        for (lane, news) in news { tell(news, of: lane) }
        means.wake.raise()
        work.tidy(job, lane)
        for (lane, news) in state.update({ $0.lanes.endTidying(lane) }) { tell(news, of: lane) }
        means.wake.raise()
      }
    } catch {
      state.update { $0.failure = $0.failure ?? error }
      means.wake.raise()
    }
  }

  private func next(_ lane: Int) -> Job? {
    state.wait(until: { $0.lanes.has(for: lane) || $0.isClosed }) { $0.lanes.take(lane, now) }
  }

  /// Tries until it is stored. Whoever waits for that is the server, which keeps its log as long.
  ///
  /// - Returns: What `put` does; nil where nothing more is to be stored, and another repository has what this one lacks.
  private func store(_ lane: Int, _ put: () throws -> Stored) throws -> Stored? {
    var pause: Double = 1
    while true {
      do {
        return try put()
      } catch let error where Self.mayPass(error) {
        if state.update({ $0.lanes.fail(lane) }) { tell(error, of: lane) }
        means.wake.raise()
        let end = now + pause
        let isGivenUp: Void? = state.wait(
          until: { $0.isClosed && $0.lanes.hasPresent(now) }, orUntil: { means.storing.isCancelled || now >= end }
        ) { $0.givenUp.append(lane) }
        if isGivenUp != nil { return nil }
        if means.storing.isCancelled { throw RunCancelled() }
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

// MARK: - Telling

extension LogQueue {
  private func letGo() {
    for (lane, isTold) in state.update({ $0.lanes.letGo(now) }) {
      if isTold {
        means.console.step("\(places[lane]): What waits for it here is dropped. The server sends it again")
      } else {
        means.console.warning(
          "\(places[lane]): The log cannot be stored just now: nothing has come of it yet. \(goingOn)")
      }
    }
  }

  private func tell(_ error: any Error, of lane: Int) {
    means.console.warning(
      "\(Console.text(Diagnosis(of: error)))\n\(places[lane]): The log cannot be stored just now"
        + (places.count > 1 ? ". \(goingOn)" : "; it waits here, and then at the server, and is tried again"))
  }

  private var goingOn: String {
    "The other repositories go on. It is tried again, and what is missing comes from the server later: \(keeping)"
  }

  private func tell(_ news: LogLanes<Job>.News, of lane: Int) {
    switch news {
    case .isBack: means.console.warning("\(places[lane]): The log is stored again")
    case .answers: means.console.warning("\(places[lane]): It answers again. The server sends what it lacks")
    case .hasCaughtUp: means.console.warning("\(places[lane]): It has all of the log again")
    }
  }
}
