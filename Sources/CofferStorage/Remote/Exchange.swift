import CofferSystem

/// One request on a connection and what is answered to it; one thread has it.
final class Exchange: Sendable {
  let id: UInt32
  private let connection: FrameConnection
  private let wakeup: Wakeup

  fileprivate init(
    _ connection: FrameConnection, _ given: Wakeup?, _ cancellation: Cancellation?
  ) throws(RemoteError) {
    let wakeup: Wakeup
    if let given {
      wakeup = given
    } else {
      do throws(SystemError) { wakeup = try Wakeup() } catch { throw RemoteError(error) }
    }
    self.wakeup = wakeup
    self.connection = connection
    id = try connection.wait(wakeup, cancellation) { state in
      guard state.failure != nil || state.exchanges.count < connection.limits.exchanges else {
        state.waitingForRoom.append(wakeup)
        return nil
      }
      let id = state.newID()
      state.exchanges[id] = .init(wakeup: wakeup)
      return id
    }
  }

  /// What still arrives is dropped.
  deinit {
    connection.state.withLock { state in
      guard let exchange = state.exchanges[id] else { return }
      if exchange.isOver || !exchange.isBegun {
        state.remove(id)
      } else {
        state.exchanges[id] = .init(isBegun: true, isAbandoned: true)
      }
    }
    connection.wakeReader()
  }

  /// Gives a frame to be sent; waits for room. With a cancellation that comes while it waits, the frame is not sent.
  ///
  /// - Parameter body: Follows the payload; copied.
  /// - Throws: `RemoteError`.
  func send(
    _ type: UInt8, _ payload: [UInt8], body: UnsafeRawBufferPointer? = nil, _ cancellation: Cancellation?
  ) throws(RemoteError) {
    let frame = Frame(type, id: id, payload).encoded(body: body)
    try connection.wait(wakeup, cancellation) { [id, wakeup, connection] state -> Void? in
      guard state.failure == nil else { return nil }
      guard state.outgoingBytes == 0 || state.outgoingBytes + frame.count <= connection.limits.sending else {
        state.waitingForRoom.append(wakeup)
        return nil
      }
      state.give(frame)
      state.exchanges[id]?.isBegun = true
      return ()
    }
    connection.wakeWriter()
  }

  /// Gives a short frame to be sent, room or not: one that asks for nothing more. Of what was not begun it sends nothing.
  func sendAtOnce(_ type: UInt8) {
    connection.state.withLock { state in
      if state.exchanges[id]?.isBegun == true { state.give(Frame(type, id: id).encoded()) }
    }
    connection.wakeWriter()
  }

  /// Waits for the next answer.
  ///
  /// - Throws: `RemoteError`.
  func next(_ cancellation: Cancellation?) throws(RemoteError) -> Frame {
    let frame = try connection.wait(wakeup, cancellation) { [id] state -> Frame? in
      guard var exchange = state.exchanges[id], !exchange.answers.isEmpty else { return nil }
      let frame = exchange.answers.removeFirst()
      exchange.waitingBytes -= frame.payload.count + Frame.overhead
      state.exchanges[id] = exchange
      return frame
    }
    connection.wakeReader()
    return frame
  }

  /// Whether the last answer has arrived.
  var isOver: Bool { connection.state.withLock { $0.exchanges[id]?.isOver == true } }
}

extension FrameConnection {
  /// Makes a request that is yet to be sent, of one frame or of several; waits while there are too many.
  ///
  /// - Parameter wakeup: Of a thread that has several requests under way at once, for all of them.
  /// - Throws: `RemoteError`.
  func exchange(_ cancellation: Cancellation?, waking wakeup: Wakeup? = nil) throws(RemoteError) -> Exchange {
    try Exchange(self, wakeup, cancellation)
  }

  /// Sends one frame and waits for the one that answers it.
  ///
  /// - Throws: `RemoteError`.
  func ask(_ type: UInt8, _ payload: [UInt8], _ cancellation: Cancellation?) throws(RemoteError) -> Frame {
    let exchange = try exchange(cancellation)
    try exchange.send(type, payload, cancellation)
    return try exchange.next(cancellation)
  }

  /// Waits for the answer to the greeting, as often as one likes.
  ///
  /// - Throws: `RemoteError`.
  func greeting(_ cancellation: Cancellation?) throws(RemoteError) -> Frame {
    guard let id = rules.greetingID else { preconditionFailure("there was no greeting") }
    if let known = state.withLock({ $0.exchanges[id]?.answers.first }) { return known }
    let wakeup: Wakeup
    do throws(SystemError) { wakeup = try Wakeup() } catch { throw RemoteError(error) }
    return try wait(wakeup, cancellation) { state in
      if let known = state.exchanges[id]?.answers.first { return known }
      state.waitingForGreeting.append(wakeup)
      return nil
    }
  }

  /// Tries until it gives something; between two tries something must have happened, and have raised the wake-up.
  ///
  /// - Throws: `RemoteError`.
  fileprivate func wait<Result: Sendable>(
    _ wakeup: Wakeup, _ cancellation: Cancellation?, _ attempt: (inout FrameConnectionState) -> Result?
  ) throws(RemoteError) -> Result {
    let begin = clock.steadySeconds()
    while true {
      if cancellation?.isCancelled == true { throw .cancelled }
      let (result, failure, lastActivity) = state.withLock { state in
        // What has arrived counts, whatever has become of the connection.
        let result = attempt(&state)
        return (result, state.failure, state.lastActivity)
      }
      if let result { return result }
      if let failure { throw .broken(failure) }
      // What was silent before somebody waited was not asked for anything.
      let left = max(lastActivity, begin) + limits.stall - clock.steadySeconds()
      guard left > 0 else {
        fail(
          StorageFailure(
            .transient, "request", reason: "nothing was sent or received for \(Int(limits.stall.rounded())) seconds"))
        continue
      }
      if wakeup.wait(seconds: left, cancellation) == .cancelled { throw .cancelled }
    }
  }
}
