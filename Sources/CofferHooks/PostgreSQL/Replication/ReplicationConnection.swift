import CofferSystem
import Glibc

/// A connection to a PostgreSQL server that speaks the replication protocol: what base backups and the log come over.
///
/// Of libpq, because PostgreSQL's programs write what they receive into files and acknowledge that; see
/// Documentation/decisions/libpq-at-run-time.md. Used by one thread at a time. Every wait ends with the run. How much is held
/// is libpq's: a message as a whole, and all rows of an answer.
public final class ReplicationConnection {
  /// What comes of a command, one behind the other.
  public enum Reply: Equatable, Sendable {
    case rows(ReplicationRows)
    /// Messages follow, which `receive` gives.
    case copyOut
    /// The same, and `send` may be called.
    case copyBoth
    /// One of the command's parts is done.
    case done
  }

  public enum Received<Value> {
    case message(Value)
    /// The server sends no more messages; `next` goes on.
    case end
    /// Nothing came in time.
    case nothing
  }

  /// As messages name the server.
  public let place: String
  /// The connection's, for a test that cuts it; negative where there is none.
  var socket: Int32 { library.socket(connection) }
  private let library: PostgreSQLLibrary
  private let clock: Clock
  private let cancellation: Cancellation
  private let heard = Notices()
  private let connection: PostgreSQLLibrary.Connection
  /// What the server was asked last, for messages.
  private var command = ""
  /// Whether to wake up for few bytes is not worth it.
  private var expectsMuch = false

  /// Bytes that are waited for where much comes, and milliseconds that fewer may lie there: the end of what comes, for example.
  private static let (muchSize, muchPatience) = (128 << 10, Int32(5))

  /// Seconds until a connection stands or has failed.
  private static let patience: Double = 30

  /// - Parameters:
  ///   - name: What the server's lists call the connection: `application_name`.
  ///   - database: Which one is asked, by a connection like others; nil for replication, which has none.
  ///   - cancellation: Ends every wait.
  /// - Throws: `ReplicationError`; `RunCancelled`; `SystemError`.
  public init(
    to server: ReplicationServer, name: String, database: String? = nil, clock: Clock, cancellation: Cancellation
  ) throws {
    place = server.place
    self.clock = clock
    self.cancellation = cancellation
    library = try PostgreSQLLibrary()
    let parameters =
      server.parameters + [
        // Of replication it is no database, but what a line of ~/.pgpass is found by.
        ("dbname", database ?? "replication"), ("replication", database == nil ? "true" : "false"),
        ("application_name", name),
        ("client_encoding", "SQL_ASCII"),
        // A server whose machine is gone is noticed within a minute.
        ("keepalives_idle", "30"), ("keepalives_interval", "10"), ("keepalives_count", "3"),
        ("tcp_user_timeout", "60000"),
      ]
    guard let connection = Self.start(parameters, library) else {
      throw SystemError(call: "PQconnectStartParams", subject: place, code: ENOMEM)
    }
    self.connection = connection
    _ = library.setNoticeProcessor(
      connection,
      { argument, text in
        guard let argument, let text else { return }
        Unmanaged<Notices>.fromOpaque(argument).takeUnretainedValue().take(String(cString: text))
      }, Unmanaged.passUnretained(heard).toOpaque())
    try connect()
  }

  deinit {
    library.finish(connection)
  }

  private static func start(
    _ parameters: [(keyword: String, value: String)], _ library: PostgreSQLLibrary
  ) -> PostgreSQLLibrary.Connection? {
    let copies = parameters.map { (strdup($0.keyword), strdup($0.value)) }
    defer {
      for (keyword, value) in copies {
        Glibc.free(keyword)
        if let value { explicit_bzero(value, strlen(value)) }
        Glibc.free(value)
      }
    }
    let keywords: [PostgreSQLLibrary.Text?] = copies.map { $0.0.map { UnsafePointer($0) } } + [nil]
    let values: [PostgreSQLLibrary.Text?] = copies.map { $0.1.map { UnsafePointer($0) } } + [nil]
    // 0: what stands in `dbname` is a name and nothing else.
    return keywords.withUnsafeBufferPointer { keywords in
      values.withUnsafeBufferPointer { values in
        guard let keywords = keywords.baseAddress, let values = values.baseAddress else { return nil }
        return library.connectStart(keywords, values, 0)
      }
    }
  }

  private func connect() throws {
    let deadline = clock.steadySeconds() + Self.patience
    // PostgresPollingStatusType: 0 failed, 1 wants to read, 2 to write, 3 stands.
    var wanted: CInt = 2
    while wanted != 3 {
      guard wanted == 1 || wanted == 2, library.status(connection) != 1 else {
        throw ReplicationError.unreachable(place: place, told)
      }
      guard try wait(for: wanted == 1 ? POLLIN : POLLOUT, until: deadline) else {
        throw ReplicationError.unreachable(place: place, "timeout expired after \(Int(Self.patience)) seconds")
      }
      wanted = library.connectPoll(connection)
    }
    guard library.setNonblocking(connection, 1) == 0 else { throw lost }
  }
}

// MARK: - Asking

extension ReplicationConnection {
  /// The server's version as a number: 150004 is 15.4.
  public var serverVersion: Int { Int(library.serverVersion(connection)) }

  /// What the server said beside its answers, warnings for example; the first hundred.
  public var notices: [String] { heard.lines }

  /// A setting that the server tells by itself: `server_version`, `in_hot_standby`.
  public func parameter(_ name: String) -> String? {
    library.parameterStatus(connection, name).map { String(cString: $0) }
  }

  /// Sends a command; `next` gives what comes of it.
  ///
  /// - Parameter name: What messages call it, where the command itself has more in it than they should.
  /// - Throws: `ReplicationError`; `RunCancelled`; `SystemError`.
  public func begin(_ text: String, called name: String? = nil) throws {
    command = name ?? text
    guard library.sendQuery(connection, text) == 1 else { throw lost }
    try flush()
  }

  /// Waits for what comes next of the command.
  ///
  /// - Parameter deadline: In steady seconds, until when it has to have come; nil for as long as the connection stands.
  /// - Returns: nil when nothing more comes, and another command may be sent.
  /// - Throws: `ReplicationError`, `refused` for what the server says no to; `RunCancelled`; `SystemError`.
  public func next(until deadline: Double? = nil) throws -> Reply? {
    while true {
      while library.isBusy(connection) != 0 {
        guard try consume(until: deadline) else { throw ReplicationError.silent(place: place) }
      }
      guard let result = library.result(connection) else {
        guard library.status(connection) == 0 else { throw lost }
        return nil
      }
      defer { library.clear(result) }
      // ExecStatusType.
      switch library.resultStatus(result) {
      case 1: return .done
      case 2: return .rows(rows(result))
      case 3: return .copyOut
      // The server has ended its half of a copy, and waits for ours.
      case 4: try endSending()
      case 8: return .copyBoth
      case 7:
        let failure = failure(result)
        drain()
        throw failure
      default: throw ReplicationError.unexpected(place: place, "\(command): \(message(result))")
      }
    }
  }

  /// Takes what is left of an answer that is a failure, so that another command may be sent. If that fails, so will the command.
  private func drain() {
    while library.isBusy(connection) == 0 || (try? consume()) != nil {
      guard library.isBusy(connection) == 0 else { continue }
      guard let rest = library.result(connection) else { return }
      library.clear(rest)
    }
  }

  /// Sends a command and returns the rows of its answer, the first that there are.
  ///
  /// - Throws: `ReplicationError`; `RunCancelled`; `SystemError`.
  public func query(_ text: String) throws -> ReplicationRows { try query(text, until: nil) }

  /// - Parameters:
  ///   - deadline: As that of `next`.
  ///   - name: As that of `begin`.
  public func query(_ text: String, until deadline: Double?, called name: String? = nil) throws -> ReplicationRows {
    try begin(text, called: name)
    var answer: ReplicationRows?
    while let reply = try next(until: deadline) {
      switch reply {
      case .rows(let rows): answer = answer ?? rows
      case .done: break
      case .copyOut, .copyBoth: throw ReplicationError.unexpected(place: place, "\(text): data and no rows")
      }
    }
    return answer ?? ReplicationRows(names: [], rows: [])
  }

  private func rows(_ result: PostgreSQLLibrary.Result) -> ReplicationRows {
    let columns = 0..<library.fieldCount(result)
    return ReplicationRows(
      names: columns.map { library.fieldName(result, $0).map { String(cString: $0) } ?? "" },
      rows: (0..<library.rowCount(result)).map { row in
        columns.map { column in
          guard library.isNull(result, row, column) == 0, let value = library.value(result, row, column) else {
            return nil
          }
          return Array(UnsafeRawBufferPointer(start: value, count: Int(library.length(result, row, column))))
        }
      })
  }
}

// MARK: - Data

extension ReplicationConnection {
  /// Takes the next message of a copy.
  ///
  /// - Parameters:
  ///   - deadline: Until when it is waited for, by the steady clock; nil for as long as the connection stands.
  ///   - wake: A descriptor whose becoming readable ends the wait, too.
  ///   - body: Is given the message's bytes, which are not there any more afterwards.
  /// - Throws: `ReplicationError`; `RunCancelled`; `SystemError`; what `body` throws.
  public func receive<Value>(
    until deadline: Double? = nil, orUntil wake: Int32? = nil, _ body: (UnsafeRawBufferPointer) throws -> Value
  ) throws -> Received<Value> {
    while true {
      // A run that is to end ends also while messages come without a pause.
      try cancellation.check()
      var buffer: UnsafeMutablePointer<CChar>?
      let count = library.copyData(connection, &buffer, 1)
      defer { if buffer != nil { library.free(buffer) } }
      if count > 0, let buffer {
        return .message(try body(UnsafeRawBufferPointer(start: buffer, count: Int(count))))
      }
      switch count {
      case -1: return .end
      case 0: if try !consume(until: deadline, orUntil: wake) { return .nothing }
      default: throw lost
      }
    }
  }

  /// Has the server's bytes gather before they are taken: a server that sends 8 KiB at a time would wake this thread up for each of
  /// them, and wait for that on a machine whose processors are busy.
  func expectMuch() {
    var size = Int32(Self.muchSize)
    // Where that cannot be set, it is as before.
    expectsMuch = setsockopt(socket, SOL_SOCKET, SO_RCVLOWAT, &size, socklen_t(MemoryLayout<Int32>.size)) == 0
  }

  /// Sends a message to the server.
  ///
  /// - Throws: `ReplicationError`; `RunCancelled`; `SystemError`.
  public func send(_ bytes: [UInt8]) throws {
    let count = CInt(clamping: bytes.count)
    try put { bytes.withUnsafeBytes { $0.baseAddress.map { library.putCopyData(connection, $0, count) } ?? 1 } }
  }

  /// Says that no more messages are sent. The server ends its half then.
  public func endSending() throws {
    try put { library.putCopyEnd(connection, nil) }
  }

  /// - Parameter call: Of libpq: 1 for what is queued, 0 for what there is no room for yet.
  private func put(_ call: () -> CInt) throws {
    while true {
      switch call() {
      case 1: return try flush()
      case 0: try wait(for: POLLIN | POLLOUT, until: nil)
      default: throw lost
      }
    }
  }
}

// MARK: - Waiting

extension ReplicationConnection {
  private func flush() throws {
    while true {
      switch library.flush(connection) {
      case 0: return
      case 1:
        // The server may wait for us to read before it reads.
        try wait(for: POLLIN | POLLOUT, until: nil)
        guard library.consumeInput(connection) == 1 else { throw lost }
      default: throw lost
      }
    }
  }

  /// Waits for bytes of the server and takes them.
  ///
  /// - Returns: false when something else ended the wait.
  @discardableResult
  private func consume(until deadline: Double? = nil, orUntil wake: Int32? = nil) throws -> Bool {
    let isReady = try isDecrypted || wait(for: POLLIN, until: deadline, orUntil: wake)
    guard library.consumeInput(connection) == 1 else { throw lost }
    return isReady
  }

  /// Whether bytes are there that TLS has decrypted: the socket tells nothing of these.
  private var isDecrypted: Bool {
    guard let tls = library.tls?(connection, "OpenSSL"), let pending = library.tlsPending else { return false }
    return pending(tls) > 0
  }

  /// Waits until the socket is ready.
  ///
  /// - Returns: false when the time was up, or the other descriptor was ready.
  @discardableResult
  private func wait(for events: Int32, until deadline: Double?, orUntil wake: Int32? = nil) throws -> Bool {
    let socket = socket
    guard socket >= 0 else { throw lost }
    var watched = [
      pollfd(fd: socket, events: Int16(events), revents: 0),
      pollfd(fd: cancellation.descriptor, events: Int16(POLLIN), revents: 0),
      pollfd(fd: wake ?? -1, events: Int16(POLLIN), revents: 0),
    ]
    while true {
      try cancellation.check()
      let left = deadline.map { $0 - clock.steadySeconds() }
      if let left, left <= 0 { return false }
      let isGathering = expectsMuch && events == POLLIN
      let patience = left.map { Int32(min($0, 1000) * 1000 + 1) }
      let milliseconds = isGathering ? min(patience ?? Self.muchPatience, Self.muchPatience) : patience ?? -1
      let count = poll(&watched, nfds_t(watched.count), milliseconds)
      guard count >= 0 || errno == EINTR else { throw SystemError(call: "poll", subject: place) }
      try cancellation.check()
      // Bytes may be there of which the socket tells nothing, because they are few.
      if count == 0, isGathering { return true }
      guard count > 0 else { continue }
      if watched[0].revents != 0 { return true }
      if watched[2].revents != 0 { return false }
    }
  }
}

// MARK: - Failures

extension ReplicationConnection {
  private var lost: ReplicationError { .lost(place: place, told) }

  /// What libpq says of the connection's failure, in one line.
  private var told: String { Self.line(library.errorMessage(connection).map { String(cString: $0) } ?? "") }

  private func message(_ result: PostgreSQLLibrary.Result) -> String {
    Self.line(library.resultErrorMessage(result).map { String(cString: $0) } ?? "")
  }

  private func failure(_ result: PostgreSQLLibrary.Result) -> ReplicationError {
    // PG_DIAG_SQLSTATE, PG_DIAG_MESSAGE_PRIMARY, PG_DIAG_MESSAGE_DETAIL.
    func field(_ code: Unicode.Scalar) -> String? {
      library.resultErrorField(result, CInt(code.value)).map { String(cString: $0) }
    }
    // What libpq itself says has no SQLSTATE: the connection has ended.
    guard let state = field("C") else { return .lost(place: place, message(result)) }
    let parts = [field("M"), field("D")].compactMap { $0 }
    return .refused(
      place: place, command: command, state: state,
      parts.isEmpty ? message(result) : Self.line(parts.joined(separator: ": ")))
  }

  /// Characters of a message at most.
  private static let limit = 1000

  private static func line(_ text: String) -> String {
    let words = text.lines().map(\.trimmed).filter { !$0.isEmpty }.joined(separator: " / ")
    return words.isEmpty ? "nothing is said of the reason" : String(words.prefix(limit))
  }
}

/// What libpq hands to a function of ours: only while it is called by the connection that has this.
private final class Notices {
  private(set) var lines: [String] = []
  private static let limit = 100

  func take(_ text: String) {
    guard lines.count < Self.limit else { return }
    lines.append(String(text.trimmed.prefix(1000)))
  }
}
