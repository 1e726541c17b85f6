import CofferStorage
import CofferSystem
import TestSupport
import Testing

@testable import CofferRepository

@Suite("Parts of a stream")
struct StreamRangeTests {
  private static func noise(_ count: Int) -> [UInt8] {
    var random = SeededRandom(11)
    return random.bytes(count)
  }

  private func stream(of archive: Archive, _ reader: ArchiveReader) throws -> StreamReference {
    let items = try reader.items(of: archive, cancellation: try Cancellation())
    guard case .file(let stream)? = items.first?.content else { throw RunCancelled() }
    return stream
  }

  private func read(_ range: Range<UInt64>, of stream: StreamReference, _ reader: ArchiveReader) throws -> [UInt8] {
    let sink = MemorySink()
    try reader.read(range, of: stream, into: sink, cancellation: try Cancellation())
    return sink.bytes
  }

  @Test("Whatever part of a stream is read, it is what the whole has in its place")
  func parts() throws {
    let content = Self.noise(1 << 20)
    let ground = try TestRepository()
    let archive = try ground.backUp(["a": content])
    let reader = try ground.reopened().reader()
    let stream = try stream(of: archive, reader)
    var random = SeededRandom(5)
    var ranges: [Range<Int>] = [0..<0, 0..<1, 0..<content.count, content.count - 1..<content.count, 77..<77]
    for _ in 0..<20 {
      let start = Int.random(in: 0..<content.count, using: &random)
      ranges.append(start..<Int.random(in: start...content.count, using: &random))
    }
    for range in ranges {
      let found = try read(UInt64(range.lowerBound)..<UInt64(range.upperBound), of: stream, reader)
      #expect(found.elementsEqual(content[range]), "\(range)")
    }
    #expect(throws: RepositoryError.self) { try read(5..<UInt64(content.count) + 1, of: stream, reader) }
  }

  @Test("A part is read with at most a twentieth more than what it takes alone, and a block at either end")
  func frugal() throws {
    let content = Self.noise(28 << 20)
    let ground = try TestRepository(packTarget: 8 << 20)
    let archive = try ground.backUp(["a": content])
    let store = CountingStore(ground.store)
    let reader = try Repository.open(
      in: store, passphrase: TestRepository.passphrase, surroundings: TestRepository.surroundings
    ).reader()
    let stream = try stream(of: archive, reader)
    let wanted: Range<UInt64> = 3_000_000..<25_000_000
    let before = store.use.received
    let found = try read(wanted, of: stream, reader)
    #expect(found.elementsEqual(content[3_000_000..<25_000_000]))
    let received = store.use.received - before
    let alone = try TestRepository(packTarget: 8 << 20)
    try alone.backUp(["a": found])
    let stored = try alone.store.list("").reduce(0) { $0 + $1.size }
    // A block has 512 KiB at most.
    #expect(received < stored * 105 / 100 + 2 * (512 << 10), "\(received) of \(stored)")
  }

  @Test(
    "Of a pack, nothing is read for a part but its header, its trailer, its directory and the blocks that hold the part, each once",
    arguments: [1, 100_000, 700_000, 3_000_000, 12_000_000])
  func exactly(count: Int) throws {
    let content = Self.noise(18 << 20)
    let ground = try TestRepository(packTarget: 4 << 20)
    let archive = try ground.backUp(["a": content])
    let store = WatchedStore(ground.store)
    let reader = try Repository.open(
      in: store, passphrase: TestRepository.passphrase, surroundings: TestRepository.surroundings
    ).reader()
    let stream = try stream(of: archive, reader)
    store.forget()
    let start = 2_500_000
    let found = try read(UInt64(start)..<UInt64(start + count), of: stream, reader)
    #expect(found.elementsEqual(content[start..<start + count]))
    let context = try ground.reopened().context
    var plain = 0
    for (path, calls) in Dictionary(grouping: store.calls, by: \.name) {
      #expect(calls.allSatisfy { [.get, .status].contains($0.request) }, "\(calls)")
      let pack = try PackReader(
        try #require(ObjectName(path).flatMap { PackFolder.digest(of: $0) }), context: context)
      let blocks = pack.directory.blocks
      let end = blocks.map { $0.offset + $0.storedLength }.max() ?? PackHeader.size
      var whole = [PackHeader.size, PackTrailer.size, pack.size - PackTrailer.size - end]
      var sizes = Dictionary(grouping: blocks, by: \.storedLength)
      for size in calls.filter({ $0.request == .get }).map(\.size) {
        if let known = whole.firstIndex(of: size) {
          whole.remove(at: known)
        } else {
          let last = sizes[size]?.popLast()
          let block = try #require(last, "\(size) of \(path)")
          if pack.header.kind == .data { plain += block.plainLength }
        }
      }
    }
    // One block more at either end than the part fills.
    #expect(plain >= count && plain < count + 2 * BlockFiller.target, "\(plain)")
  }

  @Test("A part of what is far and lies scattered is read with a twentieth more at most")
  func scattered() {
    var directory = PackDirectory()
    for _ in 0..<200 {
      directory.append(storedLength: 25_000, plainLength: 25_000, coding: .stored, prefix: [], chunks: [])
    }
    let blocks = directory.blocks
    func stretches(_ numbers: [Int]) -> [ClosedRange<Int>] {
      BlockSupply.stretches(numbers, blocks, isSparing: true).map(\.blocks)
    }
    #expect(stretches([3, 5]) == [3...3, 5...5])
    #expect(stretches(Array(0..<20) + [21, 22]) == [0...22])
    #expect(stretches(Array(0..<20) + [21, 22, 24]) == [0...22, 24...24])
    let numbers = (0..<200).filter { $0 % 30 != 7 }
    let found = BlockSupply.stretches(numbers, blocks, isSparing: true)
    #expect(found.reduce(0) { $0 + $1.bytes.count } * 100 <= numbers.count * 25_000 * 105)
    #expect(numbers.allSatisfy { number in found.contains { $0.blocks.contains(number) } })
  }

  @Test("A part of a stream that is damaged elsewhere is read, and a damaged one is not")
  func damaged() throws {
    let content = Self.noise(3 << 20)
    let ground = try FolderRepository()
    defer { ground.remove() }
    let archive = try ground.backUp(["a": content], name: "a")
    let stream = try stream(of: archive, ground.opened().reader())
    let packs = try ground.store.list("packs").filter { $0.size > 1 << 16 }.map(\.name)
    #expect(packs.count > 4)
    var isRead = 0
    for pack in packs {
      let damaged = try ground.copied()
      defer { damaged.remove() }
      try damaged.store.delete(pack)
      let reader = try damaged.opened().reader()
      if (try? read(0..<1000, of: stream, reader))?.elementsEqual(content[..<1000]) == true { isRead += 1 }
      #expect(throws: (any Error).self) { try read(0..<stream.size, of: stream, reader) }
    }
    // All but the one that holds the beginning.
    #expect(isRead == packs.count - 1)
  }
}
