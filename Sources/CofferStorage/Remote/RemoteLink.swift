import CofferSystem
import Synchronization

/// The connections of a store, made when they are first needed and made anew at the next call after one broke.
///
/// A channel of ssh carries at most two MiB in each round trip (its window), whatever the line could carry: where much is to be
/// transferred at a time, a few connections are used side by side, and a second channel of each. It takes ten round trips and more until
/// the other side answers on a connection, and three on a channel beside another; meanwhile those that are there already carry more.
final class RemoteLink: Sendable {
  private struct Line {
    let connection: FrameConnection
    /// What carries it; nil when it does so by itself.
    var carrier: FrameConnection?
    /// Channels that may be made beside it.
    var spare = 0
    /// Bytes that those who use it now are to transfer.
    var bytes = 0

    /// Bytes that have to be waited for, the beginning among them as so many.
    var load: Int {
      bytes + (connection.isGreeted ? 0 : carrier == nil ? RemoteLink.beginning : RemoteLink.channelBeginning)
    }
  }

  private struct State {
    var lines: [Line] = []
    /// Connections beside the first at most.
    var more: Int
    /// Channels that are to be made as soon as there is something to make them beside.
    var expected = 0

    /// Those that are carried by nothing else.
    var connections: Int { lines.count { $0.carrier == nil } }

    /// Whatever has kept one more from being made, as a limit of the server, keeps others from it, too.
    mutating func dropFailed() {
      let failed = lines.filter { $0.connection.failure != nil }
      guard !failed.isEmpty else { return }
      lines.removeAll { $0.connection.failure != nil }
      for line in failed where line.connection.isGreeted {
        if let place = lines.firstIndex(where: { $0.connection === line.carrier }) { lines[place].spare += 1 }
      }
      let refused = failed.count { $0.carrier == nil && !$0.connection.isGreeted }
      if !lines.isEmpty { more = max(more - refused, 0) }
    }

    /// The place of the one that is to be used for so many bytes.
    func idlest() -> Int? { lines.indices.min { lines[$0].load < lines[$1].load } }

    /// The place of the one beside which another channel can be made.
    func idlestCarrier() -> Int? {
      lines.indices.filter { lines[$0].spare > 0 && lines[$0].connection.isGreeted }
        .min { lines[$0].load < lines[$1].load }
    }
  }

  /// Bytes from which on a transfer is worth a connection of its own.
  private static let largeSize = 1 << 20
  /// What a connection that is there carries until another is ready, or nearly so.
  private static let beginning = 24 << 20
  /// The same for a channel beside another.
  private static let channelBeginning = 6 << 20
  /// Channels beside the first that a connection carries: with four MiB on the way, about as much as systems let one have.
  private static let channelsBeside = 1
  /// Bytes, of many that are to come, for which one more connection is worth its beginning.
  private static let share: UInt64 = 16 << 20

  private let getReady: @Sendable (Cancellation?) throws(RemoteError) -> Void
  private let connect: @Sendable (Cancellation?) throws(RemoteError) -> any ByteChannel
  private let speak: @Sendable (any ByteChannel) throws(RemoteError) -> FrameConnection
  private let state: Mutex<State>

  /// - Parameters:
  ///   - limit: Connections at a time.
  ///   - getReady: Finds out what making connections takes, before any and as often as one is used: what it waits for holds nobody
  ///     else up.
  ///   - connect: Makes a connection; waits for nothing that comes over a network.
  ///   - speak: Begins to speak over one, and waits for nothing either.
  init(
    limit: Int = 1, getReady: @escaping @Sendable (Cancellation?) throws(RemoteError) -> Void = { _ in },
    _ connect: @escaping @Sendable (Cancellation?) throws(RemoteError) -> any ByteChannel,
    speak: @escaping @Sendable (any ByteChannel) throws(RemoteError) -> FrameConnection
  ) {
    state = Mutex(State(more: max(limit - 1, 0)))
    self.getReady = getReady
    self.connect = connect
    self.speak = speak
  }

  deinit {
    for line in state.withLock({ $0.lines }) { line.connection.close() }
  }

  /// What one of the connections that there are was greeted with, if one was.
  var knownGreeting: Frame? { state.withLock { $0.lines }.lazy.compactMap(\.connection.knownGreeting).first }

  /// Makes connections for so many bytes that are to be transferred, in pieces that are large; waits for none of them.
  func prepare(for bytes: UInt64) {
    // Who needs a connection tells.
    do throws(RemoteError) { try getReady(nil) } catch { return }
    state.withLock { state in
      state.dropFailed()
      let worthIt = Int(clamping: min(bytes / Self.share, UInt64(state.more))) + 1
      while state.connections < worthIt {
        do throws(RemoteError) { try addConnection(to: &state, nil) } catch {
          // Who needs one tries again, and tells.
          return
        }
      }
      if bytes / Self.share >= 2 * UInt64(state.connections) {
        state.expected = state.connections * Self.channelsBeside
      }
    }
  }

  /// Makes a request on the connection to be used now, and once more at once where that connection is refused while another is
  /// there. What is refused is gone then, so this ends.
  ///
  /// - Parameters:
  ///   - size: Bytes that are to be transferred.
  ///   - failure: Tells of a connection that cannot be had.
  func withConnection<Result, Failure: Error>(
    transferring size: Int, _ cancellation: Cancellation?, failure: (RemoteError) -> Failure,
    _ body: (FrameConnection) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    while true {
      let connection: FrameConnection
      do throws(RemoteError) { connection = try take(for: size, cancellation) } catch { throw failure(error) }
      defer { give(connection, of: size) }
      do throws(Failure) { return try body(connection) } catch {
        guard hasBetter(than: connection) else { throw error }
      }
    }
  }

  /// Takes the connection to be used now for a request: the one on which least is to be waited for. To be given back.
  ///
  /// - Parameter size: Bytes that are to be transferred; many of them may have another connection made.
  /// - Throws: `RemoteError` when none can be made; the next call tries again.
  func take(for size: Int, _ cancellation: Cancellation?) throws(RemoteError) -> FrameConnection {
    if cancellation?.isCancelled == true { throw .cancelled }
    try getReady(cancellation)
    let result = state.withLock { state -> Result<FrameConnection, RemoteError> in
      state.dropFailed()
      while state.expected > 0, let place = state.idlestCarrier() {
        state.expected -= 1
        // What cannot be had is not needed now.
        do throws(RemoteError) { try addChannel(beside: place, to: &state, cancellation) } catch {}
      }
      let isBusy = state.idlest().map { state.lines[$0].load > 0 } ?? true
      if state.lines.isEmpty || isBusy && size >= Self.largeSize {
        do throws(RemoteError) {
          try addLine(to: &state, cancellation)
        } catch {
          // What there is carries it, too.
          if state.lines.isEmpty { return .failure(error) }
        }
      }
      guard let place = state.idlest() else { return .failure(.cancelled) }
      state.lines[place].bytes += size
      return .success(state.lines[place].connection)
    }
    return try result.get()
  }

  /// Makes a connection, or else, where there are as many as may be, a channel beside one.
  private func addLine(to state: inout State, _ cancellation: Cancellation?) throws(RemoteError) {
    guard state.connections > state.more else { return try addConnection(to: &state, cancellation) }
    if let place = state.idlestCarrier() { try addChannel(beside: place, to: &state, cancellation) }
  }

  private func addChannel(
    beside place: Int, to state: inout State, _ cancellation: Cancellation?
  ) throws(RemoteError) {
    let carrier = state.lines[place].connection
    state.lines[place].spare -= 1
    guard let channel = try carrier.channelBeside(cancellation) else { return state.lines[place].spare = 0 }
    state.lines.append(Line(connection: try speak(channel), carrier: carrier))
  }

  private func addConnection(to state: inout State, _ cancellation: Cancellation?) throws(RemoteError) {
    let connection = try speak(try connect(cancellation))
    state.lines.append(Line(connection: connection, spare: Self.channelsBeside))
  }

  /// Whether a request that failed on a connection is to be made once more at once: the other side never answered on that one,
  /// and does on another.
  func hasBetter(than connection: FrameConnection) -> Bool {
    guard connection.failure != nil, !connection.isGreeted else { return false }
    return state.withLock { $0.lines.contains { $0.connection.failure == nil && $0.connection.isGreeted } }
  }

  /// Gives a connection back that was taken for so many bytes.
  func give(_ connection: FrameConnection, of size: Int) {
    state.withLock { state in
      if let place = state.lines.firstIndex(where: { $0.connection === connection }) {
        state.lines[place].bytes -= size
      }
    }
  }
}
