import CofferSystem
import Testing

@testable import CofferActions

@Suite("One reading for several readers")
struct StreamFanOutTests {
  private struct Broken: Error, Equatable {}

  private final class Numbers: ByteSource {
    private var next: UInt8 = 0
    private var left: Int
    private let breaksOff: Bool
    private(set) var readCount = 0

    init(_ count: Int, breaksOff: Bool = false) {
      left = count
      self.breaksOff = breaksOff
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
      guard left > 0 else {
        if breaksOff { throw Broken() }
        return 0
      }
      let count = min(left, buffer.count, 70_001)
      for position in 0..<count {
        buffer[position] = next
        next = next &+ 3
      }
      left -= count
      readCount += count
      return count
    }
  }

  /// What each reader got, or its error.
  private func read(
    _ fanOut: StreamFanOut, givingUpAfter limits: [Int]
  ) throws -> (results: [Result<[UInt8], any Error>], run: Result<Void, any Error>) {
    let results = Monitor([Int: Result<[UInt8], any Error>]())
    let threads = try fanOut.branches.enumerated().map { number, branch in
      try WorkerThread(name: "reader") {
        let result = Result { () throws -> [UInt8] in
          var all: [UInt8] = []
          var piece = [UInt8](repeating: 0, count: 1000 + number * 7777)
          while all.count < limits[number] {
            let count = try piece.withUnsafeMutableBytes { try branch.read(into: $0) }
            guard count > 0 else { break }
            all += piece[..<count]
          }
          return all
        }
        branch.stop()
        results.update { $0[number] = result }
      }
    }
    let run = Result { try fanOut.distribute() }
    for thread in threads { thread.join() }
    let all = results.update { $0 }
    return (limits.indices.compactMap { all[$0] }, run)
  }

  private func bytes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 * 3) } }

  @Test("Every reader gets every byte, however fast it reads")
  func all() throws {
    let (results, run) = try read(StreamFanOut(Numbers(3_000_000), readers: 3), givingUpAfter: [.max, .max, .max])
    try run.get()
    for result in results { #expect(try result.get() == bytes(3_000_000)) }
  }

  @Test("A reader that gives up holds nobody back")
  func givingUp() throws {
    let (results, run) = try read(StreamFanOut(Numbers(3_000_000), readers: 2), givingUpAfter: [10_000, .max])
    try run.get()
    #expect(try results[1].get() == bytes(3_000_000))
  }

  @Test("When nobody reads any more, the source is not read to its end")
  func nobody() throws {
    let source = Numbers(50_000_000)
    let (_, run) = try read(StreamFanOut(source, readers: 2), givingUpAfter: [10_000, 10_000])
    try run.get()
    #expect(source.readCount < 10_000_000)
  }

  @Test("The source's error reaches everybody")
  func failure() throws {
    let (results, run) = try read(
      StreamFanOut(Numbers(1_000_000, breaksOff: true), readers: 2), givingUpAfter: [.max, .max])
    #expect(throws: Broken()) { try run.get() }
    for result in results { #expect(throws: Broken()) { try result.get() } }
  }
}
