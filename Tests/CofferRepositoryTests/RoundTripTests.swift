import CofferSystem
import Testing

@testable import CofferRepository

@Suite("Round trips")
struct RoundTripTests {
  @Test("Streams of every size around the chunk and piece limits come back as they were")
  func sizes() throws {
    let repository = try TestRepository()
    var files: [String: [UInt8]] = [:]
    for size in [0, 1, 2047, 2048, 2049, 65_535, 65_536, 65_537, 1 << 20, (1 << 20) + 1, 3_000_000] {
      files["noise-\(size)"] = noise(size, seed: UInt64(size) + 7)
      files["dump-\(size)"] = dumpLikeBytes(size, seed: UInt64(size) + 9)
    }
    let archive = try repository.backUp(files)
    #expect(try repository.contents(of: archive) == files)
  }

  @Test("A second backup of the same data stores next to nothing")
  func deduplication() throws {
    let repository = try TestRepository()
    let data = ["dump": dumpLikeBytes(4_000_000)]
    let first = try repository.backUp(data, name: "first")
    let second = try repository.backUp(data, name: "second", with: try repository.reopened())
    #expect(first.statistics.newSize >= 3_900_000)
    #expect(second.statistics.newSize < 1000)
    #expect(second.statistics.storedSize < 8000)
    #expect(try repository.contents(of: second) == data)
  }

  @Test("What a stream that broke off had stored is whole when a later stream of the session leans on it")
  func brokenStream() throws {
    struct Broken: Error {}
    final class BreakingSource: ByteSource {
      private let source: MemorySource
      private var left: Int

      init(_ bytes: [UInt8], after count: Int) {
        source = MemorySource(bytes)
        left = count
      }

      func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        guard left > 0 else { throw Broken() }
        let count = source.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(buffer.count, left)]))
        left -= count
        return count
      }
    }
    let repository = try TestRepository()
    let data = dumpLikeBytes(700_000)
    let session = try repository.repository.beginSession(cancellation: try Cancellation())
    #expect(throws: Broken.self) { try session.store(BreakingSource(data, after: 400_000)) }
    session.add(.file("dump", try session.store(MemorySource(data))))
    let archive = try session.commit(.named("retried"))
    #expect(try repository.contents(of: archive) == ["dump": data])
    #expect(try repository.reopened().check(.content, cancellation: try Cancellation()).findings.isEmpty)
  }

  @Test("Pages of an index take less space when they are known to be some, and come back")
  func pages() throws {
    let pages = (0..<100).flatMap { Self.indexPage($0) }
    func stored(of content: BlockContent, level: Int) throws -> UInt64 {
      let repository = try TestRepository()
      let session = try repository.repository.beginSession(
        options: SessionOptions(compressionLevel: level), cancellation: try Cancellation())
      session.add(.file("pages", try session.store(MemorySource(pages), of: content)))
      // Of the same session and no pages any more.
      session.add(.file("text", try session.store(MemorySource(dumpLikeBytes(100_000)))))
      let archive = try session.commit(.named("pages"))
      #expect(try repository.contents(of: archive) == ["pages": pages, "text": dumpLikeBytes(100_000)])
      return archive.statistics.storedSize
    }
    #expect(try stored(of: .pages, level: 3) * 10 < stored(of: .any, level: 3) * 9)
  }

  /// A page as PostgreSQL's B-trees have them: rows of a place in a table and a number.
  private static func indexPage(_ page: Int) -> [UInt8] {
    let rows = (0..<510).flatMap { row in
      let number = page * 510 + row
      let words = [UInt32(number / 61 << 16), UInt32(1 << 20 | number % 61 + 1), UInt32(number + 1), 0]
      return words.flatMap { word in withUnsafeBytes(of: word.littleEndian) { Array($0) } }
    }
    return [UInt8](repeating: UInt8(page), count: 32) + rows
  }

  @Test("A constant stream, all chunks alike, comes back")
  func constantStream() throws {
    let repository = try TestRepository()
    let data = ["zeros": [UInt8](repeating: 0, count: 5_000_000)]
    let archive = try repository.backUp(data)
    #expect(archive.statistics.newSize < 200_000)
    #expect(try repository.contents(of: archive) == data)
  }

  @Test("Items come back in order with everything they had")
  func items() throws {
    let repository = try TestRepository()
    let session = try repository.repository.beginSession(cancellation: try Cancellation())
    let stream = try session.store(MemorySource(Array("content".utf8)))
    let dump: [UInt8] = [0x7b, 0x00, 0xff, 0x7d]
    let items = [
      ArchiveItem(path: ItemPath("folder"), content: .directory, mode: 0o755, modified: -1),
      ArchiveItem(
        path: ItemPath(bytes: [0x66, 0xff, 0x2f, 0x67]), content: .file(stream), mode: 0o4755, userID: 7,
        groupID: UInt32.max, user: "u", group: "g", modified: 1_800_000_000_123_456_789, dump: dump),
      ArchiveItem(
        path: ItemPath("link"), content: .symbolicLink(target: ItemPath("../else")), mode: 0o777, modified: 0),
    ]
    for item in items { session.add(item) }
    let archive = try session.commit(.named("items"))
    let reader = try repository.reopened().reader()
    #expect(try reader.items(of: archive, cancellation: try Cancellation()) == items)
    #expect(try repository.reopened().archives() == [archive])
  }

  @Test("Streams stored by several threads at once come back as they were")
  func concurrentStreams() throws {
    let repository = try TestRepository()
    let session = try repository.repository.beginSession(cancellation: try Cancellation())
    let results = Monitor<[Int: Result<StreamReference, any Error>]>([:])
    let threads = try (0..<4).map { number in
      try WorkerThread(name: "test-\(number)") {
        let outcome = Result {
          try session.store(MemorySource(dumpLikeBytes(1_500_000, seed: UInt64(number / 2) + 40)))
        }
        results.update { $0[number] = outcome }
      }
    }
    for thread in threads { thread.join() }
    for (number, result) in results.update({ $0 }) { session.add(.file("\(number)", try result.get())) }
    let contents = try repository.contents(of: try session.commit(.named("threads")))
    #expect(contents.count == 4)
    for (name, bytes) in contents {
      #expect(bytes == dumpLikeBytes(1_500_000, seed: UInt64(Int(name)! / 2) + 40))
    }
  }
}
