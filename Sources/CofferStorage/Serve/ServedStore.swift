import CofferSystem
import Glibc
import Synchronization

/// Objects on another host, kept by `coffer serve` there: the other side of `StoreServer`.
final class ServedStore: ObjectStore {
  let location: String
  private let link: RemoteLink
  private let warn: @Sendable (Diagnosis) -> Void
  /// What the host's file system cannot promise, in the host's words.
  private let remarks = Mutex<[String]>([])

  /// What unfinished puts there may be at most.
  private static let unfinishedLimit = 1 << 20
  /// Remarks at most, and bytes of each.
  private static let remarkLimits = (count: 8, size: 500)

  /// - Parameters:
  ///   - getReady: Finds out what reaching the server takes.
  ///   - connect: Starts the server, or reaches it.
  ///   - meaning: What the end of a connection means.
  ///   - nonsense: What it means that something else than frames arrives.
  ///   - warn: Told once of what the host's file system cannot promise.
  init(
    location: String, path: String, limits: FrameConnection.Limits = ServedStore.limits(), clock: Clock,
    meaning: @escaping @Sendable (ChannelEnd, Bool) -> StorageFailure,
    nonsense: @escaping @Sendable (FrameParser.Malformed, Bool) -> StorageFailure,
    warn: @escaping @Sendable (Diagnosis) -> Void,
    getReady: @escaping @Sendable (Cancellation?) throws(RemoteError) -> Void = { _ in },
    connect: @escaping @Sendable (Cancellation?) throws(RemoteError) -> any ByteChannel
  ) {
    self.location = location
    self.warn = warn
    let rules = FrameConnection.Rules(
      isLast: { ServeProtocol.Answer(rawValue: $0.type)?.isLast ?? true }, greetingID: ServeProtocol.greetingID,
      meaning: meaning, nonsense: nonsense)
    let hello = Frame(
      ServeProtocol.Request.hello.rawValue, id: ServeProtocol.greetingID, ServeHello(path: path).encoded())
    link = RemoteLink(limit: SSHCommand.connectionLimit, getReady: getReady, connect) { (channel) throws(RemoteError) in
      try FrameConnection(channel, greeting: hello, limits: limits, rules: rules, clock: clock)
    }
  }

  /// - Parameter stall: Seconds without a byte after which a connection counts as dead.
  static func limits(stall: Double = 120) -> FrameConnection.Limits {
    FrameConnection.Limits(
      payload: ServeProtocol.payloadLimit, exchanges: ServeProtocol.requestLimit, stall: stall)
  }

  /// A Coffer over there keeps objects in a folder of its own.
  var abilities: StoreAbilities {
    let welcome = link.knownGreeting.flatMap { try? ServeWelcome(decoding: $0.payload) }
    let rights =
      welcome?.isAppendOnly == true
      ? ["The host lets this key add only: nothing is deleted or replaced with it (--append-only there)"] : []
    return StoreAbilities(
      kind: "a folder on another host, kept by 'coffer serve' there", refusesTakenNames: true, readsParts: true,
      keepsOwnTimes: true, remarks: rights + remarks.withLock { $0 })
  }

  // MARK: - Objects

  func expectTransfer(of bytes: UInt64) { link.prepare(for: bytes) }

  func makePlace(cancellation: Cancellation?) throws(StorageError) {
    try request(nil, cancellation) { (call) throws(StorageError) in
      try call.send(.makePlace, [])
      try note(try call.answer(.done), call)
    }
  }

  func put(
    _ name: ObjectName, _ content: UnsafeRawBufferPointer, cancellation: Cancellation?
  ) throws(StorageError) {
    try request(name, size: content.count, cancellation) { (call) throws(StorageError) in
      try send(put: name, content, call)
      try note(try call.answer(.done), call)
    }
  }

  private func send(
    put name: ObjectName, _ content: UnsafeRawBufferPointer, _ call: ServedCall
  ) throws(StorageError) {
    guard !content.isEmpty else { throw .failed(name, location: location, .emptyObject) }
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
  }

  /// Takes in what the host says of its file system when something was made there.
  private func note(_ payload: [UInt8], _ call: ServedCall) throws(StorageError) {
    let told = try call.decoded(payload) { (reader) throws(PayloadReader.Malformed) in
      var texts: [String] = []
      while !reader.isAtEnd {
        let text = try reader.text().utf8.prefix(Self.remarkLimits.size)
        texts.append(Quoting.terminal(String(decoding: text, as: UTF8.self)))
      }
      return texts
    }
    for remark in told {
      let isNews = remarks.withLock { known in
        guard known.count < Self.remarkLimits.count, !known.contains(where: { $0 == remark }) else { return false }
        known.append(remark)
        return true
      }
      if isNews { warn(Diagnosis(subject: "repository \(location)", problem: remark)) }
    }
  }

  func get(
    _ name: ObjectName, range: Range<Int>?, cancellation: Cancellation?
  ) throws(StorageError) -> [UInt8] {
    try request(name, size: range?.count ?? 0, cancellation) { (call) throws(StorageError) in
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
    try ask(.delete, name.path, about: name, cancellation)
  }

  func remove(_ put: UnfinishedPut, cancellation: Cancellation?) throws(StorageError) {
    try ask(.remove, put.path, about: nil, cancellation)
  }

  private func ask(
    _ type: ServeProtocol.Request, _ path: String, about name: ObjectName?, _ cancellation: Cancellation?
  ) throws(StorageError) {
    try request(name, cancellation) { (call) throws(StorageError) in
      var writer = PayloadWriter()
      writer.add(path)
      try call.send(type, writer.bytes)
      _ = try call.answer(.done)
    }
  }

  // MARK: - Pages

  func list(
    _ folder: String, after last: ObjectName?, cancellation: Cancellation?, _ take: ([ObjectStatus]) -> Void
  ) throws(StorageError) {
    try request(nil, cancellation) { (call) throws(StorageError) in
      try send(list: folder, after: last, behind: [], call)
      try takeList(folder, after: last, call) { found in
        var pages = ListPages()
        for status in found { pages.add(status, take) }
        pages.finish(take)
      }
    }
  }

  /// - Parameter earlier: The requests that have to be over before it begins.
  private func send(
    list folder: String, after last: ObjectName?, behind earlier: [UInt32], _ call: ServedCall
  ) throws(StorageError) {
    var writer = PayloadWriter()
    writer.add(folder)
    writer.add(last?.path ?? "")
    for id in earlier { writer.add(id) }
    try call.send(.list, writer.bytes)
  }

  private func takeList(
    _ folder: String, after last: ObjectName?, _ call: ServedCall, _ take: ([ObjectStatus]) -> Void
  ) throws(StorageError) {
    var last = last
    try takePages(
      call,
      { (reader) throws(PayloadReader.Malformed) in
        let status = try ObjectStatus(reading: &reader)
        // In order and without a repetition, however hostile the host.
        guard last.map({ $0 < status.name }) != false, folder.isEmpty || status.name.path.begins(with: folder + "/")
        else { throw PayloadReader.Malformed() }
        last = status.name
        return status
      }
    ) { found in
      take(found)
      return true
    }
  }

  func inOrder(_ calls: OrderedCalls, cancellation: Cancellation?) throws(StorageError) -> [[ObjectStatus]]? {
    let put = calls.put
    return try onConnection(transferring: put?.content.count ?? 0, cancellation) {
      (connection) throws(StorageError) -> [[ObjectStatus]]? in
      guard let welcome = connection.knownGreeting.flatMap({ try? ServeWelcome(decoding: $0.payload) }),
        welcome.version >= ServeProtocol.orderedVersion
      else { return nil }
      var sent: [ServedCall] = []
      func begin(_ name: ObjectName?, _ cancellation: Cancellation?) throws(StorageError) -> ServedCall {
        let call = try self.call(name, on: connection, cancellation)
        sent.append(call)
        return call
      }
      do throws(StorageError) {
        var putting: ServedCall?
        if let put {
          let call = try begin(put.name, cancellation)
          try put.content.withStoredBytes { (bytes) throws(StorageError) in try send(put: put.name, bytes, call) }
          putting = call
        }
        var lists: [(folder: String, call: ServedCall)] = []
        for (number, stage) in calls.stages.enumerated() {
          let earlier = number == 0 ? [] : sent.map(\.exchange.id)
          for folder in stage {
            let call = try begin(nil, number > 0 && calls.goOnBehindPut ? nil : cancellation)
            try send(list: folder, after: nil, behind: earlier, call)
            lists.append((folder, call))
          }
        }
        if let putting { try note(try putting.answer(.done), putting) }
        var found: [[ObjectStatus]] = []
        for (folder, call) in lists {
          var statuses: [ObjectStatus] = []
          try takeList(folder, after: nil, call) { statuses += $0 }
          found.append(statuses)
        }
        return found
      } catch {
        for call in sent { call.exchange.sendAtOnce(ServeProtocol.Request.stop.rawValue) }
        throw error
      }
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

  func unlistedEntries(
    in folder: String, depth: Int, cancellation: Cancellation?
  ) throws(StorageError) -> [String] {
    let welcome = link.knownGreeting.flatMap { try? ServeWelcome(decoding: $0.payload) }
    guard let welcome, welcome.version >= ServeProtocol.unlistedVersion else {
      return try unlistedAmongAll(in: folder, depth: depth, cancellation)
    }
    var writer = PayloadWriter()
    writer.add(folder)
    writer.add(UInt8(clamping: depth))
    var found: [String] = []
    try pages(
      .unlisted, writer.bytes, cancellation,
      { (reader) throws(PayloadReader.Malformed) in
        let path = try reader.text()
        guard path.isSame(as: folder) || path.begins(with: folder + "/"), found.count < Self.unfinishedLimit else {
          throw PayloadReader.Malformed()
        }
        return path
      }
    ) { page in
      found += page
      return true
    }
    return found
  }

  /// What of the names of everything at the place is in no list, where the host cannot be asked for that.
  private func unlistedAmongAll(
    in folder: String, depth: Int, _ cancellation: Cancellation?
  ) throws(StorageError) -> [String] {
    var found: Set<ExactName> = []
    let parts = folder.parts(by: "/").count + depth
    _ = try firstForeignEntry(
      besides: { path in
        if path.begins(with: folder + "/"), ObjectName(path)?.parts.count == parts { found.insert(ExactName(path)) }
        return true
      }, cancellation: cancellation)
    // Behind the look: what was put since is in the list alone.
    try list(folder, after: nil, cancellation: cancellation) { page in
      for status in page { found.remove(ExactName(status.name.path)) }
    }
    return found.map(\.text)
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
      try takePages(call, read, take)
    }
  }

  private func takePages<Entry>(
    _ call: ServedCall, _ read: (inout PayloadReader) throws(PayloadReader.Malformed) -> Entry,
    _ take: ([Entry]) -> Bool
  ) throws(StorageError) {
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

  // MARK: - Calls

  /// - Parameter size: Bytes that it transfers.
  private func request<Result>(
    _ name: ObjectName?, size: Int = 0, _ cancellation: Cancellation?,
    _ body: (ServedCall) throws(StorageError) -> Result
  ) throws(StorageError) -> Result {
    try onConnection(name, transferring: size, cancellation) { (connection) throws(StorageError) in
      let call = try call(name, on: connection, cancellation)
      do throws(StorageError) {
        return try body(call)
      } catch {
        // The host need not go on with it.
        if error.kind == .cancelled { call.exchange.sendAtOnce(ServeProtocol.Request.stop.rawValue) }
        throw error
      }
    }
  }

  private func onConnection<Result>(
    _ name: ObjectName? = nil, transferring size: Int, _ cancellation: Cancellation?,
    _ body: (FrameConnection) throws(StorageError) -> Result
  ) throws(StorageError) -> Result {
    try link.withConnection(
      transferring: size, cancellation, failure: { $0.storageError(name, location: location) }, body)
  }

  private func call(
    _ name: ObjectName?, on connection: FrameConnection, _ cancellation: Cancellation?
  ) throws(StorageError) -> ServedCall {
    do throws(RemoteError) {
      return ServedCall(
        connection, try connection.exchange(cancellation), name, location: location, cancellation: cancellation)
    } catch {
      throw error.storageError(name, location: location)
    }
  }
}
