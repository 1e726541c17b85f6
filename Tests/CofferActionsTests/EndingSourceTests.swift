import CofferSystem
import Testing

@testable import CofferActions

@Suite("Sources that tell of their end")
struct EndingSourceTests {
  private final class Pieces: ByteSource {
    private var left: Int

    init(_ count: Int) { left = count }

    func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
      guard left > 0 else { return 0 }
      left -= 1
      buffer[0] = UInt8(left)
      return 1
    }
  }

  private struct Unfinished: Error {}

  private func read(_ source: EndingSource) throws -> Int {
    try withUnsafeTemporaryAllocation(byteCount: 8, alignment: 1) { try source.read(into: $0) }
  }

  @Test("The end is told once, when all was read and not before, and what is wrong then is what the reader is told")
  func once() throws {
    var ends = 0
    let source = EndingSource(Pieces(2)) { ends += 1 }
    for left in [1, 1] { #expect(try read(source) == left && ends == 0) }
    for _ in 0..<2 { #expect(try read(source) == 0 && ends == 1) }
    let broken = EndingSource(Pieces(1)) { throw Unfinished() }
    #expect(try read(broken) == 1)
    for _ in 0..<2 { #expect(throws: Unfinished.self, "it never has an end") { try read(broken) } }
  }
}
