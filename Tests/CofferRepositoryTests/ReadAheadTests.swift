import CofferStorage
import CofferSystem
import Foundation
import Synchronization
import Testing

@testable import CofferRepository

@Suite("Reading ahead")
struct ReadAheadTests {
  private func open(_ store: any ObjectStore) throws -> Repository {
    try Repository.open(in: store, passphrase: TestRepository.passphrase, surroundings: TestRepository.surroundings)
  }

  /// An edited copy of a stream of some megabytes: its archive consists of full blocks and of delta blocks on them.
  private func editedStream() throws -> (repository: TestRepository, archive: Archive, bytes: [UInt8]) {
    let repository = try TestRepository()
    var bytes = dumpLikeBytes(6_000_000)
    try repository.backUp(["dump": bytes], name: "first")
    for position in stride(from: 50_000, to: bytes.count, by: 200_000) {
      bytes.replaceSubrange(position..<position + 20, with: Array("changed on that day!".utf8))
    }
    let archive = try repository.backUp(["dump": bytes], name: "second", with: try repository.reopened())
    return (repository, archive, bytes)
  }

  private func stream(of archive: Archive, in reader: ArchiveReader) throws -> StreamReference {
    let item = try #require(try reader.items(of: archive, cancellation: try Cancellation()).first)
    guard case .file(let stream) = item.content else { throw RunCancelled() }
    return stream
  }

  @Test("A stream of full and delta blocks comes in order, and each block is read once")
  func once() throws {
    let (repository, archive, bytes) = try editedStream()
    let store = RecordingStore(repository.store)
    let reader = try open(store).reader()
    let sink = MemorySink()
    try reader.read(try stream(of: archive, in: reader), into: sink, cancellation: try Cancellation())
    #expect(sink.bytes == bytes)
    let repeated = store.counts.filter { $0.key.hasPrefix("packs/") && $0.value > 1 }
    #expect(repeated.isEmpty, "\(repeated)")
    #expect(store.counts.count > 20)
  }

  @Test("No more than so many blocks are under way, however slowly they are taken")
  func bounded() throws {
    let repository = try TestRepository(packTarget: 64 << 20)
    let archive = try repository.backUp(["noise": try RandomSource.system.bytes(40 << 20)])
    final class SlowSink: ByteSink {
      private let store: RecordingStore
      private(set) var most = 0
      private var first: Int?

      init(_ store: RecordingStore) {
        self.store = store
      }

      func write(_ bytes: UnsafeRawBufferPointer) {
        guard first == nil else { return }
        usleep(300_000)
        first = store.counts.count
        most = store.counts.count
      }
    }
    let store = RecordingStore(repository.store)
    let reader = try open(store).reader()
    let reference = try stream(of: archive, in: reader)
    let before = store.counts.count
    let sink = SlowSink(store)
    try reader.read(reference, into: sink, cancellation: try Cancellation())
    // And a pack's head, tail and directory.
    #expect(sink.most - before <= ReadWindow.blockLimit + WriteBehind.capacity + 3)
    #expect(store.counts.count - before >= 80)
  }

  /// A block that is in memory as long as somebody holds it.
  private struct Held {
    weak var block: PlainBlock?
  }

  @Test("A block that comes again later keeps none of those in memory that were asked for with it")
  func repeated() throws {
    let repository = try TestRepository(packTarget: 64 << 20)
    try repository.backUp(["noise": RandomSource.system.bytes(10 << 20)])
    let context = try repository.reopened().context
    let pack = try #require(
      try IndexLoader(context: context).existingPacks().keys.map { try PackReader($0, context: context) }
        .max { $0.size < $1.size })
    try #require(pack.directory.blocks.count > 16)
    let cache = ReadCache(blockCount: 1)
    let fetcher = try BlockFetcher(workers: 1, inFlight: 4) {
      try BlockReader(context: context, cache: cache, for: .chunks)
    }
    var window = ReadWindow(fetcher, try BlockReader(context: context, cache: cache, for: .chunks))
    var held: [Held] = []
    func take(_ stretch: ReadWindow.Stretch, _ block: Result<PlainBlock, any Error>) throws {
      held.append(Held(block: try block.get()))
    }
    func append(_ number: Int) throws {
      let id = pack.directory.chunks[pack.directory.blocks[number].chunks.lowerBound].id
      try window.append(
        RecipeReader.Entry(id: id, size: 1), in: BlockPlace(pack: pack.digest, block: number), whenReady: take)
    }
    for number in Array(0..<16) + [0] { try append(number) }
    try window.drain { stretch, block in
      if held.count == 16 {
        // The thread has let go of the others when this is there.
        _ = try fetcher.fetch([BlockPlace(pack: pack.digest, block: 16)])[0].block()
        #expect(held[0].block != nil && held.count { $0.block != nil } <= 2, "\(held.map { $0.block != nil })")
      }
      try take(stretch, block)
    }
    #expect(held.count == 17)
  }

  @Test("Pieces that each keep a large block in memory wait for few others", .timeLimit(.minutes(5)))
  func largeBlocks() throws {
    final class CountingSink: ByteSink {
      let count = Monitor(0)

      func write(_ bytes: UnsafeRawBufferPointer) { count.update { $0 += 1 } }
    }
    func block(_ size: Int) -> PlainBlock { PlainBlock(.data, bytes: [UInt8](repeating: 1, count: size)) }
    let sink = CountingSink()
    let writer = try WriteBehind(sink, hasThread: true, times: nil)
    for _ in 0..<2 { try writer.write(0..<10, of: block(BlockFiller.target)) }
    // Nothing more is given.
    sink.count.wait(until: { $0 == 2 }) { _ in }
    for _ in 0..<15 { try writer.write(0..<10, of: block(1000)) }
    #expect(sink.count.update { $0 } == 2)
    try writer.finish()
    #expect(sink.count.update { $0 } == 17)
  }

  @Test("Pieces of two blocks in turns are written with one call, in their order", .timeLimit(.minutes(5)))
  func inTurns() throws {
    final class GatheringSink: ByteSink {
      let calls = Monitor<[[UInt8]]>([])

      func write(_ bytes: UnsafeRawBufferPointer) { calls.update { $0.append(Array(bytes)) } }
      func write(pieces: [UnsafeRawBufferPointer]) {
        calls.update { $0.append(pieces.reduce(into: [UInt8]()) { $0 += Array($1) }) }
      }
    }
    let full = PlainBlock(.data, bytes: (0..<BlockFiller.target).map { UInt8(truncatingIfNeeded: $0 / 1000) })
    let edits = PlainBlock(.data, bytes: [UInt8](200..<240))
    let sink = GatheringSink()
    let writer = try WriteBehind(sink, hasThread: true, times: nil)
    var expected: [UInt8] = []
    for number in 0..<20 {
      let row: Range<Int> = number * 1000..<number * 1000 + 900
      let edit: Range<Int> = number * 2..<number * 2 + 2
      try writer.write(row, of: full)
      try writer.write(edit, of: edits)
      expected += full.bytes[row]
      expected += edits.bytes[edit]
    }
    try writer.finish()
    #expect(sink.calls.update { $0 } == [expected])
  }

  @Test("A reader that is stopped in the middle ends, and can read again")
  func stopped() throws {
    struct Enough: Error {}
    final class ShortSink: ByteSink {
      private var left = 1_000_000

      func write(_ bytes: UnsafeRawBufferPointer) throws {
        left -= bytes.count
        if left < 0 { throw Enough() }
      }
    }
    let (repository, archive, bytes) = try editedStream()
    let reader = try open(repository.store).reader()
    let reference = try stream(of: archive, in: reader)
    #expect(throws: Enough.self) { try reader.read(reference, into: ShortSink(), cancellation: try Cancellation()) }
    let cancellation = try Cancellation()
    cancellation.cancel()
    #expect(throws: RunCancelled.self) { try reader.read(reference, into: ShortSink(), cancellation: cancellation) }
    let sink = MemorySink()
    try reader.read(reference, into: sink, cancellation: try Cancellation())
    #expect(sink.bytes == bytes)
  }

  @Test("A shared value is made once, however many ask for it at the same time; one that fails is made anew")
  func sharedCache() throws {
    struct Failed: Error {}
    let cache = SharedCache<Int, Int>(capacity: 2)
    let made = Mutex(0)
    let threads = try (0..<4).map { _ in
      try WorkerThread(name: "ask") {
        let value = try? cache.value(of: 1) {
          usleep(50_000)
          return made.withLock {
            $0 += 1; return 7
          }
        }
        #expect(value == 7)
      }
    }
    for thread in threads { thread.join() }
    #expect(made.withLock { $0 } == 1)
    #expect(throws: Failed.self) { try cache.value(of: 2) { throw Failed() } }
    #expect(try cache.value(of: 2) { 8 } == 8)
    _ = try cache.value(of: 3) { 9 }
    // The one used longest ago made room.
    #expect(try cache.value(of: 1) { 10 } == 10)
    #expect(try cache.value(of: 3) { 0 } == 9)
  }
}
