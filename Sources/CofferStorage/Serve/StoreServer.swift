import CofferSystem

/// Serves one client over two streams: the other side of `ServedStore`.
///
/// A thread reads what the client sends and hands it to the thread of its request, of which there are as many as a client may
/// have under way. Nothing that the client sends is taken for granted; what it may make the server hold in memory at a time are
/// `ServeProtocol.inboxLimit` frames of each request, and one answer of each.
public final class StoreServer: Sendable {
  let rights: ServeRights
  let cancellation: Cancellation
  private let folder: String
  private let input: Int32
  private let output: ServeOutput
  private let workingInterval: Double
  private let clock: Clock
  private let versions: ClosedRange<UInt16>
  private let underWay = RequestsUnderWay(limit: ServeProtocol.requestLimit, inboxLimit: ServeProtocol.inboxLimit)

  /// Seconds of silence after which a client is told that it is worked for; few enough for any `stall_limit`.
  public static let usualWorkingInterval: Double = 1

  /// - Parameters:
  ///   - folder: What relative paths start from.
  ///   - input: What the client sends; stays the caller's.
  ///   - output: Where answers go, written without waiting; stays the caller's.
  ///   - cancellation: Ends the run; not cancelled by it.
  ///   - workingInterval: Seconds of silence after which the client is told that its requests are being worked on.
  ///   - versions: Of the protocol, that it speaks; nil for all that this program does.
  /// - Throws: `SystemError`.
  public init(
    rights: ServeRights, folder: String, input: Int32, output: Int32, cancellation: Cancellation, clock: Clock,
    workingInterval: Double = usualWorkingInterval, versions: ClosedRange<UInt16>? = nil
  ) throws(SystemError) {
    self.rights = rights
    self.folder = folder
    self.input = input
    self.workingInterval = workingInterval
    self.clock = clock
    self.versions = versions ?? ServeProtocol.versions
    self.cancellation = try cancellation.follower()
    self.output = ServeOutput(output, self.cancellation)
  }

  /// Serves until the client has no more to say, and every answer is sent. What was asked in full is done then; the rest is
  /// given up: a put of which something is missing, a list of which not all was asked for.
  ///
  /// - Throws: `ServeEnd`, when the client could not be served, or was none; `SystemError`; `RunCancelled`.
  public func run() throws {
    do {
      try serve()
    } catch {
      cancellation.cancel()
      underWay.end(RunCancelled())
      throw error
    }
    underWay.end(nil)
  }

  private func serve() throws {
    var parser = FrameParser(limit: ServeProtocol.payloadLimit)
    var repository: ServedRepository?
    let reader = PolledReader(input, cancellation: cancellation)
    var buffer = [UInt8](repeating: 0, count: 1 << 18)
    var told = clock.steadySeconds()
    while true {
      let outcome = try buffer.withUnsafeMutableBytes {
        try reader.read(into: $0, seconds: workingInterval, subject: "client")
      }
      switch outcome {
      case .timedOut: tellOfWork()
      case .ended: return
      case .bytes(let count):
        buffer.withUnsafeBytes { parser.add(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        // What arrives now may have been sent long ago: on a slow way a minute's worth is between the two.
        if clock.steadySeconds() - told >= workingInterval {
          tell(underWay.ids) { underWay.holds($0) }
          told = clock.steadySeconds()
        }
      }
      do {
        while let frame = try parser.next() {
          if let repository {
            try take(frame, repository)
          } else {
            repository = try greet(frame)
          }
        }
      } catch is FrameParser.Malformed {
        throw ServeEnd.nonsense
      }
    }
  }

  /// Keeps a client from giving up what takes its time.
  private func tellOfWork() {
    tell(underWay.idsAtWork) { underWay.isAtWork($0) }
  }

  private func tell(_ ids: [UInt32], while isWanted: (UInt32) -> Bool) {
    for id in ids {
      output.send(Frame(ServeProtocol.Answer.working.rawValue, id: id, [])) { isWanted(id) }
    }
  }

  /// Tries until there is a result, and tells of work meanwhile.
  ///
  /// - Parameter attempt: Gives nil when what it is given holds before it has a result.
  private func patiently<Result>(_ attempt: (_ isOver: () -> Bool) -> Result?) throws(RunCancelled) -> Result {
    while true {
      let deadline = clock.steadySeconds() + workingInterval
      if let result = attempt({ cancellation.isCancelled || clock.steadySeconds() >= deadline }) { return result }
      try cancellation.check()
      tellOfWork()
    }
  }

  private func greet(_ frame: Frame) throws -> ServedRepository {
    guard frame.type == ServeProtocol.Request.hello.rawValue, frame.id == ServeProtocol.greetingID,
      let hello = try? ServeHello(decoding: frame.payload)
    else { throw ServeEnd.nonsense }
    do {
      guard hello.versions.overlaps(versions) else {
        throw ServeFailure.Thrown(
          ServeFailure(
            .permanent, "speaking with the host",
            reason: "it speaks versions \(versions.lowerBound) to \(versions.upperBound) of the protocol, this program "
              + "\(hello.versions.lowerBound) to \(hello.versions.upperBound)",
            suggestion: "Install the same version of Coffer on both hosts"))
      }
      let place = try ServedPlace(
        hello.path, from: folder, restrictedTo: rights.folders, isWhole: rights.quota != nil)
      let version = min(hello.versions.upperBound, versions.upperBound)
      let welcome = ServeWelcome(version: version, isAppendOnly: rights.isAppendOnly)
      send(.welcome, ServeProtocol.greetingID, welcome.encoded())
      return ServedRepository(place, rights: rights)
    } catch let refusal as ServeFailure.Thrown {
      send(.failed, ServeProtocol.greetingID, refusal.failure.encoded())
      throw ServeEnd.refused(refusal.failure.reason)
    }
  }

  /// Hands a frame to its request, or begins one.
  private func take(_ frame: Frame, _ repository: ServedRepository) throws {
    switch ServeProtocol.Request(rawValue: frame.type) {
    case .hello: throw ServeEnd.nonsense
    case .piece, .more:
      // What belongs to no request is the rest of one that has been answered.
      guard let inbox = underWay.inbox(frame.id) else { return }
      _ = try patiently { inbox.push(frame, orUntil: $0) }
    case .stop: underWay.inbox(frame.id)?.close(RunCancelled())
    case let type?: try begin(frame, type, repository)
    case nil:
      guard frame.id != ServeProtocol.greetingID, !underWay.holds(frame.id) else { throw ServeEnd.nonsense }
      // Of a later version, perhaps; the client learns that it is not known here.
      send(.failed, frame.id, ServeFailure(.permanent, "request", reason: "the host does not know it").encoded())
    }
  }

  private func begin(_ frame: Frame, _ type: ServeProtocol.Request, _ repository: ServedRepository) throws {
    guard frame.id != ServeProtocol.greetingID,
      case .begun(let inbox) = try patiently({ underWay.begin(frame.id, orUntil: $0) })
    else { throw ServeEnd.nonsense }
    do {
      _ = try WorkerThread(name: "request") {
        ServedRequest(frame, type, inbox, self, repository).answer()
        self.underWay.threadHasEnded()
      }
    } catch {
      end(frame.id, .failed, ServeFailure(StorageFailure(error)).encoded())
      underWay.threadHasEnded()
    }
  }

  /// Waits until others of the client's requests are over.
  ///
  /// - Parameter isUnwanted: Whether nobody waits for the request any more.
  /// - Throws: `StorageError.cancelled`, when it is to go no further.
  func wait(
    for others: Set<UInt32>, before id: UInt32, location: String, orUntil isUnwanted: () -> Bool
  ) throws(StorageError) {
    let isOver = { self.cancellation.isCancelled || isUnwanted() }
    guard underWay.wait(for: others, before: id, orUntil: isOver) else { throw .cancelled(location: location) }
  }

  /// Waits for what the client sends next of a request.
  ///
  /// - Returns: nil when nothing more comes.
  func next(of id: UInt32, _ inbox: RequestsUnderWay.Inbox) -> Frame? { underWay.next(of: id, inbox) }

  /// Sends the last answer to a request.
  func end(_ id: UInt32, _ type: ServeProtocol.Answer, _ payload: [UInt8]) {
    // Before the client knows, because it may begin another one at once.
    underWay.release(id)
    send(type, id, payload)
  }

  /// Sends an answer; what cannot be sent ends the run.
  func send(_ type: ServeProtocol.Answer, _ id: UInt32, _ payload: [UInt8]) {
    output.send(Frame(type.rawValue, id: id, payload))
  }
}

/// Why a server has ended before its client did.
public enum ServeEnd: DiagnosableError, Equatable {
  /// What it was sent is not what clients send.
  case nonsense
  /// The client was told why it is not served.
  case refused(String)

  public var diagnosis: Diagnosis {
    switch self {
    case .nonsense:
      Diagnosis(
        subject: "coffer serve", problem: "What arrived on standard input is not of a Coffer on another host",
        suggestion: "It is started by Coffer's own client, through ssh; see 'coffer serve --help'")
    case .refused(let reason):
      Diagnosis(subject: "coffer serve", problem: "The client was not served: \(reason)")
    }
  }
}
