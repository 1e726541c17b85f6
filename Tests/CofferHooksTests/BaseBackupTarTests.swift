import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("One tar archive of what a server sends for a base backup")
struct BaseBackupTarTests {
  /// A member as PostgreSQL writes it.
  static func member(_ name: String, _ content: [UInt8], kind: Character = "0", size: UInt64? = nil) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: 512)
    func set(_ text: String, _ place: Int) { block.replaceSubrange(place..<place + text.utf8.count, with: text.utf8) }
    func octal(_ number: UInt64, _ digits: Int) -> String {
      let text = String(number, radix: 8)
      return String(repeating: "0", count: digits - text.count) + text
    }
    set(name, 0)
    set("0000600 0000000 0000000 ", 100)
    if let size, size >= 1 << 33 {
      block[124] = 0x80
      for index in 0..<8 { block[135 - index] = UInt8(truncatingIfNeeded: size >> UInt64(8 * index)) }
    } else {
      set(octal(size ?? UInt64(content.count), 11) + " ", 124)
    }
    set("14000000000 ", 136)
    set(String(kind), 156)
    set("ustar\u{0}00", 257)
    set("postgres", 265)
    set("postgres", 297)
    set("        ", 148)
    set(octal(block.reduce(0) { $0 + UInt64($1) }, 6) + "\u{0} ", 148)
    return block + content + [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
  }

  private static let end = [UInt8](repeating: 0, count: 1024)
  private static let tablespace = member("PG_15_1/", [], kind: "5") + member("PG_15_1/7", Array("seven".utf8)) + end
  private static let base =
    member("backup_label", Array("START".utf8)) + member("base/", [], kind: "5")
    + member("base/1", [UInt8](repeating: 7, count: 1024)) + member("global/pg_control", Array("control".utf8))

  /// What goes out, the bytes given in pieces.
  private func tar(
    _ archives: [(tablespace: UInt32?, bytes: [UInt8])], manifest: [UInt8]?, piece: Int
  ) throws -> [UInt8] {
    var tar = BaseBackupTar()
    var output: [UInt8] = []
    for archive in archives {
      try tar.begin(archive.tablespace)
      for start in stride(from: 0, to: archive.bytes.count, by: piece) {
        try archive.bytes[start..<min(start + piece, archive.bytes.count)].withUnsafeBytes {
          try tar.take($0) { output += $0 }
        }
      }
    }
    if let manifest {
      output += try tar.manifestHeader(size: UInt64(manifest.count)) + manifest
      output += [UInt8](repeating: 0, count: TarBlock.fill(after: UInt64(manifest.count)))
    }
    return output + (try tar.close())
  }

  @Test(
    "Members are the server's, tablespaces' in their folders, however the bytes are cut, with blocks of zeros or without"
  )
  func whole() throws {
    let manifest = [UInt8](repeating: 0x6d, count: 700)
    let tailed = try tar([(16_384, Self.tablespace), (nil, Self.base + Self.end)], manifest: manifest, piece: 1 << 20)
    for piece in [1, 511, 512, 513] {
      for tail in [[], Self.end] {
        #expect(
          try tar([(16_384, Self.tablespace), (nil, Self.base + tail)], manifest: manifest, piece: piece) == tailed)
      }
    }
    let folder = NSTemporaryDirectory() + "tar-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try Data(tailed).write(to: URL(fileURLWithPath: "\(folder)/tar"))
    let outcome = try SystemProcessLauncher().run(
      ChildCommand(
        "tar", ["-xf", "tar", "--no-same-owner"], environment: ProcessEnvironment(["PATH": "/usr/bin:/bin"]),
        workingDirectory: folder))
    #expect(outcome.status.isSuccess, "\(outcome.errorLines)")
    func content(_ path: String) -> [UInt8]? {
      FileManager.default.contents(atPath: "\(folder)/\(path)").map(Array.init)
    }
    #expect(content("pg_tblspc/16384/PG_15_1/7") == Array("seven".utf8))
    #expect(content("backup_label") == Array("START".utf8))
    #expect(content("base/1") == [UInt8](repeating: 7, count: 1024))
    #expect(content("backup_manifest") == manifest)
    // But for prefixes and sums all is the server's.
    #expect(Array(tailed.dropFirst(Self.tablespace.count - 1024).prefix(Self.base.count)) == Self.base)
  }

  @Test("An archive that ends early, is none, or lacks the data directory is no whole one")
  func malformed() throws {
    func fails(_ archives: [(UInt32?, [UInt8])], _ problem: String) {
      #expect(throws: BaseBackupTar.Malformed(problem: problem), "\(problem)") {
        try tar(archives, manifest: [1], piece: 1000)
      }
    }
    fails([(nil, Array(Self.base.dropLast(1)))], "an archive ends within a member")
    fails([(nil, Array(Self.base.dropLast(512)))], "an archive ends within a member")
    fails([(16_384, Array(Self.tablespace.prefix(700))), (nil, Self.base)], "an archive ends within a member")
    fails([(16_384, Self.tablespace)], "the server sent no data directory")
    fails([(nil, Self.end)], "the server sent no data directory")
    fails([(nil, Self.base), (1, Self.tablespace)], "the server sent more behind the data directory")
    fails([(nil, Self.base + Self.end + [1])], "bytes follow an archive's end")
    var changed = Self.base
    changed[3] ^= 1
    fails([(nil, changed)], "the server sent what is no header of a member")
    fails([(nil, [UInt8](repeating: 0x41, count: 512))], "the server sent what is no header of a member")
    fails([(nil, Self.member("a", [], size: 1 << 57))], "the server sent what is no header of a member")
    var unbegun = BaseBackupTar()
    #expect(throws: BaseBackupTar.Malformed(problem: "the server sent bytes of no archive")) {
      try [1].withUnsafeBytes { try unbegun.take($0) { _ in } }
    }
  }

  @Test("Sizes that octal digits do not hold are read and written")
  func large() throws {
    let size: UInt64 = 1 << 34 + 5
    let block = try #require(TarBlock(Array(Self.member("a", [], size: size).prefix(512))))
    #expect(block.contentSize == size)
    let manifest = block.file(Array("b".utf8), size: size * 2)
    #expect(TarBlock(manifest.bytes)?.contentSize == size * 2)
    #expect(TarBlock(block.file(Array("b".utf8), size: 8).bytes)?.contentSize == 8)
  }

  @Test("Whatever bytes come, nothing is read beyond them, and what goes out is no longer than what came")
  func fuzz() throws {
    var random = SeededRandom(5)
    let all = Self.base + Self.end
    for _ in 0..<3000 {
      var bytes = all
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random))
      let output = try? tar([(nil, bytes)], manifest: nil, piece: 300)
      #expect((output?.count ?? 0) <= bytes.count + 1024)
    }
  }

  @Test("Messages of the stream are what the protocol says, and nothing else")
  func messages() {
    func read(_ bytes: [UInt8]) -> String? {
      bytes.withUnsafeBytes { bytes in
        switch BaseBackupMessage(bytes) {
        case .archive(let name, let location):
          "\(String(decoding: name, as: UTF8.self)) \(String(decoding: location, as: UTF8.self))"
        case .manifest: "manifest"
        case .data(let data): "data \(data.count)"
        case .progress: "progress"
        case nil: nil
        }
      }
    }
    #expect(read(Array("n1.tar\u{0}/srv\u{0}".utf8)) == "1.tar /srv")
    #expect(read(Array("nbase.tar\u{0}\u{0}".utf8)) == "base.tar ")
    #expect(read(Array("m".utf8)) == "manifest")
    #expect(read(Array("d".utf8)) == "data 0" && read(Array("dab".utf8)) == "data 2")
    #expect(read(Array("p12345678".utf8)) == "progress")
    for text in ["", "x", "n", "na", "na\u{0}", "na\u{0}b", "na\u{0}b\u{0}c", "mm", "p1"] {
      #expect(read(Array(text.utf8)) == nil, "\(text)")
    }
  }
}
