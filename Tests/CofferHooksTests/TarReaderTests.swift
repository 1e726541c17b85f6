import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("Reading a base backup's tar archive")
struct TarReaderTests {
  /// Remembers what it was given.
  private final class Memory: TarReceiver {
    var files: [String: [UInt8]] = [:]
    var others: [TarMember] = []
    private var name = ""
    var ended = 0

    func begin(_ member: TarMember) {
      guard case .file = member.kind else { return others.append(member) }
      name = member.title
      files[name] = []
    }

    func take(_ bytes: UnsafeRawBufferPointer) { files[name]?.append(contentsOf: bytes) }

    func endFile() { ended += 1 }
  }

  private static let end = [UInt8](repeating: 0, count: 1024)

  private func read(_ bytes: [UInt8], pieces: Int = 1 << 20) throws -> Memory {
    let memory = Memory()
    let reader = TarReader(memory)
    for start in stride(from: 0, to: bytes.count, by: pieces) {
      try bytes[start..<min(start + pieces, bytes.count)].withUnsafeBytes { try reader.write($0) }
    }
    try reader.finish()
    return memory
  }

  private func member(_ name: String, _ content: [UInt8] = [], kind: Character = "0") -> [UInt8] {
    BaseBackupTarTests.member(name, content, kind: kind)
  }

  @Test("What GNU tar writes comes whole, in pieces of any size", arguments: [1, 511, 512, 513, 1 << 20])
  func whole(pieces: Int) throws {
    let folder = NSTemporaryDirectory() + "tar-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let long = String(repeating: "d", count: 60)
    try FileManager.default.createDirectory(atPath: "\(folder)/in/\(long)/\(long)", withIntermediateDirectories: true)
    var random = SeededRandom(5)
    var expected: [String: [UInt8]] = [:]
    for (name, size) in [("empty", 0), ("small", 1), ("block", 512), ("more", 5000), ("\(long)/\(long)/deep", 700)] {
      let bytes = (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) }
      try Data(bytes).write(to: URL(fileURLWithPath: "\(folder)/in/\(name)"))
      expected[name] = bytes
    }
    symlink("small", "\(folder)/in/link")
    let made = try SystemProcessLauncher().run(
      ChildCommand(
        "tar", ["--format=ustar", "-C", "\(folder)/in", "-cf", "\(folder)/tar", "."],
        environment: ProcessEnvironment(["PATH": "/usr/bin:/bin"])))
    #expect(made.status.isSuccess)
    let memory = try read(Array(try Data(contentsOf: URL(fileURLWithPath: "\(folder)/tar"))), pieces: pieces)
    #expect(memory.files == expected)
    #expect(memory.ended == expected.count)
    let others = memory.others.map { ($0.title, $0.kind) }.sorted { $0.0 < $1.0 }
    #expect(others.map(\.0) == ["", long, "\(long)/\(long)", "link"])
    #expect(others.last?.1 == .link(Array("small".utf8)))
  }

  @Test("An archive that ends early, goes on behind its end, or is damaged is none")
  func broken() throws {
    let whole = member("a", [1, 2, 3]) + member("b/", kind: "5") + Self.end
    #expect(try read(whole).files == ["a": [1, 2, 3]])
    #expect(try read(whole + [UInt8](repeating: 0, count: 9 * 512)).files.count == 1)
    for count in stride(from: 0, to: whole.count, by: 100) {
      #expect(throws: TarError.self, "\(count)") { try read(Array(whole[..<count])) }
    }
    #expect(throws: TarError.self) { try read(whole + [0]) }
    #expect(throws: TarError.self) { try read(whole + member("c")) }
    #expect(throws: TarError.self) { try read(Array(whole.dropLast(512)) + member("c") + Self.end) }
    for place in [0, 130, 150, 156, 257] {
      var wrong = whole
      wrong[place] ^= 1
      #expect(throws: TarError.self, "\(place)") { try read(wrong) }
    }
  }

  @Test("Paths that lead elsewhere, and members that are neither files nor folders nor links, are refused")
  func refused() throws {
    for name in ["../a", "a/../b", "/a", "a//b", "a/./b", "..", "./../a", "/"] {
      #expect(throws: TarError.self, "\(name)") { try read(member(name, [1]) + Self.end) }
    }
    for kind in ["1", "3", "4", "6", "7", "x", "g", "L"] {
      #expect(throws: TarError.self, "\(kind)") { try read(member("a", kind: Character(kind)) + Self.end) }
    }
  }
}
