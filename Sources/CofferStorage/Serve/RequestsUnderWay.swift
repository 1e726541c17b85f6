import CofferSystem

/// The requests of one client that a server is at: ids, what the client sends of them, and threads.
///
/// A request's id is free for another one before its last answer is sent, because the client may use it again as soon as it has that
/// answer; its thread counts until the answer is sent.
final class RequestsUnderWay: Sendable {
  /// What the client sends of one request.
  typealias Inbox = BoundedQueue<Frame>

  enum Beginning {
    case begun(Inbox)
    /// The id is in use, or there are as many requests as there may be.
    case refused
  }

  private struct Request {
    let inbox: Inbox
    /// How many requests had begun before.
    let number: Int
    /// Whether nothing happens to it before the client, or another request, goes on.
    var isWaiting = false
  }

  private struct State: Sendable {
    /// Those that have had no last answer yet.
    var requests: [UInt32: Request] = [:]
    /// Of those, and of the ones whose last answer is being sent.
    var threads = 0
    /// Requests that have begun.
    var count = 0
  }

  private let limit: Int
  private let inboxLimit: Int
  private let state = Monitor(State())

  /// - Parameters:
  ///   - limit: Requests, and threads, at a time.
  ///   - inboxLimit: Frames that may wait in an inbox.
  init(limit: Int, inboxLimit: Int) {
    self.limit = limit
    self.inboxLimit = inboxLimit
  }

  /// Of the requests that have had no last answer yet.
  var ids: [UInt32] { state.update { Array($0.requests.keys) } }

  /// Of those that the server is at: those that wait for their client are its own matter, and those that wait for others
  /// go on when these do.
  var idsAtWork: [UInt32] { state.update { state in state.requests.filter { !$0.value.isWaiting }.map(\.key) } }

  func isAtWork(_ id: UInt32) -> Bool { state.update { $0.requests[id]?.isWaiting == false } }

  func holds(_ id: UInt32) -> Bool { inbox(id) != nil }

  func inbox(_ id: UInt32) -> Inbox? { state.update { $0.requests[id]?.inbox } }

  /// Takes an id and the place of a thread, for which it waits.
  ///
  /// - Returns: nil when `isOver` held before there was a place.
  func begin(_ id: UInt32, orUntil isOver: () -> Bool) -> Beginning? {
    func mustBeRefused(_ state: State) -> Bool { state.requests.count >= limit || state.requests[id] != nil }
    return state.wait(until: { [limit] in mustBeRefused($0) || $0.threads < limit }, orUntil: isOver) { state in
      guard !mustBeRefused(state) else { return .refused }
      let inbox = Inbox(capacity: inboxLimit)
      state.requests[id] = Request(inbox: inbox, number: state.count)
      state.count += 1
      state.threads += 1
      return .begun(inbox)
    }
  }

  /// Waits for what the client sends next of a request.
  ///
  /// - Returns: nil when nothing more comes.
  func next(of id: UInt32, _ inbox: Inbox) -> Frame? {
    waiting(id) { inbox.pop() }
  }

  private func waiting<Result>(_ id: UInt32, _ body: () -> Result) -> Result {
    state.update { $0.requests[id]?.isWaiting = true }
    defer { state.update { $0.requests[id]?.isWaiting = false } }
    return body()
  }

  /// Waits until others are over: what they were to do is done then, or has failed. One that began later is not waited for, so no
  /// two wait for each other.
  ///
  /// - Returns: false when `isOver` held before.
  func wait(for others: Set<UInt32>, before id: UInt32, orUntil isOver: () -> Bool) -> Bool {
    waiting(id) {
      state.wait(
        until: { state in
          guard let own = state.requests[id]?.number else { return true }
          return !others.contains { state.requests[$0].map { $0.number < own } == true }
        }, orUntil: isOver
      ) { _ in true } ?? false
    }
  }

  /// Frees the id of a request that has all it is going to have.
  func release(_ id: UInt32) {
    state.update { $0.requests.removeValue(forKey: id) }?.inbox.close()
  }

  /// Gives the place of a thread back, which has nothing more to send.
  func threadHasEnded() {
    state.update { $0.threads -= 1 }
  }

  /// Waits until every thread has sent its last answer.
  ///
  /// - Parameter failure: Why they are to give up what they are at; nil when nothing but more from the client is missing to
  ///   what they cannot do to its end.
  func end(_ failure: (any Error)?) {
    for inbox in state.update({ $0.requests.values.map(\.inbox) }) { inbox.close(failure) }
    state.wait(until: { $0.threads == 0 }) { _ in }
  }
}
