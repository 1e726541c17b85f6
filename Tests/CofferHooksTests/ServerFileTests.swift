import CPageChecksum
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("A PostgreSQL server's files on their way into a base backup")
struct ServerFileTests {
  private let folder = NSTemporaryDirectory() + "files-" + UUID().uuidString

  init() throws {
    try FileManager.default.createDirectory(atPath: "\(folder)/pg_wal", withIntermediateDirectories: true)
  }

  private func opened() throws -> Folder { try Folder(opening: folder) }

  private func write(_ name: String, _ bytes: [UInt8]) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
  }

  @Test("Names of relations are told from others")
  func names() {
    func name(_ text: String) -> RelationFileName? { RelationFileName(EntryName(text)) }
    #expect(name("16384").map { [$0.number, $0.part] } == [16384, 0] && name("16384")?.fork == .main)
    #expect(name("16384.3").map { [$0.number, $0.part] } == [16384, 3])
    #expect(name("16384_fsm")?.fork == .freeSpace && name("16384_vm.2")?.part == 2)
    #expect(name("16384_init")?.fork == .initial)
    for text in ["", "pg_filenode.map", "16384_", "16384.", "16384_fsm_vm", "16384x", "4294967296", "t3_16384", "-1"] {
      #expect(name(text) == nil, "\(text)")
    }
    for text in ["t3_16384", "t3_16384.1", "t12_16384_fsm", "t3_16384_vm.4"] {
      #expect(RelationFileName.isTemporary(EntryName(text)), "\(text)")
    }
    for text in ["t", "t3", "t3_", "t_16384", "t3_16384_", "t3_16384x", "16384", "table"] {
      #expect(!RelationFileName.isTemporary(EntryName(text)), "\(text)")
    }
  }

  /// The checksum as PostgreSQL describes it, a word at a time.
  private func checksum(_ page: [UInt8], _ number: UInt32) -> UInt16 {
    let beginnings: [UInt32] = [
      0x5b1f_36e9, 0xb852_5960, 0x02ab_50aa, 0x1de6_6d2a, 0x79ff_467a, 0x9bb9_f8a3, 0x217e_7cd2, 0x83e1_3d2c,
      0xf8d4_474f, 0xe39e_b970, 0x42c6_ae16, 0x9932_16fa, 0x7b09_3b5d, 0x98da_ff3c, 0xf718_902a, 0x0b1c_9cdb,
      0xe58f_764b, 0x1876_36bc, 0x5d7b_3bb1, 0xe73d_e7de, 0x92be_c979, 0xcca6_c0b2, 0x304a_0979, 0x85aa_43d4,
      0x7831_25bb, 0x6ca8_eaa2, 0xe407_eac6, 0x4b5c_fc3e, 0x9fbf_8c76, 0x15ca_20be, 0xf2ca_9fd3, 0x959b_d756,
    ]
    var page = page
    page.replaceSubrange(8..<10, with: [0, 0])
    var sums = beginnings
    for index in 0..<page.count / 4 + 64 {
      let word = (0..<4).reduce(UInt32(0)) {
        $0 | (index * 4 + $1 < page.count ? UInt32(page[index * 4 + $1]) : 0) << UInt32(8 * $1)
      }
      let mixed = sums[index % 32] ^ word
      sums[index % 32] = mixed &* 16_777_619 ^ mixed >> 17
    }
    return UInt16((sums.reduce(0, ^) ^ number) % 65_535 + 1)
  }

  /// A page of a relation with a number and a place in the log.
  private func page(_ number: UInt32, at position: UInt64 = 5, seed: UInt8) -> [UInt8] {
    var page = (0..<8192).map { UInt8(truncatingIfNeeded: $0 &* Int(seed) &+ $0 >> 7) }
    for index in 0..<4 {
      page[index] = UInt8(truncatingIfNeeded: position >> UInt64(32 + 8 * index))
      page[4 + index] = UInt8(truncatingIfNeeded: position >> UInt64(8 * index))
    }
    (page[14], page[15]) = (0, 32)
    let sum = checksum(page, number)
    (page[8], page[9]) = (UInt8(truncatingIfNeeded: sum), UInt8(truncatingIfNeeded: sum >> 8))
    return page
  }

  @Test("The fast checksum of a page is that of the description")
  func sums() {
    for seed in UInt8(1)...20 {
      let page = page(UInt32(seed) &* 1_000_003, seed: seed)
      let sum = page.withUnsafeBytes { coffer_page_checksum($0.baseAddress, $0.count, 77) }
      #expect(sum == checksum(page, 77))
    }
  }

  @Test(
    "A page has to be right unless it is new or was written since the backup began; one that is right by now is taken")
  func pages() throws {
    let right = page(131_072 + 0, seed: 3) + page(131_072 + 1, seed: 5)
    try write("16384.1", right)
    let relation = try #require(RelationFileName("16384.1"))
    let file = try #require(try ServerFile("16384.1", in: opened(), path: "base/1/16384.1", relation: relation))
    func check(_ bytes: [UInt8]) throws -> (PageCheck, [UInt8]) {
      var check = PageCheck(start: LogSequenceNumber(1000), pageSize: 8192, pagesInFile: 131_072)
      var bytes = bytes
      try bytes.withUnsafeMutableBytes { try check.check($0, of: file, relation, from: 0) }
      return (check, bytes)
    }
    #expect(try check(right).0.damagedCount == 0)
    // Half written as it was read first.
    var torn = right
    torn.replaceSubrange(9000..<9100, with: [UInt8](repeating: 0xee, count: 100))
    let (again, bytes) = try check(torn)
    #expect(again.damagedCount == 0 && bytes == right)
    // So it is on the disk, too.
    try write("16384.1", torn)
    let damaged = try check(torn).0
    #expect(damaged.damagedCount == 1 && damaged.damaged == ["base/1/16384.1, page 131073"])
    // The log has it.
    var later = page(131_072, seed: 3) + page(0, at: 1000, seed: 5)
    try write("16384.1", later)
    #expect(try check(later).0.damagedCount == 0)
    // Nothing was put on it yet, though bits of it are set.
    later = page(131_072, seed: 3) + [UInt8](repeating: 0, count: 8192)
    later[8192 + 5000] = 1
    try write("16384.1", later)
    #expect(try check(later).0.damagedCount == 0)
    // A right page at another's place.
    try write("16384.1", page(131_073, seed: 3) + page(131_073, seed: 5))
    #expect(try check(page(131_073, seed: 3) + page(131_073, seed: 5)).0.damagedCount == 1)
  }

  @Test("What a file has lost since it was opened reads as zeros, and its name is told from what has taken it")
  func shorter() throws {
    try write("a", [UInt8](repeating: 7, count: 1000))
    let place = try opened()
    let file = try #require(try ServerFile("a", in: place, path: "a"))
    #expect(try file.isStillCalled("a", in: place))
    truncate("\(folder)/a", 10)
    var bytes = [UInt8](repeating: 1, count: 20)
    try bytes.withUnsafeMutableBytes { try file.read(from: 0, into: $0) }
    #expect(bytes == [UInt8](repeating: 7, count: 10) + [UInt8](repeating: 0, count: 10))
    rename("\(folder)/a", "\(folder)/b")
    #expect(try !file.isStillCalled("a", in: place))
    try write("a", [])
    #expect(try !file.isStillCalled("a", in: place))
    symlink("b", "\(folder)/link")
    #expect(try ServerFile("link", in: place, path: "link") == nil)
    #expect(try ServerFile("none", in: place, path: "none") == nil)
  }

  private func segment(_ number: UInt64) -> [UInt8] {
    let header = WALFileTests.header(address: number << 20)
    return header + [UInt8](repeating: 0, count: (1 << 20) - header.count)
  }

  @Test("The log is what was written between beginning and end; a segment that is gone, or another's by now, fails it")
  func log() throws {
    func name(_ number: UInt64) -> String { WALFileName.segment(timeline: 1, number: number).text }
    for number in UInt64(2)...6 { try write("pg_wal/\(name(number))", segment(number)) }
    try write("pg_wal/00000002.history", Array("1 0/1 x".utf8))
    func files(_ start: UInt64, _ end: UInt64) throws -> ServerLogFiles {
      try ServerLogFiles(
        of: opened(), from: LogSequenceNumber(start), to: LogSequenceNumber(end), exponent: 20)
    }
    func all(_ files: ServerLogFiles) throws -> [String] {
      var names: [String] = []
      while let file = try files.next() { names.append(file.path) }
      return names
    }
    // The end is the first byte of the segment behind the last that is needed.
    let found = try all(files(3 << 20 + 40, 5 << 20))
    #expect(found == ["pg_wal/\(name(3))", "pg_wal/\(name(4))", "pg_wal/00000002.history"])
    #expect(throws: ServerFolderError.logRemoved(segment: "0/700000")) { try files(6 << 20, 7 << 20 + 1) }
    let late = try files(3 << 20, 5 << 20)
    _ = try late.next()
    // As a server does that needs a segment no more.
    rename("\(folder)/pg_wal/\(name(3))", "\(folder)/pg_wal/\(name(9))")
    #expect(throws: ServerFolderError.logRemoved(segment: name(3))) { try late.next() }
    try write("pg_wal/\(name(3))", segment(9))
    #expect(throws: ServerFolderError.logRemoved(segment: name(3))) { try all(files(3 << 20, 5 << 20)) }
  }
}
