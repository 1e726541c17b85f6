import CofferHooks
import CofferRepository
import CofferSystem

/// A run that receives a server's log until a signal stops it, and then stores what it has.
enum ReceiveRun {
  /// Seconds for which what has come is still stored when the run is to stop.
  private static let grace: Double = 20

  /// Whether a command line is one of such a run, as far as it can be told.
  static func isMeant(by words: [String]) -> Bool {
    zip(words, words.dropFirst()).contains { first, second in
      second.isSame(as: "receive") && ["wal", "binlog", "oplog"].contains { first.isSame(as: $0) }
    }
  }

  static func run(_ context: ActionContext, _ body: (ReceiveMeans) throws -> Void) throws {
    let storing = try Cancellation()
    let isOver = Monitor(false)
    let watch = try stopLater(storing, context.cancellation, isOver, context.surroundings.clock)
    defer {
      isOver.update { $0 = true }
      watch.join()
    }
    let progress = Monitor("")
    let repositories = try ReceivingRepositories(context.stopping(by: storing))
    let ticker = try StatusTicker(
      context.console, isForced: context.flags[SharedFlags.progress], isQuiet: false
    ) { progress.update { $0 } }
    defer { ticker.stop() }
    while true {
      // Whenever one more repository is there, all begin anew with what they have.
      let round = try context.cancellation.follower()
      let away = repositories.away
      let opener =
        away.isEmpty ? nil : try WorkerThread(name: "opening") { repositories.open(andCancel: round) }
      let outcome = Result {
        try body(
          ReceiveMeans(
            repositories: repositories.opened, isWithoutSome: !away.isEmpty, clock: context.surroundings.clock,
            console: context.console, cancellation: round, storing: storing, wake: Wakeup(), progress: progress))
      }
      let isLast = if case .failure = outcome { true } else { context.cancellation.isCancelled }
      // Nothing is stored any more, and nobody waits for a repository that does not answer.
      if isLast { isOver.update { $0 = true } }
      round.cancel()
      opener?.join()
      try outcome.get()
      try repositories.check()
      if isLast, let first = away.first { throw ReceiveError.absent(repository: first.path) }
      guard !isLast, !away.isEmpty else { return }
    }
  }

  /// Only what is called for all repositories at once stores in all: it does not end.
  ///
  /// - Throws: `UsageError`.
  static func checkTogether(_ context: ActionContext) throws(UsageError) {
    let wanted = context.flags[SharedFlags.repository]
    let all = (context.configuration?.repositories ?? []).map(RepositoryLocation.init)
    let chosen = all.filter { location in wanted.map(location.matches) ?? true }
    guard chosen.count <= context.repositories.count else {
      throw UsageError(
        argument: SharedFlags.repository.name,
        problem: "One of the repositories has options or commands of its own, so they cannot be stored in together",
        suggestion: "Run the command for each, with --repository, and with a --slot or a server_id of its own")
    }
  }

  /// Stops the stores some time after the run is to stop.
  private static func stopLater(
    _ storing: Cancellation, _ run: Cancellation, _ isOver: Monitor<Bool>, _ clock: Clock
  ) throws -> WorkerThread {
    try WorkerThread(name: "grace") {
      var end: Double?
      _ = isOver.wait(
        until: { $0 },
        orUntil: {
          guard run.isCancelled else { return false }
          end = end ?? clock.steadySeconds() + grace
          return end.map { clock.steadySeconds() >= $0 } ?? false
        }, then: { _ in })
      storing.cancel()
    }
  }
}
