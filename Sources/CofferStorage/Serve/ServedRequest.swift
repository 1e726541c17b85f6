import CofferSystem
import Glibc

/// The repository that a server serves.
struct ServedRepository: Sendable {
  let store: LocalDirectoryStore
  let quota: ServeQuota?
  /// What the file system cannot promise, as far as the client was not told yet.
  let remarks: ServeRemarks

  init(_ place: ServedPlace, rights: ServeRights) {
    let remarks = ServeRemarks()
    let store = LocalDirectoryStore(root: place.path, place: place.place) { remarks.add($0.problem) }
    self.store = store
    self.remarks = remarks
    quota = rights.quota.map { ServeQuota($0, store) }
  }
}

/// One request of a client, on a thread of its own.
struct ServedRequest: Sendable {
  private let frame: Frame
  private let type: ServeProtocol.Request
  private let inbox: RequestsUnderWay.Inbox
  private let server: StoreServer
  private let repository: ServedRepository

  private var store: LocalDirectoryStore { repository.store }
  private var cancellation: Cancellation { server.cancellation }

  init(
    _ frame: Frame, _ type: ServeProtocol.Request, _ inbox: RequestsUnderWay.Inbox, _ server: StoreServer,
    _ repository: ServedRepository
  ) {
    self.frame = frame
    self.type = type
    self.inbox = inbox
    self.server = server
    self.repository = repository
  }

  /// Does what is asked and sends the last answer.
  func answer() {
    do {
      let (answer, payload) = try perform()
      server.end(frame.id, answer, payload)
    } catch {
      let failure: ServeFailure =
        switch error {
        case let error as StorageError: ServeFailure(error)
        case let error as ServeFailure.Thrown: error.failure
        case is PayloadReader.Malformed: ServeFailure(.permanent, "request", reason: "the host does not understand it")
        default: ServeFailure(.transient, "request", reason: "\(error)")
        }
      server.end(frame.id, .failed, failure.encoded())
    }
  }

  private func perform() throws -> (ServeProtocol.Answer, [UInt8]) {
    var reader = PayloadReader(frame.payload)
    switch type {
    case .makePlace:
      try reader.end()
      try store.makePlace(cancellation: cancellation)
      return (.done, repository.remarks.take())
    case .put:
      let (name, size) = (try Self.name(&reader), try reader.size())
      try reader.end()
      try put(name, size)
      return (.done, repository.remarks.take())
    case .get:
      let name = try Self.name(&reader)
      let range = reader.isAtEnd ? nil : (try reader.size(), try reader.size())
      try reader.end()
      return (.done, try get(name, range))
    case .status:
      let name = try Self.name(&reader)
      try reader.end()
      var writer = PayloadWriter()
      try store.status(of: name, cancellation: cancellation).write(to: &writer)
      return (.status, writer.bytes)
    case .list:
      let (folder, last) = (try reader.text(), try reader.text())
      var earlier: Set<UInt32> = []
      for _ in 0..<ServeProtocol.requestLimit where !reader.isAtEnd { earlier.insert(try reader.number()) }
      try reader.end()
      if !earlier.isEmpty {
        try server.wait(for: earlier, before: frame.id, location: store.location) { inbox.failure != nil }
      }
      return (.done, try list(folder, after: last))
    case .entries:
      try reader.end()
      return (.done, try tellEntries())
    case .unlisted:
      let (folder, depth) = (try reader.text(), try reader.number(UInt8.self))
      try reader.end()
      guard ObjectName(folder) != nil, (1...ObjectName.partLimit).contains(Int(depth)) else {
        throw PayloadReader.Malformed()
      }
      var pages = ServedPages(self)
      for path in try store.unlistedEntries(in: folder, depth: Int(depth), cancellation: cancellation)
      where !pages.isUnwanted {
        pages.add { $0.add(path) }
      }
      return (.done, try pages.rest())
    case .unfinished:
      try reader.end()
      var pages = ServedPages(self)
      for put in try store.unfinishedPuts(cancellation: cancellation) where !pages.isUnwanted {
        pages.add { put.write(to: &$0) }
      }
      return (.done, try pages.rest())
    case .remove:
      let path = try reader.text()
      try reader.end()
      try remove(path)
    case .delete:
      let name = try Self.name(&reader)
      try reader.end()
      try refuseIfAppendOnly("deleting")
      try store.delete(name, cancellation: cancellation)
    case .hello, .piece, .more, .stop: throw PayloadReader.Malformed()
    }
    return (.done, [])
  }

  private static func name(_ reader: inout PayloadReader) throws(PayloadReader.Malformed) -> ObjectName {
    guard let name = ObjectName(try reader.text()) else { throw PayloadReader.Malformed() }
    return name
  }

  private func refuseIfAppendOnly(_ what: String) throws(ServeFailure.Thrown) {
    guard server.rights.isAppendOnly else { return }
    throw ServeFailure.Thrown(
      ServeFailure(
        .denied, what, reason: "this key may only add",
        suggestion: "Delete with a key that authorized_keys on the host does not hold to --append-only"))
  }

  // MARK: - Objects

  private func put(_ name: ObjectName, _ size: Int) throws {
    guard size > 0 else { throw StorageError.failed(name, location: store.location, .emptyObject) }
    // Before all of it has come: what is there already may have been put by this client, whose answer was lost.
    if (try? store.status(of: name, cancellation: cancellation)) != nil {
      throw StorageError.exists(name, location: store.location)
    }
    if let quota = repository.quota, try !quota.take(size, cancellation) {
      throw ServeFailure.Thrown(ServeFailure(.full))
    }
    var isStored = false
    defer { repository.quota?.settle(size, isStored: isStored) }
    try store.put(name, cancellation) { (write) throws(SystemError) in
      var left = size
      while left > 0 {
        // The client has gone, or wants it no more.
        guard let piece = server.next(of: frame.id, inbox), !cancellation.isCancelled else {
          throw SystemError(call: "put", subject: name.path, code: ECANCELED)
        }
        guard piece.type == ServeProtocol.Request.piece.rawValue, !piece.payload.isEmpty, piece.payload.count <= left
        else { throw SystemError(call: "put", subject: name.path, code: EPROTO) }
        left -= piece.payload.count
        try writeAll(piece.payload, write)
      }
    }
    isStored = true
  }

  private func writeAll(
    _ bytes: [UInt8], _ write: (UnsafeRawBufferPointer) throws(SystemError) -> Void
  ) throws(SystemError) {
    let result = bytes.withUnsafeBytes { bytes -> Result<Void, SystemError> in
      do throws(SystemError) { return .success(try write(bytes)) } catch { return .failure(error) }
    }
    try result.get()
  }

  /// - Returns: How many bytes were sent, for the last answer.
  private func get(_ name: ObjectName, _ range: (Int, Int)?) throws -> [UInt8] {
    let size = try store.status(of: name, cancellation: cancellation).size
    let (from, to) = range ?? (0, size)
    guard from <= to else { throw PayloadReader.Malformed() }
    guard to <= size else { throw StorageError.truncated(name, location: store.location) }
    for start in stride(from: from, to: to, by: ServeProtocol.pieceSize) {
      let piece = start..<min(start + ServeProtocol.pieceSize, to)
      guard inbox.failure == nil else { throw StorageError.cancelled(location: store.location) }
      server.send(.piece, frame.id, try store.get(name, range: piece, cancellation: cancellation))
    }
    var writer = PayloadWriter()
    writer.add(UInt64(to - from))
    return writer.bytes
  }

  private func remove(_ path: String) throws {
    try refuseIfAppendOnly("removing what an unfinished put has left")
    let parts = path.parts(by: "/")
    let folders = parts.dropLast().joined(separator: "/")
    guard !path.begins(with: "/"), parts.count <= ObjectName.partLimit, folders.isEmpty || ObjectName(folders) != nil
    else {
      throw PayloadReader.Malformed()
    }
    try store.remove(UnfinishedPut(path: path, size: 0, isAbandoned: false), cancellation: cancellation)
  }

  // MARK: - Pages

  /// - Returns: The last page.
  private func list(_ folder: String, after last: String) throws -> [UInt8] {
    guard folder.isEmpty || ObjectName(folder) != nil, last.isEmpty || ObjectName(last) != nil else {
      throw PayloadReader.Malformed()
    }
    var pages = ServedPages(self)
    // Ends the walk when nobody wants the rest.
    let walk = try cancellation.follower()
    try store.list(folder, after: ObjectName(last), cancellation: walk) { statuses in
      for status in statuses { pages.add { status.write(to: &$0) } }
      if pages.isUnwanted { walk.cancel() }
    }
    return try pages.rest()
  }

  /// Tells the names of everything at the place, as `firstForeignEntry` sees them; what is expected the client judges.
  ///
  /// - Returns: The last page.
  private func tellEntries() throws -> [UInt8] {
    var pages = ServedPages(self)
    _ = try store.firstForeignEntry(
      besides: { path in
        pages.add { $0.add(path) }
        return !pages.isUnwanted
      }, cancellation: cancellation)
    return try pages.rest()
  }

  /// Sends a page and waits until the next one is wanted.
  ///
  /// - Returns: false when it is not.
  fileprivate func sendPage(_ payload: [UInt8]) -> Bool {
    server.send(.page, frame.id, payload)
    return server.next(of: frame.id, inbox)?.type == ServeProtocol.Request.more.rawValue
  }
}

/// Gathers entries, and sends them a page at a time.
private struct ServedPages {
  private let request: ServedRequest
  private var writer = PayloadWriter()
  private var count = 0
  /// Whether the client wants no more.
  private(set) var isUnwanted = false

  init(_ request: ServedRequest) {
    self.request = request
  }

  mutating func add(_ write: (inout PayloadWriter) -> Void) {
    guard !isUnwanted else { return }
    write(&writer)
    count += 1
    guard count == ListPages.size || writer.bytes.count >= ServeProtocol.pageSize else { return }
    isUnwanted = !request.sendPage(writer.bytes)
    writer = PayloadWriter()
    count = 0
  }

  /// What no page was full of.
  ///
  /// - Throws: When the client wanted no more: what it has been sent is not all, and must not look so.
  func rest() throws(ServeFailure.Thrown) -> [UInt8] {
    guard !isUnwanted else {
      throw ServeFailure.Thrown(ServeFailure(.transient, "request", reason: "it was given up before its end"))
    }
    return writer.bytes
  }
}
