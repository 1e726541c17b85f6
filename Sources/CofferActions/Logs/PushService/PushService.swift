import CofferHooks
import CofferRepository
import CofferSystem
import Glibc

/// Keeps a repository open for the pushes of a server, and stores what they hand over: one segment after the other, and what waits
/// behind it along with it.
///
/// It never says why something is not stored: it says that it is not, and ends. Whoever asks stores it then as if there were no
/// such process.
final class PushService: Sendable {
  private struct State {
    /// Whether a segment is being stored, or what goes along with one.
    var isBusy = false
    /// Grows with every segment that went along.
    var news = 0
    /// The sockets of those who wait for an answer.
    var asking: Set<Int32> = []
    /// How many sockets are open: what goes along with a segment comes behind the answer.
    var connections = 0
    var lastUse: Double
    /// Whether it is to end when all have their answer.
    var isOver = false
  }

  /// Another repository is at the place of the one that was opened.
  private struct OtherRepository: Error {}

  private let access: OpenRepository
  /// What tells it from another.
  private let header: [UInt8]
  private let context: ActionContext
  private let plan: Plan
  private let line: PushServiceLine
  private let state: Monitor<State>

  /// What it does for whom.
  struct Plan {
    let origin: LogOrigin
    let systemIdentifier: UInt64
    /// Of the server.
    let dataDirectory: String
    let pushed: PushedAhead?
    /// How many segments may go along with one.
    let ahead: Int
    /// Seconds for which it waits for the next push.
    let stay: Double
  }

  /// Seconds after which another takes its place: what opens the repository may have changed.
  private static let lifetime: Double = 900
  /// Seconds for which who has connected may take to say what for.
  private static let patience: Double = 5
  /// Who connect at the same time.
  private static let limit = 16

  /// - Throws: `StorageError`.
  init(_ plan: Plan, to access: OpenRepository, _ line: PushServiceLine, _ context: ActionContext) throws {
    self.plan = plan
    self.access = access
    header = try access.repository.headerObject()
    self.line = line
    self.context = context
    state = Monitor(State(lastUse: context.surroundings.clock.steadySeconds()))
  }

  /// Takes pushes until none has come for a while, one was not stored, or the run is to stop.
  ///
  /// - Throws: `SystemError`.
  func run(_ listener: consuming FileDescriptor) throws {
    let own = try line.folder.status(of: line.name)
    let end = now + Self.lifetime
    var told = now
    while try isWanted(until: end, at: own) {
      var watched = [
        pollfd(fd: listener.number, events: Int16(POLLIN), revents: 0),
        pollfd(fd: context.cancellation.descriptor, events: Int16(POLLIN), revents: 0),
      ]
      if poll(&watched, 2, 1000) > 0, watched[0].revents != 0 { take(listener) }
      guard now >= told + 1 else { continue }
      tellWorking()
      told = now
    }
    // Before it stops listening, so that whoever finds that nobody listens may take the name.
    if try isThere(own) { try line.folder.remove(line.name) }
    try listener.close(subject: line.folder.path(of: line.name))
    while !isIdle(within: 1) { tellWorking() }
  }

  private var now: Double { context.surroundings.clock.steadySeconds() }

  private func isIdle(within seconds: Double) -> Bool {
    let end = now + seconds
    return state.wait(until: { $0.connections == 0 }, orUntil: { now >= end }, then: { _ in true }) ?? false
  }

  private func isWanted(until end: Double, at own: stat) throws -> Bool {
    let now = now
    let (isIdle, isOver, lastUse) = state.update { ($0.connections == 0, $0.isOver, $0.lastUse) }
    guard !isOver, !context.cancellation.isCancelled, now < end else { return false }
    return try (!isIdle || now < lastUse + plan.stay) && isThere(own)
  }

  /// Whether it can be found still.
  private func isThere(_ own: stat) throws -> Bool {
    do throws(SystemError) {
      let found = try line.folder.status(of: line.name)
      return found.st_dev == own.st_dev && found.st_ino == own.st_ino
    } catch {
      guard error.code == ENOENT else { throw error }
      return false
    }
  }

  private func take(_ listener: borrowing FileDescriptor) {
    guard let socket = try? LocalSocket.accept(listener) else { return }
    let own = socket.release()
    let hasRoom = state.update { state in
      guard state.connections < Self.limit else { return false }
      state.connections += 1
      state.asking.insert(own)
      return true
    }
    // Nobody is told: that nobody answers any more says it.
    guard hasRoom else { return _ = close(own) }
    guard (try? WorkerThread(name: "push", { [self] in serve(own) })) == nil else { return }
    state.update { state in
      state.connections -= 1
      state.asking.remove(own)
    }
    _ = close(own)
  }

  /// Tells those who wait that it is at work.
  private func tellWorking() {
    state.update { state in
      // Who does not take it has gone, or has not looked for long: it gets its answer, or sees the end.
      for socket in state.asking { try? LocalSocket.send([PushServiceMessage.Answer.working.rawValue], to: socket) }
    }
  }

  /// Answers, if nobody has.
  private func tell(_ answer: PushServiceMessage.Answer, to socket: Int32) {
    state.update { state in
      guard state.asking.remove(socket) != nil else { return }
      try? LocalSocket.send([answer.rawValue], to: socket)
    }
  }

  private func serve(_ own: Int32) {
    let socket = FileDescriptor(owning: own)
    do {
      try serve(socket)
    } catch {
      context.console.step("\(access.location.path): \(Diagnosis(of: error).problem)")
      state.update { $0.isOver = true }
    }
    tell(.failed, to: own)
    let now = now
    state.update { state in
      state.connections -= 1
      state.lastUse = now
    }
  }

  /// - Throws: Why nothing more is to be asked of it.
  private func serve(_ socket: borrowing FileDescriptor) throws {
    let own = socket.number
    guard
      let bytes = try LocalSocket.receive(
        from: socket, limit: PushServiceMessage.Request.limit, seconds: Self.patience, context.cancellation),
      let request = PushServiceMessage.Request(bytes)
    else { return }
    let file = try WALFile(request.path, dataDirectory: plan.dataDirectory)
    guard file.systemIdentifier == plan.systemIdentifier, try file.version().text.isSame(as: request.version) else {
      return
    }
    let pushing = LogPushing(
      file, plan.origin, dataDirectory: plan.dataDirectory, in: access.location, plan.pushed, context,
      noted: { [state] in state.update { $0.news += 1 } })
    guard try isTurn(of: pushing) else { return tell(.storedBefore, to: own) }
    defer { state.update { $0.isBusy = false } }
    let look = try look()
    defer { look.thread.join() }
    try pushing.push(ahead: plan.ahead, to: access) { isNew in
      look.thread.join()
      guard look.isSame.update({ $0 }) else { throw OtherRepository() }
      tell(isNew ? .stored : .storedBefore, to: own)
    }
  }

  /// Looks whether the repository is the one that was opened, beside what needs processors.
  private func look() throws -> (thread: WorkerThread, isSame: Monitor<Bool>) {
    let isSame = Monitor(false)
    let thread = try WorkerThread(name: "look") { [access, header] in
      guard let found = try? access.repository.headerObject() else { return }
      isSame.update { $0 = found == header }
    }
    return (thread, isSame)
  }

  /// Waits until nothing else is being stored.
  ///
  /// - Returns: false where the file has gone along with another before.
  private func isTurn(of pushing: LogPushing) throws -> Bool {
    while true {
      let seen = state.update { $0.news }
      guard try !pushing.wasPushed() else { return false }
      let isFree = state.update { state in
        defer { state.isBusy = true }
        return !state.isBusy
      }
      guard !isFree else { return true }
      try context.cancellation.check()
      state.wait(until: { !$0.isBusy || $0.news != seen }) { _ in }
    }
  }
}
