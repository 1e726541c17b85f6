import CofferSystem
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import CofferStorage

@Suite("A store that coffer serve keeps")
struct ServedStoreTests {
  private let scratch: ScratchFolder

  init() throws {
    scratch = try ScratchFolder()
  }

  private var local: LocalDirectoryStore { LocalDirectoryStore(root: scratch.path) }

  private static func patient(_ store: any ObjectStore) -> RetryingStore {
    RetryingStore(store, RetryPolicy(retries: 3, firstWait: 0, longestWait: 0))
  }

  // MARK: - Connections that break

  /// Does one of everything, and says what it found.
  private static func everything(_ store: any ObjectStore) throws -> [String] {
    let (one, two) = (try objectName("packs/aa/one"), try objectName("packs/ab/two"))
    try store.put(one, Array("the first".utf8))
    try store.put(two, Array("the second".utf8))
    let whole = try store.get(one, range: nil)
    let part = try store.get(two, range: 4..<7)
    let size = try store.status(of: one).size
    let names = try store.list("packs").map(\.name.path)
    try store.delete(one)
    let left = try store.list("").map(\.name.path)
    let foreign = try store.firstForeignEntry { $0 == "packs" || $0.begins(with: "packs/a") }
    return [
      String(decoding: whole, as: UTF8.self), String(decoding: part, as: UTF8.self), "\(size)",
      names.joined(separator: " "), left.joined(separator: " "), foreign ?? "nothing",
    ]
  }

  private static let expected = [
    "the first", "sec", "9", "packs/aa/one packs/ab/two", "packs/ab/two", "nothing",
  ]

  @Test(
    "A connection that is cut anywhere, in either direction, loses nothing, leaves nothing and does nothing twice",
    arguments: [true, false])
  func cut(whileSending: Bool) throws {
    var wasCut = 0
    for limit in stride(from: 0, to: 700, by: 5) {
      let folder = "\(scratch.path)/\(limit)"
      let connections = Mutex(0)
      let store = ServedStore(folder) { number in
        connections.withLock { $0 = number + 1 }
        guard number == 0 else { return LoopChannel.server() }
        return LoopChannel.cut(
          after: whileSending ? (limit, .max) : (.max, limit), LoopChannel.server())
      }
      let patient = Self.patient(store)
      try patient.makePlace(cancellation: nil)
      #expect(try Self.everything(patient) == Self.expected, "cut at \(limit)")
      let kept = LocalDirectoryStore(root: folder)
      #expect(try kept.get(try objectName("packs/ab/two"), range: nil) == Array("the second".utf8))
      #expect(try kept.unfinishedPuts(cancellation: nil).isEmpty, "cut at \(limit)")
      guard connections.withLock({ $0 }) > 1 else { break }
      wasCut += 1
    }
    #expect(wasCut > 20 && wasCut < 140)
  }

  @Test("A put whose answer is lost is found done, and not by others' bytes")
  func lostAnswer() throws {
    // The welcome arrives, the answer to the put does not.
    let store = ServedStore(scratch.path) { number in
      number == 0 ? LoopChannel.cut(after: (.max, 12 + 9), LoopChannel.server()) : LoopChannel.server()
    }
    let name = try objectName("a")
    try Self.patient(store).put(name, [1, 2, 3])
    #expect(try local.get(name, range: nil) == [1, 2, 3])
    let other = ServedStore(scratch.path) { _ in LoopChannel.server() }
    #expect(throws: StorageError.exists(name, location: other.location)) {
      try Self.patient(other).put(name, [1, 2, 4])
    }
  }

  @Test("After a connection broke, the next call makes another one, and what waits on the old one is told")
  func reconnected() throws {
    let deaf: @Sendable (Int32, Int32) -> Void = { input, _ in
      var buffer = [UInt8](repeating: 0, count: 8)
      _ = read(input, &buffer, buffer.count)
    }
    let store = ServedStore(scratch.path) { number in number == 0 ? deaf : LoopChannel.server() }
    let name = try objectName("a")
    let error = #expect(throws: StorageError.self) { try store.put(name, [1]) }
    #expect(error?.kind == .transient)
    try store.put(name, [1])
    #expect(try store.get(name, range: nil) == [1])
  }

  // MARK: - Time

  @Test("A host that says nothing is given up after the stall limit, and a cancellation ends the wait for it at once")
  func silence() throws {
    let silent: @Sendable (Int32, Int32) -> Void = { input, _ in
      var buffer = [UInt8](repeating: 0, count: 1000)
      while read(input, &buffer, buffer.count) > 0 {}
    }
    let name = try objectName("a")
    let impatient = ServedStore("/r", stall: 0.1) { _ in silent }
    let error = #expect(throws: StorageError.self) { try impatient.get(name, range: nil) }
    #expect(error?.kind == .transient && error?.description.contains("nothing was sent or received") == true)

    let patient = ServedStore("/r") { _ in silent }
    let cancellation = try Cancellation()
    let canceller = try TestThread("cancel") {
      Thread.sleep(forTimeInterval: 0.05)
      cancellation.cancel()
    }
    #expect(throws: StorageError.cancelled(location: patient.location)) {
      try patient.get(name, range: nil, cancellation: cancellation)
    }
    try canceller.end()
  }

  private func eagerChannel() throws -> LoopChannel {
    try LoopChannel { input, output in
      guard let cancellation = try? Cancellation() else { return }
      try? StoreServer(
        rights: ServeRights(), folder: "/", input: input, output: output, cancellation: cancellation,
        clock: .system, workingInterval: 0.001
      ).run()
    }
  }

  /// A connection with a server that tells at once, and often, that it is at work.
  private func eagerConnection() throws -> FrameConnection {
    try FrameConnection(
      eagerChannel(), greeting: Frame(1, id: 0, ServeHello(path: scratch.path).encoded()),
      limits: ServedStore.limits(stall: 0.5),
      rules: FrameConnection.Rules(
        isLast: { ServeProtocol.Answer(rawValue: $0.type)?.isLast == true }, greetingID: 0,
        meaning: { _, _ in .emptyObject }, nonsense: { _, _ in .emptyObject }), clock: .system)
  }

  private func list(_ folder: String, behind ids: [UInt32] = []) -> [UInt8] {
    var list = PayloadWriter()
    list.add(folder)
    list.add("")
    for id in ids { list.add(id) }
    return list.bytes
  }

  @Test("A host that takes its time says so")
  func slow() throws {
    for folder in 0..<20 {
      try FileManager.default.createDirectory(atPath: "\(scratch.path)/a\(folder)", withIntermediateDirectories: false)
      for number in 0..<45 { try Data([1]).write(to: URL(filePath: "\(scratch.path)/a\(folder)/\(number)")) }
    }
    let connection = try eagerConnection()
    defer { connection.close() }
    var types: [UInt8] = []
    for _ in 0..<200 where !types.contains(ServeProtocol.Answer.working.rawValue) {
      let exchange = try connection.exchange(nil)
      try exchange.send(ServeProtocol.Request.list.rawValue, list(""), nil)
      repeat { types.append(try exchange.next(nil).type) } while !exchange.isOver
    }
    #expect(Set(types) == [ServeProtocol.Answer.working.rawValue, ServeProtocol.Answer.done.rawValue])
  }

  @Test("A host to which a piece comes byte by byte says so: its client has sent it long ago, and hears nothing else")
  func slowPiece() throws {
    let channel = try eagerChannel()
    defer { _ = channel.end() }
    var parser = FrameParser(limit: ServeProtocol.payloadLimit)
    func send(_ bytes: [UInt8]) throws { try #require(write(channel.output, bytes, bytes.count) == bytes.count) }
    func heard() throws -> [UInt8] {
      var room = [UInt8](repeating: 0, count: 1 << 16)
      let count = read(channel.input, &room, room.count)
      if count > 0 { room.withUnsafeBytes { parser.add(UnsafeRawBufferPointer(rebasing: $0[..<count])) } }
      var types: [UInt8] = []
      while let frame = try parser.next() { types.append(frame.type) }
      return types
    }
    let piece = Frame(ServeProtocol.Request.piece.rawValue, id: 1, [UInt8](repeating: 1, count: 1000)).encoded()
    var begin = PayloadWriter()
    begin.add("a")
    begin.add(UInt64(1000))
    try send(Frame(1, id: 0, ServeHello(path: scratch.path).encoded()).encoded())
    try send(Frame(ServeProtocol.Request.put.rawValue, id: 1, begin.bytes).encoded())
    // Until it is at nothing any more: what it says from then on is of the bytes.
    repeat { usleep(300_000) } while try !heard().isEmpty
    var types: [UInt8] = []
    for byte in piece.dropLast() where types.isEmpty {
      try send([byte])
      usleep(2000)
      types = try heard()
    }
    #expect(Set(types) == [ServeProtocol.Answer.working.rawValue])
  }

  @Test("A host whose client says no more is silent: a piece that was lost on the way is not waited for without an end")
  func lostPiece() throws {
    let connection = try eagerConnection()
    defer { connection.close() }
    let put = try connection.exchange(nil)
    var begin = PayloadWriter()
    begin.add("a")
    begin.add(UInt64(5))
    try put.send(ServeProtocol.Request.put.rawValue, begin.bytes, nil)
    let behind = try connection.exchange(nil)
    try behind.send(ServeProtocol.Request.list.rawValue, list("", behind: [put.id]), nil)
    for exchange in [put, behind] {
      let error = #expect(throws: RemoteError.self) {
        while try exchange.next(nil).type == ServeProtocol.Answer.working.rawValue {}
      }
      guard case .broken(let failure) = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
      #expect(failure.kind == .transient && failure.reason.contains("nothing was sent or received") == true)
    }
  }

  @Test("A put that gets no further is given up, too")
  func stuck() throws {
    let store = ServedStore("/r", stall: 0.1) { _ in
      { input, output in
        // Takes nothing, until the other side closes.
        var watched = pollfd(fd: output, events: 0, revents: 0)
        _ = poll(&watched, 1, 60_000)
      }
    }
    let error = #expect(throws: StorageError.self) {
      try store.put(try objectName("a"), [UInt8](repeating: 1, count: 20 << 20))
    }
    #expect(error?.kind == .transient && error?.description.contains("nothing was sent or received") == true)
  }

  @Test("While a put waits for its bytes, the same connection answers others")
  func overlapping() throws {
    let store = ServedStore(served: scratch.path)
    let names = try (0..<40).map { try objectName("packs/\($0)") }
    let failures = Mutex<[String]>([])
    let threads = try names.enumerated().map { number, name in
      try TestThread("put") {
        do {
          let bytes = [UInt8](repeating: UInt8(number), count: 700_001)
          try store.put(name, bytes)
          let there = try store.get(name, range: nil)
          if there != bytes { failures.withLock { $0.append("\(name)") } }
        } catch {
          failures.withLock { $0.append("\(error)") }
        }
      }
    }
    for thread in threads { try thread.end() }
    #expect(failures.withLock { $0 } == [])
    #expect(try local.list("packs", cancellation: nil).map(\.size) == [Int](repeating: 700_001, count: 40))
  }

  // MARK: - Calls in an order

  @Test("Calls in an order are made once the host is known to keep one, and what is listed behind a put shows it")
  func ordered() throws {
    let store = ServedStore(served: scratch.path)
    let (first, second) = (try objectName("a/1"), try objectName("a/2"))
    let calls = OrderedCalls(put: .init(second, Array("two".utf8)), listing: [["b"], ["a", "b"]])
    // Its greeting may have come by then.
    let early = try store.inOrder(OrderedCalls(listing: [["b"]]), cancellation: nil)
    #expect(early == nil || early == [[]])
    try store.put(first, [1])
    let found = try #require(try store.inOrder(calls, cancellation: nil))
    #expect(found.map { $0.map(\.name) } == [[], [first, second], []])
    #expect(try local.get(second, range: nil, cancellation: nil) == Array("two".utf8))
    #expect(throws: StorageError.exists(second, location: store.location)) {
      try store.inOrder(calls, cancellation: nil)
    }
    let lists = try #require(try store.inOrder(OrderedCalls(listing: [["a"], ["a"]]), cancellation: nil))
    #expect(lists.map(\.count) == [2, 2])
    let stopped = try Cancellation()
    stopped.cancel()
    #expect(throws: StorageError.cancelled(location: store.location)) {
      try store.inOrder(OrderedCalls(listing: [["a"]]), cancellation: stopped)
    }
  }

  @Test("Lists of many pages come whole, one behind the other")
  func orderedPages() throws {
    try FileManager.default.createDirectory(atPath: "\(scratch.path)/a", withIntermediateDirectories: false)
    for number in 0..<2500 { try Data([1]).write(to: URL(filePath: "\(scratch.path)/a/\(number)")) }
    let store = ServedStore(served: scratch.path)
    _ = try store.list("b")
    let found = try #require(try store.inOrder(OrderedCalls(listing: [["a"], ["a"]]), cancellation: nil))
    #expect(found.map(\.count) == [2500, 2500])
    #expect(found[0] == found[1])
  }

  @Test("A host that does not know of an order is asked for none")
  func unordered() throws {
    let store = ServedStore(scratch.path) { _ in LoopChannel.server(versions: 1...1) }
    try store.put(try objectName("a/1"), [1])
    let calls = OrderedCalls(put: .init(try objectName("a/2"), [2]), listing: [[], ["a"]])
    #expect(try store.inOrder(calls, cancellation: nil) == nil)
    #expect(try store.list("a").count == 1)
  }

  // MARK: - Versions

  @Test("Two versions agree on the newest that both know, or say which they know")
  func versions() throws {
    func greeting(_ versions: ClosedRange<UInt16>) throws -> Frame {
      let channel = try LoopChannel(LoopChannel.server())
      let hello = ServeHello(versions: versions, path: scratch.path).encoded() + [7, 7]
      let connection = try FrameConnection(
        channel, greeting: Frame(1, id: 0, hello), limits: ServedStore.limits(),
        rules: FrameConnection.Rules(
          greetingID: 0, meaning: { _, _ in .emptyObject }, nonsense: { _, _ in .emptyObject }), clock: .system)
      defer { connection.close() }
      return try connection.greeting(nil)
    }
    for (offered, version) in [(1...9, 3), (1...2, 2), (1...1, 1)] as [(ClosedRange<UInt16>, UInt8)] {
      let agreed = try greeting(offered)
      #expect(agreed.type == ServeProtocol.Answer.welcome.rawValue && agreed.payload.prefix(2) == [0, version])
    }
    let refused = try greeting(4...9)
    #expect(refused.type == ServeProtocol.Answer.failed.rawValue)
    let failure = try ServeFailure(decoding: refused.payload)
    #expect(
      failure.kind == .permanent && failure.reason.contains("versions 1 to 3") && failure.reason.contains("4 to 9"))
  }

  @Test("What a host does not serve is said in answer to every call, and why")
  func refused() throws {
    let store = ServedStore(served: scratch.path, ServeRights(folders: ["/nowhere/else"]))
    let calls: [() throws -> Void] = [
      { try store.makePlace(cancellation: nil) }, { try store.put(try objectName("a"), [1]) },
      { _ = try store.list("") },
    ]
    for call in calls {
      let error = #expect(throws: StorageError.self) { try call() }
      #expect(error?.kind == .denied && error?.description.contains("--restrict-to-path") == true)
    }
  }
}
