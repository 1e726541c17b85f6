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

  private struct State: Sendable {
    /// Of the requests that have had no last answer yet.
    var inboxes: [UInt32: Inbox] = [:]
    /// Of those, and of the ones whose last answer is being sent.
    var threads = 0
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
  var ids: [UInt32] { state.update { Array($0.inboxes.keys) } }

  func holds(_ id: UInt32) -> Bool { inbox(id) != nil }

  func inbox(_ id: UInt32) -> Inbox? { state.update { $0.inboxes[id] } }

  /// Takes an id and the place of a thread, for which it waits.
  ///
  /// - Returns: nil when `isOver` held before there was a place.
  func begin(_ id: UInt32, orUntil isOver: () -> Bool) -> Beginning? {
    func mustBeRefused(_ state: State) -> Bool { state.inboxes.count >= limit || state.inboxes[id] != nil }
    return state.wait(until: { [limit] in mustBeRefused($0) || $0.threads < limit }, orUntil: isOver) { state in
      guard !mustBeRefused(state) else { return .refused }
      let inbox = Inbox(capacity: inboxLimit)
      state.inboxes[id] = inbox
      state.threads += 1
      return .begun(inbox)
    }
  }

  /// Frees the id of a request that has all it is going to have.
  func release(_ id: UInt32) {
    state.update { $0.inboxes.removeValue(forKey: id) }?.close()
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
    for inbox in state.update({ Array($0.inboxes.values) }) { inbox.close(failure) }
    state.wait(until: { $0.threads == 0 }) { _ in }
  }
}
