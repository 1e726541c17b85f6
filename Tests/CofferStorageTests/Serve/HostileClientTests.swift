import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferStorage

@Suite("A client of coffer serve that is no honest one")
struct HostileClientTests {
  private let scratch: ScratchFolder

  init() throws {
    scratch = try ScratchFolder()
    try FileManager.default.createDirectory(atPath: repository, withIntermediateDirectories: true)
    try Data("secret".utf8).write(to: URL(filePath: "\(scratch.path)/secret"))
  }

  private var repository: String { "\(scratch.path)/r" }

  /// Sends frames behind a hello, and the end; returns what is answered.
  private func answers(
    to frames: [Frame], hello: Bool = true, _ rights: ServeRights = ServeRights()
  ) throws -> [Frame] {
    var bytes = hello ? Frame(1, id: 0, ServeHello(path: repository).encoded()).encoded() : []
    for frame in frames { bytes += frame.encoded() }
    return try answers(toBytes: bytes, rights)
  }

  private func answers(toBytes bytes: [UInt8], _ rights: ServeRights = ServeRights()) throws -> [Frame] {
    let channel = try LoopChannel(LoopChannel.server(rights))
    let feeder = try TestThread("feed") {
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = rest.withUnsafeBytes { write(channel.output, $0.baseAddress, $0.count) }
        if count < 0 && errno == EAGAIN {
          var room = pollfd(fd: channel.output, events: Int16(POLLOUT), revents: 0)
          guard poll(&room, 1, 60_000) > 0 else { break }
          continue
        }
        guard count > 0 else { break }
        rest = rest.dropFirst(count)
      }
      shutdown(channel.output, Int32(SHUT_WR))
    }
    var parser = FrameParser(limit: ServeProtocol.payloadLimit)
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    let reader = PolledReader(channel.input, cancellation: nil)
    reading: while true {
      switch try buffer.withUnsafeMutableBytes({ try reader.read(into: $0, seconds: 60, subject: "server") }) {
      case .bytes(let count): buffer.withUnsafeBytes { parser.add(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
      case .ended: break reading
      case .timedOut:
        Issue.record("the server has not ended")
        break reading
      }
    }
    try feeder.end()
    _ = channel.end()
    var frames: [Frame] = []
    while let frame = try parser.next() { frames.append(frame) }
    return frames
  }

  private func text(_ texts: String..., numbers: [UInt64] = []) -> [UInt8] {
    var writer = PayloadWriter()
    for text in texts { writer.add(text) }
    for number in numbers { writer.add(number) }
    return writer.bytes
  }

  @Test("Names, folders and left-overs that lead out of the repository are refused")
  func names() throws {
    let typed: [(ServeProtocol.Request, [UInt8])] =
      ["../secret", "..", "/etc/passwd", "a/../../secret", ".", "", "a//b", "a\0b", "A", "a/b/c/d", ".tmp-x"]
      .flatMap { path in
        [
          (.get, text(path)), (.status, text(path)), (.delete, text(path)), (.put, text(path, numbers: [1])),
        ]
      }
      + ["..", "../", "packs/..", ".", "/"].map { (.list, text($0, "")) }
      + ["../.tmp-0-1-0-0123456789abcdef", "../secret", "a/../../.tmp-x", "/.tmp-x", "a/b/c/.tmp-x"].map {
        (.remove, text($0))
      }
    try Data([1]).write(to: URL(filePath: "\(scratch.path)/.tmp-0-1-0-0123456789abcdef"))
    for (number, request) in typed.enumerated() {
      let frames = try answers(to: [Frame(request.0.rawValue, id: 5, request.1)])
      let last = try #require(frames.last)
      #expect(last.type == ServeProtocol.Answer.failed.rawValue && last.id == 5, "request \(number)")
    }
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: scratch.path).sorted() == [
        ".tmp-0-1-0-0123456789abcdef", "r", "secret",
      ])
    #expect(try FileManager.default.contentsOfDirectory(atPath: repository).isEmpty)
  }

  @Test("What is no frame, no hello, or a request too many ends the connection, and nothing was done")
  func ended() throws {
    let get = Frame(ServeProtocol.Request.status.rawValue, id: 1, text("a"))
    #expect(try answers(to: [get], hello: false).isEmpty)
    #expect(try answers(toBytes: Array("GET / HTTP/1.1\r\n\r\n".utf8)).isEmpty)
    #expect(try answers(toBytes: [0, 0, 0, 0, 0]).isEmpty)
    #expect(try answers(toBytes: [0xff, 0xff, 0xff, 0xff]).isEmpty)
    #expect(try answers(toBytes: Frame(1, id: 0, [1, 2, 3]).encoded()).isEmpty)
    // A hello in the midst, and one under another id.
    #expect(try answers(to: [Frame(1, id: 0, ServeHello(path: "/").encoded())]).map(\.id) == [0])
    let begun = (1...65).map { Frame(ServeProtocol.Request.put.rawValue, id: $0, text("a\($0)", numbers: [10])) }
    let types = Set(try answers(to: begun).map(\.type))
    #expect(!types.contains(ServeProtocol.Answer.done.rawValue))
    #expect(try FileManager.default.subpathsOfDirectory(atPath: repository).isEmpty)
  }

  @Test("A put of which something is missing, or that is sent more than it said, leaves nothing")
  func puts() throws {
    let put = Frame(ServeProtocol.Request.put.rawValue, id: 9, text("a", numbers: [3]))
    func piece(_ bytes: [UInt8]) -> Frame { Frame(ServeProtocol.Request.piece.rawValue, id: 9, bytes) }
    for rest in [[], [piece([1, 2])], [piece([1, 2, 3, 4])], [piece([])], [piece([1]), piece([1, 2, 3])]] {
      let types = try answers(to: [put] + rest).map(\.type)
      #expect(!types.contains(ServeProtocol.Answer.done.rawValue))
      #expect(try FileManager.default.subpathsOfDirectory(atPath: repository).isEmpty)
    }
    let huge = Frame(ServeProtocol.Request.put.rawValue, id: 9, text("a", numbers: [.max]))
    #expect(try answers(to: [huge]).last?.type == ServeProtocol.Answer.failed.rawValue)
    // Pieces of nothing are left aside, however many.
    let stray = try answers(to: [Frame](repeating: piece([7]), count: 1000) + [put, piece([1, 2]), piece([3])])
    #expect(stray.last?.type == ServeProtocol.Answer.done.rawValue)
    #expect(try LocalDirectoryStore(root: repository).get(try objectName("a"), range: nil) == [1, 2, 3])
  }

  @Test("A list waits for earlier requests only, so none waits for ever")
  func waiting() throws {
    func list(_ id: UInt32, behind earlier: [UInt32]) -> Frame {
      var writer = PayloadWriter(text("", ""))
      for id in earlier { writer.add(id) }
      return Frame(ServeProtocol.Request.list.rawValue, id: id, writer.bytes)
    }
    func piece(_ bytes: [UInt8]) -> Frame { Frame(ServeProtocol.Request.piece.rawValue, id: 1, bytes) }
    let put = Frame(ServeProtocol.Request.put.rawValue, id: 1, text("a", numbers: [3]))
    // By itself, by one another, by what never was.
    let crossed = try answers(to: [list(1, behind: [1, 2]), list(2, behind: [1, 3]), list(4, behind: [77, 0])])
    #expect(Set(crossed.dropFirst().map(\.id)) == [1, 2, 4])
    // Behind a put that never comes to its end.
    let unfinished = try answers(to: [put, list(2, behind: [1]), piece([1])])
    #expect(
      Set(unfinished.dropFirst().map { [$0.type, UInt8($0.id)] }) == [
        [ServeProtocol.Answer.failed.rawValue, 1], [ServeProtocol.Answer.done.rawValue, 2],
      ])
    // More than there can be, and a piece of one.
    for rest in [[UInt8](repeating: 0, count: 4 * 65), [0, 0, 1]] {
      let frame = Frame(ServeProtocol.Request.list.rawValue, id: 2, text("", "") + rest)
      let last = try #require(try answers(to: [frame]).last)
      #expect(last.type == ServeProtocol.Answer.failed.rawValue && last.id == 2)
    }
    let behind = try answers(to: [put, list(2, behind: [1]), piece([1, 2]), piece([3])])
    let page = try #require(behind.first { $0.id == 2 })
    var reader = PayloadReader(page.payload)
    #expect(try ObjectStatus(reading: &reader).name == objectName("a"))
  }

  @Test("A request that a later version has is answered, not obeyed")
  func later() throws {
    let last = try #require(try answers(to: [Frame(50, id: 4, [1])]).last)
    #expect(last.id == 4)
    #expect(try ServeFailure(decoding: last.payload).reason.contains("does not know"))
  }

  @Test("Random frames end, and get nothing out of the repository and nothing into what is beside it")
  func random() throws {
    let secret = Array("secret".utf8)
    try Fuzz.run(.remoteFrames, atLeast: 60) { random in
      let frames = (0..<Int.random(in: 1...12, using: &random)).map { _ in
        let paths = ["a", "../secret", "packs/b", "", "..", "\0", "packs"]
        let payload = random.pick([
          text(random.pick(paths)), text(random.pick(paths), random.pick(paths)),
          text(random.pick(paths), numbers: [random.pick([0, 1, 3, 1 << 39, .max])]), [], [1, 2, 3], [0, 0, 0, 200],
        ])
        return Frame(
          UInt8.random(in: 1...14, using: &random), id: UInt32.random(in: 0...4, using: &random), payload)
      }
      let answers = try answers(to: frames)
      #expect(
        !answers.contains { $0.payload.count >= 6 && String(decoding: $0.payload, as: UTF8.self).contains("secret") })
    }
    #expect(FileManager.default.contents(atPath: "\(scratch.path)/secret") == Data(secret))
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path).sorted() == ["r", "secret"])
  }
}
