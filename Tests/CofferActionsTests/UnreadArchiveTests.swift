import CofferSystem
import Foundation
import Testing

@testable import CofferActions
@testable import CofferRepository

@Suite("Archives whose records cannot be read")
struct UnreadArchiveTests {
  private let ground: ProgramGround

  init() throws {
    ground = try ProgramGround("unread")
    try FileManager.default.createDirectory(atPath: ground.folder + "/source", withIntermediateDirectories: true)
    try FileManager.default.createDirectory(atPath: ground.folder + "/out", withIntermediateDirectories: true)
  }

  private func coffer(_ arguments: String...) throws -> (code: Int32, said: String) { try ground.coffer(arguments) }

  private func backUp(_ name: String, clock: Clock = .system) throws {
    try ground.write("source/file", name)
    try ground.configure(
      """
      source_directories: [source]
      working_directory: \(ground.folder)
      archive_name_format: '\(name)'
      match_archives: '*'
      """)
    let made = try ground.coffer(["create"], clock: clock)
    #expect(made.code == 0, "\(made.said)")
  }

  private func backUpTwice() throws {
    try ground.configure("")
    #expect(try coffer("repo-create", "--encryption", "repokey").code == 0)
    try backUp("old")
    try backUp("new")
  }

  /// Damages the record that was made last, of which this machine knows nothing any more.
  ///
  /// - Returns: The archive's id.
  @discardableResult
  private func damageNewest() throws -> String {
    let folder = "\(ground.folder)/repository/archives"
    let found = try FileManager.default.contentsOfDirectory(atPath: folder).map { "\(folder)/\($0)" }
    let newest = try #require(try found.max { try modified($0) < modified($1) })
    var bytes = try Data(contentsOf: URL(filePath: newest))
    bytes[60] ^= 1
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: newest)
    try bytes.write(to: URL(filePath: newest))
    try FileManager.default.removeItem(atPath: "\(ground.folder)/.cache")
    return URL(filePath: newest).lastPathComponent
  }

  private func modified(_ path: String) throws -> Double {
    var facts = stat()
    try #require(stat(path, &facts) == 0)
    return Double(facts.st_mtim.tv_sec) + Double(facts.st_mtim.tv_nsec) / 1e9
  }

  @Test("The latest archive is no older one: who means that names it")
  func latest() throws {
    defer { ground.remove() }
    try backUpTwice()
    try damageNewest()
    let place = "\(ground.folder)/out"
    for words in [
      ["extract", "--archive", "latest", "--destination", place], ["list", "--archive", "latest"],
      ["restore", "--archive", "latest"], ["dump", "--archive", "latest", "--database", "x"],
      ["pin", "--archive", "latest"], ["export-tar", "--archive", "latest", "\(place)/tar"],
      ["info", "--archive", "latest"], ["diff", "old", "latest"],
    ] {
      let said = try ground.coffer(words)
      #expect(said.code == 1 && said.said.contains("newer than 'old' cannot be read"), "\(words): \(said.said)")
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: place) == [])
    #expect(try coffer("extract", "--archive", "old", "--destination", place).code == 0)
    #expect(try ground.read("out/source/file") == "old")
    let named = try coffer("delete", "--archive", "new")
    #expect(named.code == 1 && named.said.contains("that can be read; one cannot be"), "\(named.said)")
    // With a newer one that can be read nobody has to know.
    let later = Clock(now: { Date.now.addingTimeInterval(10) }, steadySeconds: Clock.system.steadySeconds)
    try backUp("newest", clock: later)
    #expect(try coffer("extract", "--archive", "latest", "--destination", "\(place)/more").code == 0)
  }

  @Test("One that cannot be read is unpinned and deleted by its id")
  func away() throws {
    defer { ground.remove() }
    try backUpTwice()
    #expect(try coffer("pin", "--archive", "new").code == 0)
    let id = try damageNewest()
    let unpinned = try coffer("--verbosity", "1", "unpin", "--archive", id)
    #expect(unpinned.code == 0 && unpinned.said.contains("Unpinned"), "\(unpinned.said)")
    let deleted = try coffer("delete", "--archive", id, "--yes")
    #expect(deleted.code == 0, "\(deleted.said)")
    #expect(try coffer("list", "--archive", "latest").code == 0)
    // What nothing has is no archive, as before.
    let none = try coffer("delete", "--archive", "none")
    #expect(none.code == 1 && none.said.contains("There is no such archive"), "\(none.said)")
  }

  @Test("An id tells when its archive was written, and what is no id tells nothing")
  func times() {
    let time = Date(timeIntervalSince1970: 1_795_235_829)
    let id = ArchiveID.make(at: time, [1, 2, 3, 4, 5, 6, 7, 8])
    #expect(id == "20261121t043709z-0102030405060708" && ArchiveID.time(of: id) == time)
    for text in ["", "20261121t043709z", "20261121x043709z-01", "2026112\u{e9}t043709z-01", "x0261121t043709z-01"] {
      #expect(ArchiveID.time(of: text) == nil, "\(text)")
    }
  }
}
