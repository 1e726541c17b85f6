import CofferSystem

/// What the threads of a connection share.
struct FrameConnectionState: Sendable {
  /// Of one request, until its last answer has arrived.
  struct Exchange: Sendable {
    var isGreeting = false
    /// Whether any of it was given to be sent; what was not has no answer to come.
    var isBegun = false
    var answers: [Frame] = []
    /// Bytes of `answers`.
    var waitingBytes = 0
    /// Whether the last answer has arrived.
    var isOver = false
    /// Whether nobody wants the answers any more.
    var isAbandoned = false
    /// Of the thread that has the exchange.
    var wakeup: Wakeup?
  }

  /// Frames that wait to be sent.
  var outgoing: [[UInt8]] = []
  /// Bytes of them, and of the one that is being sent.
  var outgoingBytes = 0
  /// Of those who have to wait to send something, or to begin an exchange.
  var waitingForRoom: [Wakeup] = []
  var exchanges: [UInt32: Exchange] = [:]
  var waitingForGreeting: [Wakeup] = []
  var wasGreeted = false
  var lastID: UInt32 = 0
  /// When the last byte went or came, in seconds of the steady clock.
  var lastActivity: Double
  var failure: StorageFailure?

  init(lastActivity: Double) {
    self.lastActivity = lastActivity
  }

  mutating func give(_ frame: [UInt8]) {
    outgoing.append(frame)
    outgoingBytes += frame.count
  }

  mutating func remove(_ id: UInt32) {
    exchanges[id] = nil
    wakeForRoom()
  }

  mutating func wakeForRoom() {
    for wakeup in waitingForRoom { wakeup.raise() }
    waitingForRoom.removeAll()
  }

  func wakeEveryone() {
    for wakeup in waitingForRoom + waitingForGreeting { wakeup.raise() }
    for exchange in exchanges.values { exchange.wakeup?.raise() }
  }

  /// An id that no exchange has.
  mutating func newID() -> UInt32 {
    repeat { lastID = lastID &+ 1 } while exchanges[lastID] != nil
    return lastID
  }
}
