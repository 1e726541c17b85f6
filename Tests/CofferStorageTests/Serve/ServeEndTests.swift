import CofferSystem
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import CofferStorage

@Suite("How a server of coffer serve ends")
struct ServeEndTests {
  private typealias Answer = ServeProtocol.Answer
  private let scratch: ScratchFolder

  init() throws {
    scratch = try ScratchFolder()
    signal(SIGPIPE, SIG_IGN)
  }

  /// A server whose streams a test has the other ends of. What it was given to say is closed when it has ended.
  private final class Served: Sendable {
    let toServer: Int32
    let fromServer: Int32
    let cancellation: Cancellation
    private let thread: TestThread

    init() throws {
      let (toServer, fromServer) = (try LoopChannel.makePipe(), try LoopChannel.makePipe())
      (self.toServer, self.fromServer) = (toServer.writing, fromServer.reading)
      _ = fcntl(fromServer.writing, F_SETFL, O_NONBLOCK)
      let cancellation = try Cancellation()
      self.cancellation = cancellation
      thread = try TestThread("served") {
        try? StoreServer(
          rights: ServeRights(), folder: "/", input: toServer.reading, output: fromServer.writing,
          cancellation: cancellation, clock: .system
        ).run()
        for number in [toServer.reading, fromServer.writing] { close(number) }
      }
    }

    deinit {
      for number in [toServer, fromServer] { close(number) }
    }

    func end() throws { try thread.end() }

    /// Gives it frames that fit into a socket, and the end.
    func send(_ frames: [Frame], isLast: Bool = true) throws {
      let bytes = frames.flatMap { $0.encoded() }
      #expect(bytes.withUnsafeBytes { write(toServer, $0.baseAddress, $0.count) } == bytes.count)
      if isLast { shutdown(toServer, Int32(SHUT_WR)) }
    }

    /// Everything that it says to its end.
    func answers() throws -> [Frame] {
      var parser = FrameParser(limit: ServeProtocol.payloadLimit)
      var buffer = [UInt8](repeating: 0, count: 1 << 16)
      let reader = PolledReader(fromServer, cancellation: nil)
      var frames: [Frame] = []
      while true {
        let outcome = try buffer.withUnsafeMutableBytes { try reader.read(into: $0, seconds: 60, subject: "server") }
        guard case .bytes(let count) = outcome else {
          #expect(outcome == .ended && !parser.isInside)
          return frames
        }
        buffer.withUnsafeBytes { parser.add(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        while let frame = try parser.next() { frames.append(frame) }
      }
    }
  }

  private var hello: Frame { Frame(1, id: 0, ServeHello(path: scratch.path).encoded()) }

  private func frame(_ type: ServeProtocol.Request, _ id: UInt32, _ texts: String..., size: Int? = nil) -> Frame {
    var writer = PayloadWriter()
    for text in texts { writer.add(text) }
    if let size { writer.add(UInt64(size)) }
    return Frame(type.rawValue, id: id, writer.bytes)
  }

  /// Puts an object there without waiting for disks.
  private func put(_ path: String, _ bytes: [UInt8]) throws {
    let url = URL(filePath: "\(scratch.path)/\(path)")
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: url)
  }

  @Test("What was asked in full before the client's input ended is answered in full, each request once")
  func lastAnswers() throws {
    let content = (0..<700_001).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) }
    try put("packs/large", content)
    for _ in 0..<20 {
      let server = try Served()
      let gets = (1...8).map { frame(.get, UInt32($0), "packs/large") }
      let statuses = (9...50).map { frame(.status, UInt32($0), $0 % 2 == 0 ? "packs/large" : "packs/none") }
      let puts = (51...60).flatMap { number in
        [
          frame(.put, UInt32(number), "keys/\(number)", size: 2),
          Frame(ServeProtocol.Request.piece.rawValue, id: UInt32(number), [1]),
          Frame(ServeProtocol.Request.piece.rawValue, id: UInt32(number), [UInt8(number)]),
        ]
      }
      try server.send([hello] + gets + statuses + puts)
      let answers = Dictionary(grouping: try server.answers(), by: \.id)
      try server.end()
      #expect(answers.keys.sorted() == Array(0...60))
      for (id, frames) in answers where id != 0 {
        let types = frames.map(\.type)
        let last: Answer = id <= 8 || id > 50 ? .done : id % 2 == 0 ? .status : .failed
        #expect(types.filter { Answer(rawValue: $0)?.isLast == true } == [last.rawValue], "request \(id)")
        #expect(types.last == last.rawValue, "request \(id)")
        if id <= 8 { #expect(frames.dropLast().flatMap(\.payload) == content, "request \(id)") }
      }
      for number in 51...60 {
        #expect(FileManager.default.contents(atPath: "\(scratch.path)/keys/\(number)") == Data([1, UInt8(number)]))
      }
      try FileManager.default.removeItem(atPath: "\(scratch.path)/keys")
    }
  }

  @Test("A list of which not all was asked for does not look like the whole of it", arguments: [true, false])
  func unfinishedList(ofEntries: Bool) throws {
    for number in 0..<1500 { try put("packs/\(number)", [1]) }
    let server = try Served()
    try server.send([hello, ofEntries ? frame(.entries, 1) : frame(.list, 1, "", "")])
    let types = try server.answers().filter { $0.id == 1 }.map(\.type)
    try server.end()
    #expect(types == [Answer.page.rawValue, Answer.failed.rawValue])
  }

  @Test("A request under an id that is in use ends everything, the request that has the id too")
  func idInUse() throws {
    for type in [ServeProtocol.Request.put, .status, .list] {
      let server = try Served()
      let again = type == .list ? frame(type, 5, "", "") : frame(type, 5, "b", size: type == .put ? 1 : nil)
      try server.send([hello, frame(.put, 5, "a", size: 3), again], isLast: false)
      let answers = try server.answers()
      try server.end()
      #expect(answers.map(\.id) == [0, 5] && answers.last?.type == Answer.failed.rawValue)
      #expect(try FileManager.default.subpathsOfDirectory(atPath: scratch.path).isEmpty)
    }
    // What is not known here is a request, too.
    let server = try Served()
    try server.send([hello, frame(.put, 5, "a", size: 3), Frame(50, id: 5, [])], isLast: false)
    #expect(try server.answers().map(\.id) == [0, 5])
    try server.end()
  }

  @Test("A client that takes no answers is waited for until the server is told to stop, and no longer")
  func deafClient() throws {
    try put("packs/large", [UInt8](repeating: 1, count: 3 << 20))
    for hasEnded in [true, false] {
      let server = try Served()
      let requests = (1...64).map { frame(.get, UInt32($0), "packs/large") }
      // More than an inbox holds, so that the thread that reads waits as well.
      let more = [Frame](repeating: frame(.more, 1), count: 10)
      try server.send([hello] + requests + more, isLast: hasEnded)
      var first: UInt8 = 0
      #expect(read(server.fromServer, &first, 1) == 1)
      server.cancellation.cancel()
      try server.end()
    }
  }

  // MARK: - Its parts

  @Test("An id is free before its last answer is sent, and a thread's place afterwards")
  func places() throws {
    let underWay = RequestsUnderWay(limit: 2, inboxLimit: 1)
    func begin(_ id: UInt32) -> String {
      switch underWay.begin(id, orUntil: { true }) {
      case .begun?: "begun"
      case .refused?: "refused"
      case nil: "no place"
      }
    }
    #expect(begin(1) == "begun" && begin(1) == "refused" && begin(2) == "begun" && begin(3) == "refused")
    let inbox = try #require(underWay.inbox(1))
    #expect(inbox.push(frame(.more, 1)) && inbox.push(frame(.more, 1), orUntil: { true }) == nil)
    underWay.release(1)
    #expect(underWay.idsAtWork == [2] && !underWay.holds(1) && !inbox.push(frame(.more, 1)))
    #expect(begin(2) == "refused" && begin(1) == "no place" && begin(3) == "no place")
    underWay.threadHasEnded()
    #expect(begin(1) == "begun")
    #expect(underWay.idsAtWork.sorted() == [1, 2])
    // The end is there when the last thread has ended, whatever has become of the ids.
    let hasEnded = Mutex(false)
    let end = try TestThread("end") {
      underWay.end(RunCancelled())
      hasEnded.withLock { $0 = true }
    }
    #expect(try #require(underWay.inbox(2)).pop() == nil)
    for id: UInt32 in [1, 2] {
      underWay.release(id)
      #expect(!hasEnded.withLock { $0 })
      underWay.threadHasEnded()
    }
    try end.end()
  }

  @Test("Behind a frame that was cut off nothing is sent that would be taken for the rest of it")
  func cutOff() throws {
    let (reading, writing) = try LoopChannel.makePipe()
    defer { for number in [reading, writing] { close(number) } }
    for number in [reading, writing] { _ = fcntl(number, F_SETFL, O_NONBLOCK) }
    let cancellation = try Cancellation()
    cancellation.cancel()
    let output = ServeOutput(writing, cancellation)
    func received() -> Int {
      var buffer = [UInt8](repeating: 0, count: 1 << 16)
      var sum = 0
      while true {
        let count = read(reading, &buffer, buffer.count)
        guard count > 0 else { return sum }
        sum += count
      }
    }
    output.send(Frame(66, id: 1, [1, 2, 3]))
    #expect(received() == Frame.overhead + 3)
    let size = 8 << 20
    output.send(Frame(69, id: 1, [UInt8](repeating: 1, count: size)))
    #expect((1..<size).contains(received()))
    output.send(Frame(66, id: 1, [1, 2, 3]))
    #expect(received() == 0)
  }

  @Test("Room that is taken for what is being put stays taken, however often the rest is counted")
  func quota() throws {
    let store = LocalDirectoryStore(root: scratch.path)
    let quota = ServeQuota(100, store)
    let cancellation = try Cancellation()
    #expect(try quota.take(60, cancellation))
    // Half of it is there, under the name that this process gives it.
    let name = TemporaryName(store.identity, random: 1).text
    try put("packs/\(name)", [UInt8](repeating: 1, count: 30))
    #expect(try !quota.take(50, cancellation))
    #expect(try quota.take(40, cancellation))
    #expect(try !quota.take(1, cancellation))
    quota.settle(40, isStored: false)
    try FileManager.default.removeItem(atPath: "\(scratch.path)/packs/\(name)")
    try put("packs/a", [UInt8](repeating: 1, count: 60))
    quota.settle(60, isStored: true)
    #expect(try !quota.take(41, cancellation))
    // What others have left or are at counts.
    try put("packs/.tmp-0-1-0-0123456789abcdef", [UInt8](repeating: 1, count: 15))
    #expect(try !quota.take(41, cancellation))
    #expect(try !quota.take(26, cancellation))
    #expect(try quota.take(25, cancellation))
    quota.settle(25, isStored: false)
    #expect(try !quota.take(.max, cancellation))
    try FileManager.default.removeItem(atPath: "\(scratch.path)/packs/a")
    #expect(try quota.take(85, cancellation))
  }
}
