import Foundation
import TestSupport
import Testing

@Suite("Random bytes in what is stored")
struct StoredObjectFuzzTests {
  @Test("Every parser takes what the program writes, and changed bytes of it, without a crash and without end")
  func mutations() throws {
    let seeds = try FuzzedParser.allCases.map { (parser: $0, bytes: try $0.seeds()) }
    #expect(seeds.allSatisfy { !$0.bytes.isEmpty })
    Fuzz.run(.storedObjects, atLeast: 3) { random in
      for (parser, bytes) in seeds { parser.read(mutated(random.pick(bytes), &random)) }
    }
  }

  @Test(
    "What was kept in contrib/fuzzing, because an earlier version wrote it or it has crashed a parser once, crashes none"
  )
  func kept() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "contrib/fuzzing")
    for parser in FuzzedParser.allCases {
      let folder = root.appending(path: parser.rawValue).path
      let names = try FileManager.default.contentsOfDirectory(atPath: folder)
      #expect(!names.isEmpty, "\(parser)")
      for name in names { parser.read([UInt8](FileManager.default.contents(atPath: "\(folder)/\(name)") ?? Data())) }
    }
  }

  /// A few of the changes that parsers fail at: bits, numbers at their limits, pieces taken out, doubled, cut off.
  private func mutated(_ seed: [UInt8], _ random: inout TestSupport.SeededRandom) -> [UInt8] {
    var bytes = seed
    for _ in 0..<Int.random(in: 0...6, using: &random) {
      let place = Int.random(in: 0...bytes.count, using: &random)
      let end = min(place + Int.random(in: 0...16, using: &random), bytes.count)
      switch Int.random(in: 0..<6, using: &random) {
      case 0 where place < bytes.count: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case 1 where place < bytes.count: bytes[place] = random.pick([0, 1, 0x7f, 0x80, 0xff])
      case 2: bytes.removeSubrange(place..<end)
      case 3: bytes.insert(contentsOf: bytes[place..<end], at: place)
      case 4: bytes.insert(contentsOf: [UInt8](repeating: 0xff, count: 9) + [1], at: place)
      default: if random.pick([true, false, false]) { bytes.removeLast(bytes.count - place) }
      }
    }
    return bytes
  }
}
