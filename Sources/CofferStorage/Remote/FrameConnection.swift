import CofferSystem
import Glibc
import Synchronization

/// A connection on which many threads have requests under way at once.
///
/// Frames go out in the order they are given, by one thread; another one reads what arrives and hands it to whoever waits for that
/// id. What is wrong with an answer's frame, a stream that ends, or a stall breaks the connection: every request on it fails
/// then, and a new connection has to be made. Whoever made one closes it.
final class FrameConnection: Sendable {
  struct Limits: Sendable {
    /// Bytes of a payload that the other side may send.
    var payload: Int
    /// Bytes that wait to be sent before those who give more have to wait.
    var sending = 2 << 20
    /// Bytes of one exchange's answers that wait to be taken before nothing more is read.
    var waiting = 4 << 20
    /// Exchanges that may be under way before who wants one more has to wait; those that nobody wants any more count until
    /// their last answer has come.
    var exchanges = Int.max
    /// Seconds without a byte in either direction while somebody waits, after which the connection counts as dead.
    var stall: Double = 120
  }

  /// What a protocol has to say of frames.
  struct Rules: Sendable {
    /// Whether an exchange is over with this answer.
    var isLast: @Sendable (Frame) -> Bool = { _ in true }
    /// The id that the answer to the greeting carries; nil when there is no greeting.
    var greetingID: UInt32?
    /// What the end of the connection means: given what the channel had to say, and whether anything understandable had arrived
    /// before.
    var meaning: @Sendable (ChannelEnd, _ wasGreeted: Bool) -> StorageFailure
    /// What it means that no frame arrived but this.
    var nonsense: @Sendable (FrameParser.Malformed, _ wasGreeted: Bool) -> StorageFailure
  }

  let state: Mutex<FrameConnectionState>
  let limits: Limits
  let rules: Rules
  let clock: Clock
  private let channel: any ByteChannel
  private let stop: Cancellation
  private let writerWakeup: Wakeup
  private let readerWakeup: Wakeup

  /// Begins to send and to receive.
  ///
  /// - Parameter greeting: Sent first. Requests need not wait for its answer.
  /// - Throws: `RemoteError.broken` when threads or descriptors cannot be had; the channel is ended then.
  init(
    _ channel: any ByteChannel, greeting: Frame?, limits: Limits, rules: Rules, clock: Clock
  ) throws(RemoteError) {
    self.channel = channel
    self.limits = limits
    self.rules = rules
    self.clock = clock
    var first = FrameConnectionState(lastActivity: clock.steadySeconds())
    if let greeting { first.give(greeting.encoded()) }
    if let id = rules.greetingID { first.exchanges[id] = .init(isGreeting: true) }
    state = Mutex(first)
    do throws(SystemError) {
      stop = try Cancellation()
      writerWakeup = try Wakeup()
      readerWakeup = try Wakeup()
    } catch {
      _ = channel.end()
      throw RemoteError(error)
    }
    do throws(SystemError) {
      // The threads end with the connection, not with the last who holds it: `close` is what ends them.
      let writer = try WorkerThread(name: "remote-send") { self.sendAll() }
      do throws(SystemError) {
        _ = try WorkerThread(name: "remote-receive") { self.receiveAll(beside: writer) }
      } catch {
        stop.cancel()
        writer.join()
        throw error
      }
    } catch {
      _ = channel.end()
      throw RemoteError(error)
    }
  }

  /// Why it is of no use any more; nil as long as it is.
  var failure: StorageFailure? { state.withLock { $0.failure } }

  /// Whether the answer to the greeting has come; where there is no greeting, nobody waits for one.
  var isGreeted: Bool { rules.greetingID == nil || knownGreeting != nil }

  /// The answer to the greeting, if it has come.
  var knownGreeting: Frame? {
    state.withLock { state in rules.greetingID.flatMap { state.exchanges[$0]?.answers.first } }
  }

  /// Ends the connection; requests that are under way fail. The other side is waited for by a thread of the connection's own.
  func close() {
    fail(StorageFailure(.transient, "request", reason: "the connection was closed"))
  }

  /// Breaks the connection for this reason, the first one counts.
  func fail(_ failure: StorageFailure) {
    state.withLock { state in
      if state.failure == nil { state.failure = failure }
      state.outgoing.removeAll()
      state.wakeEveryone()
    }
    stop.cancel()
  }

  /// Makes another channel by what carries this one.
  ///
  /// - Returns: nil where none can be made so.
  /// - Throws: `RemoteError.broken`.
  func channelBeside(_ cancellation: Cancellation?) throws(RemoteError) -> (any ByteChannel)? {
    try channel.beside(cancellation)
  }

  func wakeWriter() { writerWakeup.raise() }
  func wakeReader() { readerWakeup.raise() }

  // MARK: - Sending

  private func sendAll() {
    while !stop.isCancelled {
      let next = state.withLock { state -> [UInt8]? in
        guard !state.outgoing.isEmpty else { return nil }
        return state.outgoing.removeFirst()
      }
      guard let next else {
        _ = writerWakeup.wait(seconds: .infinity, stop)
        continue
      }
      guard send(next) else { return }
      state.withLock { state in
        state.outgoingBytes -= next.count
        state.wakeForRoom()
      }
    }
  }

  /// - Returns: false when nothing more can be sent. Whoever reads finds out why.
  private func send(_ bytes: [UInt8]) -> Bool {
    bytes.withUnsafeBytes { all in
      var rest = all
      while !rest.isEmpty {
        let count = Glibc.write(channel.output, rest.baseAddress, rest.count)
        if count > 0 {
          noteActivity()
          rest = UnsafeRawBufferPointer(rebasing: rest[count...])
          continue
        }
        if errno == EINTR { continue }
        guard errno == EAGAIN else { return false }
        var watched = [
          pollfd(fd: channel.output, events: Int16(POLLOUT), revents: 0),
          pollfd(fd: stop.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        _ = poll(&watched, 2, -1)
        if stop.isCancelled { return false }
      }
      return true
    }
  }

  private func noteActivity() {
    let now = clock.steadySeconds()
    state.withLock { $0.lastActivity = now }
  }

  // MARK: - Receiving

  private func receiveAll(beside writer: WorkerThread) {
    var parser = FrameParser(limit: limits.payload)
    let reader = PolledReader(channel.input, cancellation: stop)
    var nonsense: FrameParser.Malformed?
    withUnsafeTemporaryAllocation(byteCount: 1 << 18, alignment: 16) { buffer in
      do {
        reading: while true {
          let outcome = try reader.read(
            into: buffer, seconds: .infinity, orUntil: channel.endDescriptor, subject: "connection")
          switch outcome {
          case .timedOut: continue
          case .ended: break reading
          case .bytes(let count):
            noteActivity()
            parser.add(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
          }
          while let frame = try parser.next() { try deliver(frame) }
        }
      } catch {
        // A broken pipe, a stop, or an answer to nothing: the end below says which.
        nonsense = error as? FrameParser.Malformed
      }
    }
    // Nobody sends any more when the descriptors are closed.
    stop.cancel()
    writer.join()
    let end = channel.end()
    let wasGreeted = state.withLock { $0.wasGreeted }
    fail(nonsense.map { rules.nonsense($0, wasGreeted) } ?? rules.meaning(end, wasGreeted))
  }

  /// - Throws: When it answers nothing that was asked; the connection has failed then.
  private func deliver(_ frame: Frame) throws {
    let isLast = rules.isLast(frame)
    while true {
      let isDelivered = state.withLock { state -> Bool? in
        guard var exchange = state.exchanges[frame.id], !exchange.isOver else { return nil }
        state.wasGreeted = state.wasGreeted || exchange.isGreeting || rules.greetingID == nil
        if exchange.isAbandoned {
          if isLast { state.remove(frame.id) }
          return true
        }
        guard exchange.waitingBytes == 0 || exchange.waitingBytes + frame.payload.count <= limits.waiting else {
          return false
        }
        exchange.answers.append(frame)
        exchange.waitingBytes += frame.payload.count + Frame.overhead
        exchange.isOver = isLast || exchange.isGreeting
        state.exchanges[frame.id] = exchange
        exchange.wakeup?.raise()
        if exchange.isGreeting { state.wakeEveryone() }
        return true
      }
      switch isDelivered {
      case true?: return
      case false?:
        _ = readerWakeup.wait(seconds: .infinity, stop)
        try stop.check()
      case nil:
        fail(StorageFailure(.transient, "request", reason: "an answer came to a request that was never made"))
        throw RunCancelled()
      }
    }
  }
}
