import CofferSystem
import Glibc
import Synchronization
import Testing

@testable import CofferRepository

@Suite("What is made of a part of a log")
struct CompressedLogPartTests {
  private struct Unreadable: Error {}

  private static func part(_ size: Int) throws -> LogPart {
    try #require(
      LogPart(
        .segment, at: LogGround.place(1), title: "", origin: LogOrigin(LogGround.server, hostname: "", name: ""),
        size: size))
  }

  /// Half of it does not compress.
  private static func content(_ size: Int) -> [UInt8] {
    var state: UInt32 = 1
    return (0..<size).map { position in
      state = state &* 1_664_525 &+ 1_013_904_223
      return position / 1_000_000 % 2 == 0 ? UInt8(state >> 24) : UInt8(position % 251)
    }
  }

  @Test(
    "Read from anywhere by several threads, a part becomes what it becomes from its first byte to its last",
    arguments: [1, 5000, 1 << 20, (1 << 20) + 1, 5 << 20], [0, 1, 2, 8])
  func reading(_ size: Int, _ workers: Int) throws {
    let (part, bytes) = (try Self.part(size), Self.content(size))
    let expected = try LogPartCompressor(level: 3, of: part.content, workers: 1).compress(size: size) {
      try LogGround.give(bytes, to: $0)
    }
    let asked = Mutex<[Int: Int]>([:])
    let content = try CompressingLogPart(part, compressionLevel: 3, workers: workers) { start, room in
      bytes[start..<start + room.count].withUnsafeBytes { room.copyMemory(from: $0) }
      asked.withLock { $0[start] = room.count }
    }.whole()
    #expect(content.hash == expected.hash && content.size == size)
    #expect(content.blocks.map(\.bytes) == expected.blocks.map(\.bytes))
    #expect(content.blocks.map(\.isCompressed) == expected.blocks.map(\.isCompressed))
    #expect(content.blocks.map(\.hash) == expected.blocks.map(\.hash))
    let starts = Array(stride(from: 0, to: size, by: 1 << 20))
    #expect(asked.withLock { $0 } == Dictionary(uniqueKeysWithValues: starts.map { ($0, min(size - $0, 1 << 20)) }))
  }

  @Test("What cannot be read is told, and nothing comes of the rest", arguments: [0, 1, 2])
  func failure(_ workers: Int) throws {
    let part = try Self.part(5 << 20)
    #expect(throws: Unreadable.self) {
      try CompressingLogPart(part, compressionLevel: 3, workers: workers) { start, room in
        guard start < 3 << 20 else { throw Unreadable() }
        room.initializeMemory(as: UInt8.self, repeating: 0)
      }.whole()
    }
  }

  @Test("A block is given out before those behind it are read", arguments: [1, 2])
  func oneByOne(_ workers: Int) throws {
    let given = Monitor(0)
    let content = CompressingLogPart(try Self.part(5 << 20), compressionLevel: 3, workers: workers) { start, room in
      given.wait(until: { $0 >= start >> 20 - 1 }) { _ in }
      room.initializeMemory(as: UInt8.self, repeating: UInt8(start >> 20))
    }
    for number in 0..<5 {
      #expect(try content.block(number).isCompressed)
      given.update { $0 = number + 1 }
    }
    #expect(try content.whole().blocks.count == 5)
  }

  @Test("Its threads are there when it is begun, and whoever gets none or some of them has the work done all the same")
  func threads() throws {
    let (part, bytes) = (try Self.part(5 << 20), Self.content(5 << 20))
    let read: CompressingLogPart.Reading = { start, room in
      bytes[start..<start + room.count].withUnsafeBytes { room.copyMemory(from: $0) }
    }
    let expected = try CompressingLogPart(part, compressionLevel: 3, workers: 0, reading: read).whole()
    for available in 0...3 {
      var started = 0
      let content = CompressingLogPart(part, compressionLevel: 3, workers: 3, reading: read) {
        body throws(SystemError) in
        guard started < available else { throw SystemError(call: "pthread_create", subject: "thread", code: EAGAIN) }
        started += 1
        return try WorkerThread(name: "log", body)
      }
      #expect(started == available)
      #expect(try content.whole().hash == expected.hash)
      #expect(try content.whole().blocks.map(\.bytes) == expected.blocks.map(\.bytes))
    }
  }

  @Test("What is stopped reads no further, and nothing comes of it")
  func stopping() throws {
    let (read, isStopped) = (Monitor(0), Monitor(false))
    let content = CompressingLogPart(try Self.part(5 << 20), compressionLevel: 3, workers: 1) { _, room in
      read.update { $0 += 1 }
      isStopped.wait(until: { $0 }) { _ in }
      room.initializeMemory(as: UInt8.self, repeating: 0)
    }
    read.wait(until: { $0 == 1 }) { _ in }
    let stopper = try WorkerThread(name: "stop") { content.stop() }
    #expect(throws: RunCancelled.self) { try content.block(0) }
    isStopped.update { $0 = true }
    stopper.join()
    #expect(read.update { $0 } == 1)
    #expect(throws: RunCancelled.self) { try content.whole() }
  }
}
