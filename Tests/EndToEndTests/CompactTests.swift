import Foundation
import Testing

@Suite("Giving space back, with the built program")
struct CompactTests {
  private let ground: Playground

  init() throws {
    ground = try Playground()
    try ground.configure("archive_name_format: 'files-{now}'\nsource_directories: [\(ground.folder)/files]\n")
    let made = try ground.coffer("repo-create", "--encryption", "repokey")
    try #require(made.status == .exited(0), "\(made.errors)")
  }

  private func fill(_ seed: Int) throws -> String {
    var state = UInt64(seed)
    let text = (0..<80_000).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return String(state >> 16, radix: 36)
    }.joined(separator: "\n")
    try ground.write("files/data.txt", text)
    return text
  }

  private func size() throws -> Int {
    let manager = FileManager.default
    return try (manager.enumerator(atPath: ground.repository)?.allObjects as? [String] ?? []).reduce(0) { sum, name in
      let facts = try manager.attributesOfItem(atPath: "\(ground.repository)/\(name)")
      return sum + (facts[.type] as? FileAttributeType == .typeRegular ? facts[.size] as? Int ?? 0 : 0)
    }
  }

  @Test("What was deleted comes back as space in the folder, and what is kept is extracted as it was")
  func space() throws {
    _ = try fill(1)
    #expect(try ground.coffer("create").status == .exited(0))
    let kept = try fill(2)
    #expect(try ground.coffer("create").status == .exited(0))
    let archives = try ground.coffer("repo-list", "--short").output.split(separator: "\n")
    let deleted = try ground.coffer("delete", "--archive", String(archives[0]), "--yes", "--verbosity", "1")
    #expect(deleted.errors.contains("'coffer compact' gives its space back, about "), "\(deleted.errors)")
    let before = try size()
    let plan = try ground.coffer("compact", "--dry-run")
    #expect(plan.status == .exited(0) && plan.output.contains("Would give up"), "\(plan.output)\(plan.errors)")
    #expect(try size() == before)
    let run = try ground.coffer("compact", "--json", "--threshold", "5", "--wait", "1s", "--max-repack-size", "1G")
    #expect(run.status == .exited(0), "\(run.errors)")
    let compaction = try #require(run.json.first?["compaction"] as? [String: Any])
    #expect(compaction["outcome"] as? String == "done")
    #expect(compaction["size_before"] as? Int == before)
    let after = try size()
    #expect(compaction["size_after"] as? Int == after)
    #expect(before - after > 300_000, "\(before) \(after)")
    let again = try ground.coffer("compact", "--verbosity", "1")
    #expect(again.status == .exited(0) && again.errors.contains("Nothing to give back"), "\(again.errors)")
    #expect(try ground.coffer("check", "--level", "4").status == .exited(0))
    let extracted = try ground.coffer("extract", "--archive", "latest", "--destination", "\(ground.folder)/out")
    #expect(extracted.status == .exited(0), "\(extracted.errors)")
    #expect(
      try String(contentsOfFile: "\(ground.folder)/out\(ground.folder)/files/data.txt", encoding: .utf8) == kept)
  }

  @Test("prune says what a compaction would give back, and to programs, too; a compaction gives about as much back")
  func spaceToCome() throws {
    for seed in 1...3 {
      _ = try fill(seed)
      #expect(try ground.coffer("create").status == .exited(0))
    }
    let run = try ground.coffer("prune", "--keep-last", "2", "--json")
    #expect(run.status == .exited(0) && run.json.first?["deleted"] as? Int == 1, "\(run.errors)")
    let said = try #require(run.json.first?["space_to_come"] as? Int)
    let plan = try ground.coffer("compact", "--dry-run", "--json")
    #expect((plan.json.first?["compaction"] as? [String: Any])?["space_to_come"] as? Int == said, "\(plan.errors)")
    let nothing = try ground.coffer("prune", "--keep-last", "2", "--stats")
    #expect(nothing.status == .exited(0) && !nothing.output.contains("coffer compact"), "\(nothing.output)")
    let stats = try ground.coffer("prune", "--keep-last", "1", "--stats")
    #expect(stats.output.contains("'coffer compact' gives their space back, about "), "\(stats.output)\(stats.errors)")
    let before = try size()
    #expect(try ground.coffer("compact").status == .exited(0))
    #expect(before - (try size()) > said, "\(before) \(said)")
  }

  @Test("A bare 'coffer' creates, prunes, compacts and checks; 'skip_actions' leaves compacting out")
  func bare() throws {
    _ = try fill(1)
    #expect(try ground.coffer("create").status == .exited(0))
    _ = try fill(2)
    let options = "archive_name_format: 'files-{now}'\nsource_directories: [\(ground.folder)/files]\nkeep_daily: 1\n"
    try ground.configure(options + "skip_actions: [compact]\n")
    let skipped = try ground.coffer("--verbosity", "1")
    #expect(skipped.status == .exited(0) && !skipped.errors.contains("Gave up"), "\(skipped.errors)")
    try ground.configure(options)
    let run = try ground.coffer("--verbosity", "1")
    #expect(run.status == .exited(0) && run.errors.contains("Gave up"), "\(run.errors)")
  }

  @Test("Values that are none are refused before anything is done")
  func refused() throws {
    for arguments in [["--threshold", "101"], ["--max-repack-size", "many"], ["--wait", "soon"], ["--wait", "-1s"]] {
      let run = try ground.coffer(["compact"] + arguments)
      #expect(run.status == .exited(1) && run.errors.contains(arguments[0]), "\(run.errors)")
    }
  }
}
