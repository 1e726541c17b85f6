import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("Reading an xbstream")
struct XBStreamReaderTests {
  private typealias Builder = XBStreamBuilder

  /// Has the files in memory.
  private final class Memory: XBStreamReceiver {
    var files: [String: [UInt8]] = [:]
    private var places: [String: Int] = [:]

    private func name(_ path: [EntryName]) -> String { path.map(\.description).joined(separator: "/") }

    func begin(_ path: [EntryName], isReplacing: Bool) throws {
      guard isReplacing || files[name(path)] == nil else {
        throw SystemError(call: "open", subject: name(path), code: EEXIST)
      }
      files[name(path)] = []
      places[name(path)] = 0
    }

    func take(_ bytes: UnsafeRawBufferPointer, of path: [EntryName]) {
      let (name, place) = (name(path), places[name(path)] ?? 0)
      var file = files[name] ?? []
      if file.count < place + bytes.count { file += [UInt8](repeating: 0, count: place + bytes.count - file.count) }
      file.replaceSubrange(place..<place + bytes.count, with: bytes)
      files[name] = file
      places[name] = place + bytes.count
    }

    func move(_ path: [EntryName], to position: UInt64) { places[name(path)] = Int(position) }
    func end(_ path: [EntryName]) { places[name(path)] = nil }
    func remove(_ path: [EntryName]) { files[name(path)] = nil }

    func rename(_ path: [EntryName], to other: [EntryName]) {
      files[name(other)] = files.removeValue(forKey: name(path))
    }
  }

  private func read(_ bytes: [UInt8], pieces: Int = 1 << 20) throws -> [String: [UInt8]] {
    let memory = Memory()
    let reader = XBStreamReader(memory)
    for start in stride(from: 0, to: bytes.count, by: pieces) {
      try bytes[start..<min(start + pieces, bytes.count)].withUnsafeBytes { try reader.write($0) }
    }
    try reader.finish()
    return memory.files
  }

  /// What mbstream makes of a stream.
  private func unpacked(_ bytes: [UInt8]) throws -> [String: [UInt8]] {
    let folder = NSTemporaryDirectory() + "xb-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(atPath: "\(folder)/out", withIntermediateDirectories: true)
    try Data(bytes).write(to: URL(fileURLWithPath: "\(folder)/stream"))
    let result = try SystemProcessLauncher().run(
      ChildCommand(
        "sh", ["-c", "mbstream -x -C \"$0\" <\"$1\"", "\(folder)/out", "\(folder)/stream"],
        environment: ProcessEnvironment(["PATH": "/usr/bin:/bin"])))
    try #require(result.status.isSuccess, "\(result.errorLines)")
    var files: [String: [UInt8]] = [:]
    for name in try FileManager.default.subpathsOfDirectory(atPath: "\(folder)/out") {
      guard let bytes = FileManager.default.contents(atPath: "\(folder)/out/\(name)") else { continue }
      files[name] = [UInt8](bytes)
    }
    return files
  }

  /// All that a stream can have; the log's file comes between others, as the server writes it meanwhile.
  private static let whole: [UInt8] = {
    var random = SeededRandom(3)
    func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) } }
    let (log, table) = (bytes(5000), bytes(70_000))
    return Builder.part("ib_logfile0", Array(log[..<2000])) + Builder.part("shop/item.ibd", Array(table[..<40_000]))
      + Builder.part("ib_logfile0", Array(log[2000...]), at: 2000)
      + Builder.part("shop/item.ibd", Array(table[40_000...]), at: 40_000) + Builder.chunk("E", "shop/item.ibd")
      + Builder.file("shop/empty.CSV", []) + Builder.part("shop/none", []) + Builder.chunk("E", "shop/none")
      + Builder.chunk("E", "ib_logfile0") + Builder.file("shop/db.opt", bytes(3))
      + Builder.part("aria_log.1", bytes(100)) + Builder.seek("aria_log.1", to: 10)
      + Builder.part("aria_log.1", bytes(5), at: 10) + Builder.chunk("E", "aria_log.1")
      + Builder.file("shop/old", bytes(9)) + Builder.rename("shop/old", to: "shop/new")
      + Builder.file("shop/gone", bytes(9)) + Builder.chunk("D", "shop/gone")
      + Builder.file("shop/again", bytes(90)) + Builder.file("shop/again", bytes(7), flags: 2)
  }()

  @Test(
    "A stream comes whole, in pieces of any size, and as mbstream lays it down", arguments: [1, 13, 14, 4096, 1 << 20])
  func pieces(size: Int) throws {
    let files = try read(Self.whole, pieces: size)
    #expect(files == (try unpacked(Self.whole)))
    #expect(
      files.keys.sorted() == [
        "aria_log.1", "ib_logfile0", "shop/again", "shop/db.opt", "shop/empty.CSV", "shop/item.ibd", "shop/new",
        "shop/none",
      ])
  }

  @Test("What mbstream writes is read")
  func packed() throws {
    let folder = NSTemporaryDirectory() + "xb-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(atPath: "\(folder)/d", withIntermediateDirectories: true)
    let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 / 77) }
    try Data(bytes).write(to: URL(fileURLWithPath: "\(folder)/d/table"))
    try Data().write(to: URL(fileURLWithPath: "\(folder)/nothing"))
    let result = try SystemProcessLauncher().run(
      ChildCommand(
        "mbstream", ["-c", "d/table", "nothing"], environment: ProcessEnvironment(["PATH": "/usr/bin:/bin"]),
        workingDirectory: folder, output: .pipe), outputLimit: 1 << 20)
    try #require(result.status.isSuccess)
    #expect(try read(result.output) == ["d/table": bytes, "nothing": []])
  }

  @Test("Every other end than its own is an early one")
  func ends() throws {
    let small = Builder.part("a/b", [1, 2, 3]) + Builder.file("c", [4]) + Builder.chunk("E", "a/b")
    // Behind the file within the other one, and behind all.
    let whole = small.count
    for count in 0..<whole {
      #expect(throws: XBStreamError.self, "\(count)") { try read(Array(small[..<count])) }
    }
    #expect(try read(small) == ["a/b": [1, 2, 3], "c": [4]])
  }

  @Test("Names that lead elsewhere are refused, and chunks that no program writes")
  func hostile() throws {
    for name in [
      "../a", "/etc/passwd", "a/../../b", "a//b", "..", ".", "a/./b", "a\0b", "./", String(repeating: "a", count: 512),
    ] {
      #expect(throws: XBStreamError.self, "\(name)") { try read(Builder.file(name, [1])) }
      #expect(throws: XBStreamError.self, "\(name)") {
        try read(Builder.file("a", [1]) + Builder.rename("a", to: name))
      }
      #expect(throws: XBStreamError.self, "\(name)") { try read(Builder.chunk("D", name)) }
    }
    let part = Builder.part("a", [1, 2])
    for (stream, what) in [
      (Builder.chunk("X", "a"), "another type"), (Builder.chunk("P", ""), "no name"),
      (Builder.part("a", [1], checksum: 0) + Builder.chunk("E", "a"), "a false checksum"),
      (part + Builder.part("a", [3], at: 3) + Builder.chunk("E", "a"), "a hole"),
      (part + Builder.part("a", [3], at: 1) + Builder.chunk("E", "a"), "the same again"),
      (Builder.part("a", [3], at: .max) + Builder.chunk("E", "a"), "no place"),
      (part + Builder.seek("a", to: .max) + Builder.chunk("E", "a"), "no place to go to"),
      (part + Builder.chunk("D", "a") + Builder.chunk("E", "a"), "removed while it is written"),
      (part + Builder.rename("a", to: "b") + Builder.chunk("E", "a"), "renamed while it is written"),
      ((0...4096).flatMap { Builder.part("f\($0)", []) }, "many files at a time"),
      (Builder.file("a", [1]) + [0], "a byte behind it"),
    ] {
      #expect(throws: XBStreamError.self, "\(what)") { try read(stream) }
    }
  }

  @Test("Of a stream that was changed anywhere, no file comes otherwise than it was without that being seen")
  func changed() throws {
    let small = Builder.file("a/b", [1, 2, 3, 4]) + Builder.file("c", [4])
    let files = try read(small)
    var random = SeededRandom(11)
    for _ in 0..<4000 {
      var other = small
      for _ in 0...Int.random(in: 0...2, using: &random) {
        other[Int.random(in: 0..<other.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      guard let found = try? read(other, pieces: 7) else { continue }
      // Names have no checksum; what has its name has its bytes.
      for (name, bytes) in found { #expect(files.values.contains(bytes), "\(name)") }
    }
  }

  // MARK: - What the program says of it

  private func report(_ stream: [UInt8]) throws -> PhysicalBackupReport {
    let watch = XBStreamWatch()
    for start in stride(from: 0, to: stream.count, by: 11) {
      stream[start..<min(start + 11, stream.count)].withUnsafeBytes { watch.take($0) }
    }
    return try watch.report(time: 1_700_000_000)
  }

  @Test("What a backup is, is known from what goes by")
  func reported() throws {
    let report = try report(Self.whole + Builder.report())
    #expect(report.facts == PhysicalBackupFacts(checkpoint: 60000, end: 60016))
    #expect(
      report.log
        == DumpLogPlace(file: "binlog.000007", position: 4711, gtid: "0-1-10,1-2-3", time: 1_700_000_000))
    let other = try self.report(
      Self.whole + Builder.report() + Builder.chunk("D", "xtrabackup_binlog_info")
        + Builder.file("xtrabackup_binlog_info", Array("../binlog\t4711\t\n".utf8)))
    #expect(other.log == nil)
    #expect(report.serverVersion == "10.11.19-MariaDB-log" && report.programVersion == "10.11.19-MariaDB")
  }

  @Test("A backup of a part of a server, and one that says nothing of itself, is none")
  func unfit() throws {
    for name in ["partial", "incremental", "compressed"] {
      #expect(throws: PhysicalBackupReport.Unfit.self, "\(name)") {
        try report(Self.whole + Builder.report([name: "Y"]))
      }
    }
    #expect(throws: PhysicalBackupReport.Unfit.self) { try report(Self.whole) }
    let checkpoints = Builder.file("xtrabackup_checkpoints", Array("to_lsn = 60000".utf8))
    #expect(throws: PhysicalBackupReport.Unfit.self) { try report(Builder.file("xtrabackup_info", [10]) + checkpoints) }
    #expect(throws: XBStreamError.self) { try report(Array((Self.whole + Builder.report()).dropLast())) }
  }
}
