import CofferSystem
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import CofferStorage

@Suite("Frames, and connections that carry them")
struct FrameTests {
  @Test("Frames are cut out of what arrives, however it is split")
  func split() throws {
    let frames = [
      Frame(1, id: 7), Frame(255, id: .max, [1, 2, 3]), Frame(0, id: 0, [UInt8](repeating: 9, count: 100)),
    ]
    #expect(frames[1].encoded() == [0, 0, 0, 8, 255, 255, 255, 255, 255, 1, 2, 3])
    #expect([4, 5].withUnsafeBytes { Frame(2, id: 1, [3]).encoded(body: $0) }.count == 9 + 1 + 16)
    let bytes = frames.flatMap { $0.encoded() }
    for size in 1...bytes.count {
      var parser = FrameParser(limit: 100)
      var found: [Frame] = []
      for start in stride(from: 0, to: bytes.count, by: size) {
        Array(bytes[start..<min(start + size, bytes.count)]).withUnsafeBytes { parser.add($0) }
        while let frame = try parser.next() { found.append(frame) }
      }
      #expect(found == frames && !parser.isInside)
    }
  }

  @Test("A length that no frame has is told as soon as it is there", arguments: [0, 4, 106, UInt32.max])
  func lengths(_ length: UInt32) throws {
    var parser = FrameParser(limit: 100)
    withUnsafeBytes(of: length.bigEndian) { parser.add($0) }
    let error = #expect(throws: FrameParser.Malformed.self) { _ = try parser.next() }
    #expect(error?.length == length && error?.beginning.count == 4)
  }

  private static let rules = FrameConnection.Rules(
    meaning: { _, _ in StorageFailure(.transient, "connection", reason: "it ended") },
    nonsense: { _, _ in StorageFailure(.permanent, "connection", reason: "no frame") })

  /// What is at the other end answers every frame with its own payload, last ones first.
  private static func connection(
    reversing count: Int, _ limits: FrameConnection.Limits = FrameConnection.Limits(payload: 1 << 20)
  ) throws -> FrameConnection {
    let channel = try LoopChannel { input, output in
      var parser = FrameParser(limit: 1 << 20)
      var waiting: [Frame] = []
      var buffer = [UInt8](repeating: 0, count: 1 << 16)
      while true {
        let got = read(input, &buffer, buffer.count)
        guard got > 0 else { return }
        buffer.withUnsafeBytes { parser.add(UnsafeRawBufferPointer(rebasing: $0[..<got])) }
        while let frame = try? parser.next() { waiting.append(frame) }
        guard waiting.count >= count else { continue }
        while let frame = waiting.popLast() {
          let bytes = frame.encoded()
          _ = bytes.withUnsafeBytes { write(output, $0.baseAddress, $0.count) }
        }
      }
    }
    return try FrameConnection(channel, greeting: nil, limits: limits, rules: rules, clock: .system)
  }

  @Test("Answers reach whoever asked, in whatever order they come")
  func order() throws {
    let connection = try Self.connection(reversing: 12)
    defer { connection.close() }
    let wrong = Mutex(0)
    let threads = try (0..<12).map { number in
      try TestThread("ask") {
        let answer = try? connection.ask(UInt8(number), [UInt8](repeating: UInt8(number), count: number), nil)
        if answer?.payload != [UInt8](repeating: UInt8(number), count: number) { wrong.withLock { $0 += 1 } }
      }
    }
    for thread in threads { try thread.end() }
    #expect(wrong.withLock { $0 } == 0)
  }

  @Test("Who wants one request more than there may be waits until one has ended, or is cancelled")
  func many() throws {
    var limits = FrameConnection.Limits(payload: 1 << 20)
    limits.exchanges = 2
    let connection = try Self.connection(reversing: 1, limits)
    defer { connection.close() }
    let held = try connection.exchange(nil)
    var second: Exchange? = try connection.exchange(nil)
    #expect(second?.id != held.id)
    let cancellation = try Cancellation()
    let canceller = try TestThread("cancel") {
      Thread.sleep(forTimeInterval: 0.02)
      cancellation.cancel()
    }
    #expect(throws: RemoteError.cancelled) { try connection.exchange(cancellation) }
    try canceller.end()
    // One that is given up counts until its answer has come.
    try second?.send(1, [], nil)
    second = nil
    let third = try connection.exchange(nil)
    try third.send(3, [5], nil)
    #expect(try third.next(nil).payload == [5])
  }

  @Test("A request that was given up before any of it was sent leaves room for others")
  func unsent() throws {
    var limits = FrameConnection.Limits(payload: 1 << 20)
    limits.exchanges = 1
    let connection = try Self.connection(reversing: 1, limits)
    defer { connection.close() }
    let cancellation = try Cancellation()
    cancellation.cancel()
    for _ in 0..<3 {
      let exchange = try connection.exchange(nil)
      #expect(throws: RemoteError.cancelled) { try exchange.send(1, [2], cancellation) }
      exchange.sendAtOnce(3)
    }
    #expect(connection.state.withLock { $0.exchanges.isEmpty })
    #expect(try connection.ask(1, [7], nil).payload == [7])
  }

  @Test("A closed connection fails what waits on it, and everything after it")
  func closed() throws {
    let connection = try Self.connection(reversing: 100)
    let exchange = try connection.exchange(nil)
    try exchange.send(1, [], nil)
    let closer = try TestThread("close") {
      Thread.sleep(forTimeInterval: 0.02)
      connection.close()
    }
    let error = #expect(throws: RemoteError.self) { try exchange.next(nil) }
    try closer.end()
    #expect(error == .broken(StorageFailure(.transient, "request", reason: "the connection was closed")))
    #expect(throws: RemoteError.self) { try connection.ask(1, [], nil) }
  }
}
