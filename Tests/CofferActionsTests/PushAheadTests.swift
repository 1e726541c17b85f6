import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferActions

@Suite("Segments that are pushed along with another")
struct PushAheadTests {
  private let ground: ProgramGround
  private static let waiting = 5

  init() throws {
    ground = try ProgramGround("ahead", remembersKeys: true)
    try ground.configure("")
    try writeLogServer(ground.folder, waiting: Self.waiting)
    let made = try ground.coffer(["repo-create", "--encryption", "repokey"])
    #expect(made.code == 0, "\(made.said)")
  }

  private func push(_ number: Int, _ more: String...) throws -> (code: Int32, said: String) {
    try ground.coffer(["--verbosity", "2", "wal", "push", "pg_wal/\(logSegment(number))"] + more)
  }

  /// Which of the server's segments are stored.
  private var stored: [Int] {
    let found = FileManager.default.enumerator(atPath: "\(ground.folder)/repository/logs")
    let names = found?.allObjects as? [String] ?? []
    return (0...Self.waiting).filter { number in
      names.contains { $0.contains("/00000001-00000001000000\(String(0x30 + number, radix: 16))-") }
    }
  }

  /// The kernel's times go in steps, so that what was written a moment ago is not pushed along.
  private func rest() { usleep(150_000) }

  private func overwrite(_ number: Int, with byte: UInt8) throws {
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: "\(ground.folder)/pg_wal/\(logSegment(number))"))
    try file.seek(toOffset: 500_000)
    try file.write(contentsOf: Data([byte]))
    try file.close()
  }

  @Test("As many go along as may, in order, and each has the bytes of its file")
  func along() throws {
    defer { ground.remove() }
    for number in 0...Self.waiting { try overwrite(number, with: UInt8(1 + number)) }
    rest()
    let first = try push(0, "--read-ahead", "4")
    #expect(first.code == 0 && stored == [0, 1, 2, 3], "\(first.said)")
    #expect(try push(1).said.contains("was stored before"))
    #expect(try push(4).code == 0)
    #expect(stored == Array(0...Self.waiting))
    for number in 0...Self.waiting {
      let path = "\(ground.folder)/got"
      let outcome = try ground.coffer(["wal", "get", logSegment(number), path])
      #expect(outcome.code == 0, "\(outcome.said)")
      let file = "\(ground.folder)/pg_wal/\(logSegment(number))"
      #expect(FileManager.default.contentsEqual(atPath: path, andPath: file), "\(number)")
      try FileManager.default.removeItem(atPath: path)
    }
  }

  @Test("Where other bytes are stored in a segment's place, nothing behind it goes along")
  func otherBytes() throws {
    defer { ground.remove() }
    try overwrite(2, with: 1)
    #expect(try push(2, "--read-ahead", "1").code == 0)
    try overwrite(2, with: 2)
    rest()
    let first = try push(0)
    #expect(first.code == 0 && first.said.contains("\(logSegment(2)) was not stored ahead"), "\(first.said)")
    #expect(stored == [0, 1, 2])
    let second = try push(2)
    #expect(second.code == 1 && second.said.contains("with other bytes"), "\(second.said)")
    #expect(stored == [0, 1, 2])
  }

  @Test("Nothing goes along with a segment that is refused, although it is sealed already")
  func refused() throws {
    defer { ground.remove() }
    #expect(try push(0, "--read-ahead", "1").code == 0)
    try overwrite(0, with: 1)
    rest()
    let outcome = try push(0)
    #expect(outcome.code == 1 && outcome.said.contains("with other bytes"), "\(outcome.said)")
    #expect(stored == [0])
  }
}
