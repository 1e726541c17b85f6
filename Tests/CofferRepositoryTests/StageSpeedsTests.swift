import CofferStorage
import Foundation
import TestSupport
import Testing

@testable import stage_speeds

@Suite("Speeds of stages")
struct StageSpeedsTests {
  @Test("Every stage gets what the one before it left, and packs are written whole")
  func stages() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let sample = folder.appending(path: "sample")
    try Data(dumpLikeBytes(3_000_000)).write(to: sample)

    let stages = try StageSpeeds(sample: sample.path, folder: folder.path + "/store").stages

    #expect(stages.map(\.name) == ["read", "chunk", "hash", "look up", "compress", "seal", "write"])
    #expect(stages.prefix(5).allSatisfy { $0.bytes == 3_000_000 })
    #expect(stages.allSatisfy { $0.seconds > 0 })
    let written = try LocalDirectoryStore(root: folder.path + "/store").list("packs").reduce(0) { $0 + $1.size }
    #expect(written > 0 && written < 3_000_000)
    #expect(stages.suffix(2).allSatisfy { $0.bytes == written })
  }
  @Test("A backup on top of an index of many chunks stores what is new, and the next one nothing")
  func indexScale() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let sample = folder.appending(path: "sample")
    try Data(dumpLikeBytes(3_000_000)).write(to: sample)

    let scale = try IndexScale(chunkCount: 100_000, sample: sample.path, folder: folder.path)

    let figures = Dictionary(uniqueKeysWithValues: scale.figures.map { ($0.what, $0.value) })
    #expect(figures["chunks"] == 98304)
    #expect(figures["first backup: read, bytes"] == 3_000_000)
    #expect(figures["first backup: new, bytes"] == 3_000_000)
    #expect(figures["second backup: read, bytes"] == 3_000_000)
    #expect(figures["second backup: new, bytes"] == 0)
    #expect(scale.figures.allSatisfy { $0.value > 0 || $0.what.hasPrefix("second backup") })
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["sample"])
  }

  @Test("All chunks of an index are marked, in whatever order they come")
  func markingScale() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }

    let scale = try MarkingScale(chunkCount: 50_000, folder: folder.path)

    let figures = Dictionary(uniqueKeysWithValues: scale.figures.map { ($0.what, $0.value) })
    #expect(figures["chunks"] == 49152)
    #expect(figures["in the order of storing, marked"] == 49152)
    #expect(figures["in no order, marked"] == 49152)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }
}
