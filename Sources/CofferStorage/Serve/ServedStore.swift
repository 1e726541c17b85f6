import CofferSystem
import Foundation

/// Objects on another host, kept by `coffer serve` there: the other side of `StoreServer`.
final class ServedStore: ObjectStore {
  let location: String
  private let link: RemoteLink

  /// Bytes from which on a transfer may have a connection of its own.
  private static let largeSize = 1 << 20
  /// Connections at a time.
  private static let connectionLimit = 4
  /// What unfinished puts there may be at most.
  private static let unfinishedLimit = 1 << 20

  /// - Parameters:
  ///   - connect: Starts the server, or reaches it.
  ///   - rules: What the end of a connection means.
  init(
    location: String, path: String, limits: FrameConnection.Limits = ServedStore.limits(), clock: Clock,
    meaning: @escaping @Sendable (ChannelEnd, Bool) -> StorageFailure,
    nonsense: @escaping @Sendable (FrameParser.Malformed, Bool) -> StorageFailure,
    connect: @escaping @Sendable (Cancellation?) throws(RemoteError) -> any ByteChannel
  ) {
    self.location = location
    let rules = FrameConnection.Rules(
      isLast: { ServeProtocol.Answer(rawValue: $0.type)?.isLast ?? true }, greetingID: ServeProtocol.greetingID,
      meaning: meaning, nonsense: nonsense)
    let hello = Frame(
      ServeProtocol.Request.hello.rawValue, id: ServeProtocol.greetingID, ServeHello(path: path).encoded())
    link = RemoteLink(limit: Self.connectionLimit) { (cancellation) throws(RemoteError) in
      try FrameConnection(try connect(cancellation), greeting: hello, limits: limits, rules: rules, clock: clock)
    }
  }

  /// - Parameter stall: Seconds without a byte after which a connection counts as dead.
  static func limits(stall: Double = 120) -> FrameConnection.Limits {
    FrameConnection.Limits(
      payload: ServeProtocol.payloadLimit, exchanges: ServeProtocol.requestLimit, stall: stall)
  }

  /// A Coffer over there keeps objects in a folder of its own.
  var abilities: StoreAbilities {
    StoreAbilities(
      kind: "a folder on another host, kept by 'coffer serve' there", refusesTakenNames: true, readsParts: true,
      keepsOwnTimes: true)
  }

  // MARK: - Objects

  func makePlace(cancellation: Cancellation?) throws(StorageError) {
    _ = try ask(.makePlace, nil, cancellation, expecting: .done)
  }

  func put(
    _ name: ObjectName, _ content: UnsafeRawBufferPointer, cancellation: Cancellation?
  ) throws(StorageError) {
    guard !content.isEmpty else { throw .failed(name, location: location, .emptyObject) }
    try request(name, cancellation, isLarge: content.count >= Self.largeSize) { (call) throws(StorageError) in
      var writer = PayloadWriter()
      writer.add(name.path)
      writer.add(UInt64(content.count))
      try call.send(.put, writer.bytes)
      for start in stride(from: 0, to: content.count, by: ServeProtocol.pieceSize) {
        // It was refused already.
        if call.exchange.isOver { break }
        let piece = content[start..<min(start + ServeProtocol.pieceSize, content.count)]
        try call.send(.piece, [], body: UnsafeRawBufferPointer(rebasing: piece))
      }
      _ = try call.answer(.done)
    }
  }

  func get(
    _ name: ObjectName, range: Range<Int>?, cancellation: Cancellation?
  ) throws(StorageError) -> [UInt8] {
    let isLarge = range.map { $0.count >= Self.largeSize } ?? false
    return try request(name, cancellation, isLarge: isLarge) { (call) throws(StorageError) in
      var writer = PayloadWriter()
      writer.add(name.path)
      if let range {
        writer.add(UInt64(range.lowerBound))
        writer.add(UInt64(range.upperBound))
      }
      try call.send(.get, writer.bytes)
      var bytes: [UInt8] = []
      bytes.reserveCapacity(min(range?.count ?? 0, 1 << 26))
      while true {
        let (answer, payload) = try call.answer()
        switch answer {
        case .piece
        where !payload.isEmpty && payload.count <= (range?.count ?? ServeProtocol.objectLimit) - bytes.count:
          bytes += payload
        case .done:
          let count = try call.decoded(payload) { (reader) throws(PayloadReader.Malformed) in try reader.size() }
          guard count == bytes.count, range == nil || range?.count == count else { throw call.nonsense() }
          return bytes
        default: throw call.nonsense()
        }
      }
    }
  }

  func status(of name: ObjectName, cancellation: Cancellation?) throws(StorageError) -> ObjectStatus {
    try request(name, cancellation) { (call) throws(StorageError) in
      var writer = PayloadWriter()
      writer.add(name.path)
      try call.send(.status, writer.bytes)
      let status = try call.decoded(try call.answer(.status)) { (reader) throws(PayloadReader.Malformed) in
        try ObjectStatus(reading: &reader)
      }
      guard status.name == name else { throw call.nonsense() }
      return status
    }
  }

  func delete(_ name: ObjectName, cancellation: Cancellation?) throws(StorageError) {
    _ = try ask(.delete, name.path, about: name, cancellation, expecting: .done)
  }

  func remove(_ put: UnfinishedPut, cancellation: Cancellation?) throws(StorageError) {
    _ = try ask(.remove, put.path, cancellation, expecting: .done)
  }

  private func ask(
    _ type: ServeProtocol.Request, _ text: String?, about name: ObjectName? = nil, _ cancellation: Cancellation?,
    expecting answer: ServeProtocol.Answer
  ) throws(StorageError) -> [UInt8] {
    try request(name, cancellation) { (call) throws(StorageError) in
      var writer = PayloadWriter()
      if let text { writer.add(text) }
      try call.send(type, writer.bytes)
      return try call.answer(answer)
    }
  }

  // MARK: - Pages

  func list(
    _ folder: String, after last: ObjectName?, cancellation: Cancellation?, _ take: ([ObjectStatus]) -> Void
  ) throws(StorageError) {
    var writer = PayloadWriter()
    writer.add(folder)
    writer.add(last?.path ?? "")
    var last = last
    try pages(
      .list, writer.bytes, cancellation,
      { (reader) throws(PayloadReader.Malformed) in
        let status = try ObjectStatus(reading: &reader)
        // In order and without a repetition, however hostile the host.
        guard last.map({ $0 < status.name }) != false, folder.isEmpty || status.name.path.begins(with: folder + "/")
        else { throw PayloadReader.Malformed() }
        last = status.name
        return status
      }
    ) { found in
      var pages = ListPages()
      for status in found { pages.add(status, take) }
      pages.finish(take)
      return true
    }
  }

  func firstForeignEntry(
    besides isExpected: (String) -> Bool, cancellation: Cancellation?
  ) throws(StorageError) -> String? {
    var found: String?
    try pages(.entries, [], cancellation, { (reader) throws(PayloadReader.Malformed) in try reader.text() }) { names in
      found = names.first { !isExpected($0) }
      return found == nil
    }
    return found
  }

  func unfinishedPuts(cancellation: Cancellation?) throws(StorageError) -> [UnfinishedPut] {
    var found: [UnfinishedPut] = []
    try pages(
      .unfinished, [], cancellation,
      { (reader) throws(PayloadReader.Malformed) in
        guard found.count < Self.unfinishedLimit else { throw PayloadReader.Malformed() }
        return try UnfinishedPut(reading: &reader)
      }
    ) { page in
      found += page
      return true
    }
    return found
  }

  /// - Parameter take: Given the entries of a page; says whether more are wanted.
  private func pages<Entry>(
    _ type: ServeProtocol.Request, _ payload: [UInt8], _ cancellation: Cancellation?,
    _ read: (inout PayloadReader) throws(PayloadReader.Malformed) -> Entry, _ take: ([Entry]) -> Bool
  ) throws(StorageError) {
    try request(nil, cancellation) { (call) throws(StorageError) in
      try call.send(type, payload)
      while true {
        let (answer, payload) = try call.answer()
        guard answer == .page || answer == .done else { throw call.nonsense() }
        // The next one comes while this one is read.
        if answer == .page { try call.send(.more, []) }
        let page = try call.decoded(payload) { (reader) throws(PayloadReader.Malformed) in
          var page: [Entry] = []
          while !reader.isAtEnd { page.append(try read(&reader)) }
          return page
        }
        guard !page.isEmpty || answer == .done else { throw call.nonsense() }
        guard page.isEmpty || take(page), answer == .page else {
          if answer == .page { call.exchange.sendAtOnce(ServeProtocol.Request.stop.rawValue) }
          return
        }
      }
    }
  }

  // MARK: - Calls

  private func request<Result>(
    _ name: ObjectName?, _ cancellation: Cancellation?, isLarge: Bool = false,
    _ body: (ServedCall) throws(StorageError) -> Result
  ) throws(StorageError) -> Result {
    let call: ServedCall
    do throws(RemoteError) {
      let connection = try link.connection(isLarge: isLarge, cancellation)
      call = ServedCall(
        connection, try connection.exchange(cancellation), name, location: location, cancellation: cancellation)
    } catch {
      throw error.storageError(name, location: location)
    }
    do throws(StorageError) {
      return try body(call)
    } catch {
      // The host need not go on with it.
      if error.kind == .cancelled { call.exchange.sendAtOnce(ServeProtocol.Request.stop.rawValue) }
      throw error
    }
  }
}

/// One request of a `ServedStore`.
private struct ServedCall {
  let exchange: Exchange
  private let connection: FrameConnection
  private let name: ObjectName?
  private let location: String
  private let cancellation: Cancellation?

  init(
    _ connection: FrameConnection, _ exchange: Exchange, _ name: ObjectName?, location: String,
    cancellation: Cancellation?
  ) {
    self.connection = connection
    self.exchange = exchange
    self.name = name
    self.location = location
    self.cancellation = cancellation
  }

  func send(
    _ type: ServeProtocol.Request, _ payload: [UInt8], body: UnsafeRawBufferPointer? = nil
  ) throws(StorageError) {
    do throws(RemoteError) { try exchange.send(type.rawValue, payload, body: body, cancellation) } catch {
      throw storageError(error)
    }
  }

  /// The next answer.
  ///
  /// - Throws: What the host says of a failure; `StorageError`.
  func answer() throws(StorageError) -> (ServeProtocol.Answer, [UInt8]) {
    var frame: Frame
    repeat {
      do throws(RemoteError) { frame = try exchange.next(cancellation) } catch { throw storageError(error) }
    } while frame.type == ServeProtocol.Answer.working.rawValue
    guard let answer = ServeProtocol.Answer(rawValue: frame.type) else { throw nonsense() }
    guard answer == .failed else { return (answer, frame.payload) }
    guard let failure = try? ServeFailure(decoding: frame.payload) else { throw nonsense() }
    throw failure.storageError(name, location: location)
  }

  /// The answer, which is of this type.
  func answer(_ wanted: ServeProtocol.Answer) throws(StorageError) -> [UInt8] {
    let (answer, payload) = try answer()
    guard answer == wanted else { throw nonsense() }
    return payload
  }

  /// Takes an answer's payload apart, all of it.
  func decoded<Value>(
    _ payload: [UInt8], _ body: (inout PayloadReader) throws(PayloadReader.Malformed) -> Value
  ) throws(StorageError) -> Value {
    var reader = PayloadReader(payload)
    do throws(PayloadReader.Malformed) {
      let value = try body(&reader)
      try reader.end()
      return value
    } catch {
      throw nonsense()
    }
  }

  /// Breaks the connection: whoever sends such an answer cannot be relied upon for the others.
  func nonsense() -> StorageError {
    let failure = StorageFailure(
      .transient, "request", reason: "the host's answer is not one to what was asked",
      suggestion: "Install the same version of Coffer on both hosts")
    connection.fail(failure)
    return .failed(name, location: location, failure)
  }

  /// A host that refuses to serve says why in answer to the greeting; the requests that follow have no answer then.
  private func storageError(_ error: RemoteError) -> StorageError {
    if case .broken = error, let greeting = connection.knownGreeting,
      greeting.type == ServeProtocol.Answer.failed.rawValue
    {
      guard let failure = try? ServeFailure(decoding: greeting.payload) else { return nonsense() }
      return failure.storageError(nil, location: location)
    }
    return error.storageError(name, location: location)
  }
}
