import CofferStorage
import CofferSystem
import Foundation
import Testing

@testable import CofferActions
@testable import CofferRepository

@Suite("Archives that a compaction has passed by")
struct VoidArchiveTests {
  private let ground: ProgramGround

  init() throws {
    ground = try ProgramGround("void")
    try FileManager.default.createDirectory(atPath: ground.folder + "/source", withIntermediateDirectories: true)
  }

  private func coffer(_ arguments: String...) throws -> (code: Int32, said: String) {
    try ground.coffer(arguments) { surroundings, cancellation, output in
      Program(surroundings: surroundings, cancellation: cancellation, output: output)
    }
  }

  private func backUp(_ name: String, _ text: String) throws {
    try ground.write("source/file", text)
    try configure(name)
    let made = try coffer("create")
    #expect(made.code == 0, "\(made.said)")
  }

  private func configure(_ name: String) throws {
    try ground.configure(
      """
      source_directories: [source]
      working_directory: \(ground.folder)
      archive_name_format: '\(name)'
      match_archives: '*'
      keep_daily: 1
      """)
  }

  private var context: RepositoryContext {
    get throws {
      try Repository.open(
        in: LocalDirectoryStore(root: ground.folder + "/repository"),
        passphrase: SecretBytes(passphrase: "correct horse"),
        surroundings: RepositorySurroundings(clock: .system, random: .system, keyFolder: "", workers: 1)
      ).context
    }
  }

  private func close(_ round: Int) throws {
    let context = try context
    let index = Set(try context.store.list("index").compactMap { Digest256(hex: $0.name.lastPart) })
    _ = try Rounds.put(RoundPlan(round: round, condemned: [], index: index), context)
    _ = try Rounds.put(RoundClosing(round: round), context)
  }

  private func sweep(_ round: Int, _ census: [String]) throws {
    let context = try context
    let index = Set(try context.store.list("index").compactMap { Digest256(hex: $0.name.lastPart) })
    _ = try Rounds.put(RoundSweep(round: round, going: [], index: index, census: census), context)
  }

  @Test("They are shown as void, are never latest, are named in the error when they are asked for, and can be deleted")
  func void() throws {
    defer { ground.remove() }
    try configure("kept")
    #expect(try coffer("repo-create", "--encryption", "repokey").code == 0)
    try backUp("kept", "old")
    let kept = try Repository(context: context).archives().map(\.id)
    try backUp("late", "new")
    try close(1)
    let undecided = try coffer("repo-list")
    #expect(undecided.said.contains("undecided") && !undecided.said.contains("void"))
    // Both are of before the closing: neither pushes the other out.
    #expect(try coffer("prune").code == 0)
    try sweep(1, kept)
    let list = try coffer("repo-list")
    let lines = list.said.split(separator: "\n")
    #expect(lines.contains { $0.contains("late") && $0.contains("void") })
    #expect(lines.contains { $0.contains("kept") && !$0.contains("void") })
    #expect(try coffer("repo-list", "--json").said.contains("\"standing\":\"void\""))
    #expect(try coffer("info", "--archive", "late").said.contains("void"))
    #expect(try coffer("repo-info").said.contains("1, and 1 void ones"))
    for arguments in [
      ["list", "--archive", "late"], ["extract", "--archive", "late"], ["restore", "--archive", "late"],
    ] {
      let asked = try ground.coffer(arguments) { surroundings, cancellation, output in
        Program(surroundings: surroundings, cancellation: cancellation, output: output)
      }
      #expect(asked.code == 1 && asked.said.contains("is void"), "\(arguments): \(asked.said)")
    }
    let place = ground.folder + "/out"
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    let latest = try coffer("extract", "--archive", "latest", "--destination", place)
    #expect(latest.code == 0, "\(latest.said)")
    #expect(try ground.read("out/source/file") == "old")
    // It pushes nothing out, and is not pruned either.
    #expect(try coffer("prune").code == 0)
    #expect(try Repository(context: context).archives().map(\.standing) == [.counts, .void])
    #expect(try coffer("check").code == 0)
    // The same name can be taken by the run that is made again.
    try backUp("late", "new")
    #expect(try coffer("delete", "--archive", Repository(context: context).archives()[1].id, "--yes").code == 0)
    #expect(try Repository(context: context).archives().map(\.standing) == [.counts, .counts])
  }

  @Test("Where it cannot be read what was decided, archives are listed, and prune fails and deletes nothing")
  func unreadable() throws {
    defer { ground.remove() }
    try configure("kept")
    #expect(try coffer("repo-create", "--encryption", "repokey").code == 0)
    try backUp("first", "old")
    try backUp("second", "new")
    try close(1)
    try sweep(1, try Repository(context: context).archives().map(\.id))
    let folder = "\(ground.folder)/repository/gc"
    let sweeps = try FileManager.default.contentsOfDirectory(atPath: folder)
    for name in sweeps {
      let url = URL(fileURLWithPath: "\(folder)/\(name)")
      try FileManager.default.removeItem(at: url)
      try Data("what a disk has made of it".utf8).write(to: url)
    }
    let pruned = try coffer("prune")
    #expect(pruned.code == 1 && pruned.said.contains("gc/"), "\(pruned.said)")
    let list = try coffer("repo-list")
    #expect(list.code == 0 && list.said.contains("first") && list.said.contains("second"), "\(list.said)")
    #expect(try Repository(context: context).archives().count == 2)
  }
}
