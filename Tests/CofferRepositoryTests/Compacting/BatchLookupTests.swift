import CofferSystem
import Testing

@testable import CofferRepository

@Suite("Looking many chunks up at once")
struct BatchLookupTests {
  private func id(_ number: Int) -> ChunkID {
    let word = UInt64(number) &* 0x9e37_79b9_7f4a_7c15
    return withUnsafeBytes(of: (word, ~word)) { ChunkID($0) }
  }

  private func pack(_ number: Int, _ chunks: [Int]) throws -> IndexedPack {
    IndexedPack(
      digest: try [UInt8(number)].withUnsafeBytes { try ContentHasher.hash($0) }, kind: .data, size: 1, plainSize: 1,
      entries: chunks.map { .init(id: id($0), length: $0 + 1, block: 0) }, bases: [])
  }

  private func run(_ packs: [[Int]]) throws -> IndexRun {
    let owner = KeyID([UInt8](repeating: 1, count: KeyID.size))
    let packs = try packs.enumerated().map { try pack($0, $1) }
    return try #require(try IndexCache.inMemory().make(of: packs, signer: owner, sources: [])).run
  }

  @Test("Every copy of every id is found, whatever the order, and nothing else")
  func copies() throws {
    let run = try run([Array(0..<500), Array(250..<900), [3, 3, 3]])
    let ids = (0..<1200).map { id($0 * 7 % 1200) }
    var found = [[Int]](repeating: [], count: ids.count)
    try BatchLookup(run).forEachCopy(of: ids) { found[$0].append($1) }
    for (index, numbers) in found.enumerated() {
      #expect(Set(numbers) == Set(run.numbers(of: ids[index])), "\(index)")
      #expect(numbers.allSatisfy { run.id($0) == ids[index] })
    }
    let total = found.reduce(0) { $0 + $1.count }
    #expect(total == 1153)
  }

  @Test("Marks are the same in order and out of order, and what is nowhere is missed")
  func marks() throws {
    let runs = [try run([Array(0..<3000)]), try run([Array(2000..<6000)])]
    let inOrder = LiveMarks(runs)
    for number in 0..<6000 { try inOrder.need(id(number)) }
    try inOrder.settle()
    let shuffled = LiveMarks(runs)
    for number in 0..<6000 { try shuffled.need(id(number * 4507 % 6000)) }
    try shuffled.settle()
    for marks in [inOrder, shuffled] {
      for number in 0..<6000 {
        #expect(runs.slots(of: id(number)).contains(where: marks.isNeeded), "\(number)")
      }
    }
    #expect(inOrder.takeMissing() == nil)
    try inOrder.need(id(6001))
    try inOrder.need(id(6002))
    try inOrder.settle()
    #expect(inOrder.takeMissing() == id(6001))
    #expect(inOrder.takeMissing() == nil)
  }

  @Test("A node that was named as data is still to be walked")
  func nodes() throws {
    let marks = LiveMarks([try run([[1, 2, 3]])])
    try marks.need(id(2))
    try marks.settle()
    #expect(try marks.enter(id(2)))
    #expect(try !marks.enter(id(2)))
    marks.leave(id(2))
    #expect(try marks.enter(id(2)))
    #expect(marks.takeMissing() == nil)
    #expect(try !marks.enter(id(9)))
    #expect(marks.takeMissing() == id(9))
  }

  @Test("A copy in a pack that is not to be leaned on is marked only when there is no other")
  func doubtful() throws {
    let all = try run([[1, 2], [2, 3]]).avoiding([0])
    let marks = LiveMarks([all])
    for number in [1, 2, 3] { try marks.need(id(number)) }
    try marks.settle()
    let marked = (0..<4).filter { marks.isNeeded(IndexSlot(run: 0, number: $0)) }
    #expect(marked == [0, 2, 3])
  }
}
