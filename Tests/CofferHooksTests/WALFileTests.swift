import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("Files of PostgreSQL's log")
struct WALFileTests {
  private let folder = NSTemporaryDirectory() + "wal-" + UUID().uuidString

  /// What a segment begins with.
  static func header(
    magic: UInt16 = 0xd110, flags: UInt16 = 2, timeline: UInt32 = 1, address: UInt64 = 0x1_0300_0000,
    identifier: UInt64 = 7_421_000_000_000_000_001, segmentSize: UInt32 = 1 << 20
  ) -> [UInt8] {
    func bytes(_ number: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: number) { Array($0) } }
    return bytes(magic) + bytes(flags) + bytes(timeline) + bytes(address) + bytes(UInt64(0)) + bytes(identifier)
      + bytes(segmentSize) + bytes(UInt32(8192))
  }

  private func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    let path = "\(folder)/\(name)"
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    return path
  }

  private func segment(_ header: [UInt8], size: Int = 1 << 20) -> [UInt8] {
    header + [UInt8](repeating: 0, count: size - header.count)
  }

  @Test("Names are read as PostgreSQL writes them, and no others")
  func names() {
    let names: [(String, WALFileName)] = [
      ("000000010000000A000000FF", .segment(timeline: 1, number: 0xA_0000_00FF)),
      ("0000000F0000000000000001.partial", .partial(timeline: 15, number: 1)),
      ("000000010000000000000002.00000028.backup", .backup(timeline: 1, number: 2, offset: 0x28)),
      ("FFFFFFFF.history", .history(timeline: .max)),
    ]
    for (text, name) in names {
      #expect(WALFileName(text) == name)
      #expect(name.text == text)
    }
    for text in [
      "", "00000000.history", "000000000000000A000000FF", "000000010000000a000000ff", "000000010000000A000000FF.gz",
      "+00000010000000A000000FF", "000000010000000A000000F", "00000001.History", "../00000002.history",
      "00000002.history\n",
      "000000010000000000000002.28.backup", "000000010000000A000000FF\u{301}",
      "000000010000000A000000FF.partial.partial",
    ] {
      #expect(WALFileName(text) == nil, "\(text)")
    }
  }

  @Test("A segment says which server's it is; one that is not what its name says is not stored")
  func segments() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let name = "000000010000000100000030"
    let right = segment(Self.header())
    let file = try WALFile(try write("pg_wal/\(name)", right), dataDirectory: folder)
    #expect(file.systemIdentifier == 7_421_000_000_000_000_001 && file.exponent == 20 && file.size == 1 << 20)
    var read = [UInt8](repeating: 0, count: right.count)
    for range in [300_000..<right.count, 0..<300_000] {
      try read.withUnsafeMutableBytes { try file.read(from: range.lowerBound, into: .init(rebasing: $0[range])) }
    }
    #expect(read == right)
    let isShort = #expect(throws: WALError.self) {
      try read.withUnsafeMutableBytes { try file.read(from: 1, into: $0) }
    }
    #expect(isShort == .content(file.path, "it became shorter while it was read"))
    // The first segment of a new timeline begins with pages of the old one.
    _ = try WALFile(try write("pg_wal/000000020000000100000030", right), dataDirectory: folder)
    let wrong: [(String, [UInt8])] = [
      (name, segment(Self.header(magic: 0x1234))), (name, segment(Self.header(flags: 0))),
      (name, segment(Self.header(timeline: 2))), (name, segment(Self.header(timeline: 0))),
      (name, segment(Self.header(address: 0x1_0400_0000))), (name, segment(Self.header(identifier: 0))),
      (name, segment(Self.header(address: 0x1_0300_0001))), (name, segment(Self.header(segmentSize: 3 << 20))),
      (name, segment(Self.header(segmentSize: 1 << 19))), (name, segment(Self.header(), size: 1 << 19)),
      (name, Self.header()), (name, [1, 2, 3]), (name, []), ("000000010000000100000031", right),
      ("postgresql.conf", right),
    ]
    for (name, bytes) in wrong {
      let path = try write("pg_wal/\(name)", bytes)
      #expect(throws: WALError.self, "\(name) \(bytes.prefix(24))") { try WALFile(path, dataDirectory: folder) }
    }
    try FileManager.default.removeItem(atPath: "\(folder)/pg_wal/\(name)")
    symlink("\(folder)/pg_wal/000000020000000100000030", "\(folder)/pg_wal/\(name)")
    #expect(throws: (any Error).self) { try WALFile("\(folder)/pg_wal/\(name)", dataDirectory: folder) }
  }

  @Test("What does not say itself which server's it is goes by the data directory, and a segment of another is refused")
  func dataDirectory() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let history = try write("pg_wal/00000002.history", Array("1\t0/1\tx\n".utf8))
    let path = try write("pg_wal/000000010000000100000030", segment(Self.header()))
    #expect(throws: WALError.unknownServer(history, dataDirectory: folder)) {
      try WALFile(history, dataDirectory: folder)
    }
    func control(_ identifier: UInt64, version: UInt32 = 1300) throws {
      let bytes = withUnsafeBytes(of: identifier) { Array($0) } + withUnsafeBytes(of: version) { Array($0) }
      _ = try write("global/pg_control", bytes + [UInt8](repeating: 0, count: 8180))
    }
    try control(7_421_000_000_000_000_001)
    #expect(try WALFile(history, dataDirectory: folder).systemIdentifier == 7_421_000_000_000_000_001)
    _ = try WALFile(path, dataDirectory: folder)
    try control(5)
    #expect(throws: WALError.otherServer(path, dataDirectory: folder)) { try WALFile(path, dataDirectory: folder) }
    try control(5, version: 1)
    #expect(try WALFile.systemIdentifier(of: folder) == nil)
  }

  @Test("Any bytes and any name are read without a crash, and what is read is written the same")
  func hostile() {
    Fuzz.run(.walFiles, atLeast: 200) { random in
      var bytes = Self.header()
      for _ in 0..<Int.random(in: 0...8, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      bytes.removeLast(random.pick([0, 0, 0, 1, 20, 40]))
      if let header = bytes.withUnsafeBytes({ WALPageHeader($0) }) {
        #expect(WALPageHeader.segmentSizes.contains(header.segmentSize))
        #expect(header.number & 0xffff_ffff < UInt64(1) << (32 - UInt64(header.exponent)))
      }
      _ = bytes.withUnsafeBytes { WALControlFile($0) }
      var name = Array(
        random.pick([
          "000000010000000A000000FF", "0000000F0000000000000001.partial", "000000010000000000000002.00000028.backup",
          "FFFFFFFF.history",
        ]).utf8)
      for _ in 0..<Int.random(in: 0...3, using: &random) {
        name[Int.random(in: 0..<name.count, using: &random)] = random.pick(
          Array("0123456789ABCDEFabcdef.-/ +\u{301}".utf8))
      }
      let text = String(decoding: name, as: UTF8.self)
      if let read = WALFileName(text) { #expect(read.text == text) }
    }
  }
}
