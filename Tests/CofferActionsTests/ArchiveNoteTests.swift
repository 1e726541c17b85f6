import CofferConfiguration
import CofferRepository
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferActions
@testable import CofferHooks

@Suite("Labels, reasons, tags, and until when archives are kept")
struct ArchiveNoteTests {
  private static let now = Date(timeIntervalSince1970: 1_800_000_000)

  private func candidate(
    _ id: String, hoursAgo: Double, until: Date? = nil, label: String = ""
  ) -> RetentionPolicy.Candidate {
    RetentionPolicy.Candidate(
      id: id, date: Self.now.addingTimeInterval(-3600 * hoursAgo), isPartial: false, keepUntil: until, label: label)
  }

  @Test("What is kept for a purpose takes no place of what is kept by its age")
  func places() {
    var policy = RetentionPolicy()
    policy.last = 1
    policy.labelled = 48 * 3600
    let archives = [
      candidate("old", hoursAgo: 100), candidate("pinned", hoursAgo: 90, until: Self.now.addingTimeInterval(1)),
      candidate("past", hoursAgo: 80, until: Self.now), candidate("outgrown", hoursAgo: 49, label: "v6"),
      candidate("plain", hoursAgo: 3), candidate("labelled", hoursAgo: 2, label: "v7"),
    ]
    let reasons = policy.reasons(for: archives, now: Self.now)
    #expect(reasons.keys.sorted() == ["labelled", "pinned", "plain"])
    #expect(reasons["plain"] == .init(rule: "last", number: 1))
    #expect(reasons["labelled"] == .init(rule: "labelled", note: "v7"))
    #expect(reasons["pinned"]?.rule == "until")
    policy.labelled = nil
    #expect(policy.reasons(for: archives, now: Self.now).keys.sorted() == ["labelled", "pinned"])
    // Alone it deletes nothing.
    policy = RetentionPolicy()
    policy.labelled = 1
    #expect(policy.isEmpty)
  }

  @Test("What is pinned is kept whatever the rules say, and takes nobody's place")
  func pinned() {
    var policy = RetentionPolicy()
    policy.last = 1
    var old = candidate("old", hoursAgo: 100)
    old.isPinned = true
    var newest = candidate("newest", hoursAgo: 1)
    newest.isPinned = true
    let reasons = policy.reasons(
      for: [old, candidate("plain", hoursAgo: 3), candidate("gone", hoursAgo: 4), newest], now: Self.now)
    #expect(reasons == ["old": .pinned, "newest": .pinned, "plain": .init(rule: "last", number: 1)])
    #expect(reasons["old"]?.description == "pinned")
  }

  @Test("A pinned archive is shown, stays with prune and delete, is refused by its name, and goes when it is unpinned")
  func pins() throws {
    let ground = try ProgramGround("pin", remembersKeys: true)
    defer { ground.remove() }
    func coffer(_ arguments: String...) throws -> (code: Int32, said: String) {
      try ground.coffer(arguments) { surroundings, cancellation, output in
        Program(surroundings: surroundings, cancellation: cancellation, hooks: .standard, output: output)
      }
    }
    try ground.write("file", "content")
    let basis = "source_directories: [\(ground.folder)/file]\narchive_name_format: '{hostname}-{now:%S.%f}'\n"
    try ground.configure(basis + "keep_last: 1\n")
    #expect(try coffer("repo-create", "--encryption", "repokey").code == 0)
    for _ in 0..<3 { #expect(try coffer("create").code == 0) }
    let names = try coffer("repo-list", "--short").said.split(separator: "\n").map(String.init)
    #expect(try coffer("pin").said.contains("The flag --archive is missing"))
    #expect(try coffer("pin", "--archive", "nothing").code == 1)
    #expect(try coffer("pin", "--archive", names[0], "--dry-run").said.contains("Would pin"))
    #expect(try coffer("pin", "--archive", names[0], "--reason", "the books").code == 0)
    #expect(try coffer("pin", "--archive", names[0], "--verbosity", "1").said.contains("pinned already"))
    let list = try coffer("repo-list").said.split(separator: "\n")
    #expect(list.map { $0.contains("pinned") } == [true, false, false], "\(list)")
    #expect(try coffer("info", "--archive", names[0]).said.contains(/Pinned: +.*, by me on here: the books/))
    let json = try coffer("repo-list", "--json").said
    #expect(json.matches(of: /"pinned": ?true/).count == 1 && json.contains(/"reason": ?"the books"/), "\(json)")
    let refused = try coffer("delete", "--archive", names[0], "--yes")
    #expect(refused.code == 1 && refused.said.contains("is pinned, and stays") && refused.said.contains("coffer unpin"))
    #expect(try coffer("prune", "--list", "--dry-run").said.contains("Keeping (pinned): \(names[0])"))
    #expect(try coffer("prune").code == 0)
    #expect(try coffer("repo-list", "--short").said == "\(names[0])\n\(names[2])\n")
    let several = try coffer("delete", "--match-archives", "*", "--yes")
    #expect(several.said.contains("Archive \(names[0]) is pinned, and stays"), "\(several.said)")
    #expect(try coffer("repo-list", "--short").said == "\(names[0])\n")
    #expect(try coffer("unpin", "--archive", names[0]).code == 0)
    #expect(try coffer("unpin", "--archive", names[0], "--verbosity", "1").said.contains("was not pinned"))
    #expect(try coffer("unpin", "--archive", "nothing").code == 1)
    #expect(try coffer("delete", "--archive", names[0], "--yes").code == 0)
    #expect(try coffer("repo-list", "--short").said == "")
  }

  @Test("The word of a write-only key counts for a year from when the store had the archive")
  func writeOnly() throws {
    let draft = ArchiveDraft(
      name: "a", hostname: "h", username: "u", commandLine: [], keepUntil: Self.now.addingTimeInterval(1e10),
      start: Self.now)
    var archive = Archive(
      id: "20270115t080000z-0123456789abcdef", draft: draft, end: Self.now.addingTimeInterval(9e9),
      statistics: ArchiveStatistics(),
      items: StreamReference(
        root: nil, depth: 0, size: 0, chunkCount: 0, hash: try [UInt8]().withUnsafeBytes { try ContentHasher.hash($0) })
    )
    archive.received = Self.now
    #expect(archive.keepUntil == draft.keepUntil)
    archive.writeOnlyKey = "0123456789abcdef"
    #expect(archive.keepUntil == Self.now.addingTimeInterval(366 * 86400))
  }

  @Test("Until when is a day to its end, or a time from now on")
  func dates() throws {
    let day = try #require(KeepUntil("2027-01-31")?.date(from: Self.now))
    #expect(Formats.strftime("%Y-%m-%d %H:%M:%S", day) == "2027-02-01 00:00:00")
    #expect(KeepUntil("30d")?.date(from: Self.now) == Self.now.addingTimeInterval(30 * 86400))
    let wrong = [
      "2027-02-30", "2027-1-31", "2027-13-01", "tomorrow", "", "0d", "-1d", "9999999999y", "2027-01-31T10",
      "+027-01-01",
    ]
    for text in wrong {
      #expect(KeepUntil(text) == nil, "\(text)")
    }
  }

  /// A Wednesday at noon and what follows, so that no window ends meanwhile.
  private static func noon() -> Clock {
    let start = Date(timeIntervalSince1970: 1_767_787_200)
    let steady = Clock.system.steadySeconds
    let begin = steady()
    return Clock(now: { start.addingTimeInterval(steady() - begin) }, steadySeconds: steady)
  }

  private static func surroundings(_ own: Surroundings, at clock: Clock) -> Surroundings {
    Surroundings(
      environment: own.environment, clock: clock, random: own.random, launcher: own.launcher,
      secretKeeper: own.secretKeeper, currentFolder: own.currentFolder, hostname: own.hostname,
      username: own.username, processors: own.processors)
  }

  @Test("They are kept with the archive, shown, and told by prune; with a schedule nothing is made twice")
  func endToEnd() throws {
    let ground = try ProgramGround("note", remembersKeys: true)
    defer { ground.remove() }
    let clock = Self.noon()
    func coffer(_ arguments: String...) throws -> (code: Int32, said: String) {
      try ground.coffer(arguments) { surroundings, cancellation, output in
        Program(
          surroundings: Self.surroundings(surroundings, at: clock), cancellation: cancellation, hooks: .standard,
          output: output)
      }
    }
    try ground.write("file", "content")
    let basis = "source_directories: [\(ground.folder)/file]\narchive_name_format: '{hostname}-{now:%S.%f}'\n"
    try ground.configure(basis)
    #expect(try coffer("repo-create", "--encryption", "repokey").code == 0)
    #expect(try coffer("create", "--keep-until", "2001-01-01").said.contains("has passed"))
    #expect(try coffer("create", "--keep-until", "soon").said.contains("'soon' is not a day like 2027-01-31"))
    #expect(try coffer("create", "--label", "a\nb").said.contains("is not a name of one line"))
    let noted = try coffer(
      "create", "--label", "before-upgrade", "--reason", "version 7", "--tag", "a", "--tag", "b", "--keep-until", "30d")
    #expect(noted.code == 0, "\(noted.said)")
    let info = try coffer("info", "--archive", "latest").said
    #expect(info.contains(/Label: +before-upgrade\nReason: +version 7\nTags: +a, b\nKept until: +[A-Z]/), "\(info)")
    let json = try coffer("info", "--archive", "latest", "--json").said
    #expect(json.contains(/"label": ?"before-upgrade"/) && json.contains(/"keep_until": ?"20/), "\(json)")
    #expect(try coffer("create", "--label", "other").code == 0)
    try ground.configure(basis + "schedule: weekly\nkeep_last: 1\nkeep_labelled: 1d\n")
    // What follows a backup that is not due is not done either.
    let again = try coffer()
    #expect(again.code == 0)
    #expect(again.said.contains("Nothing to do: this week has its archive here-"), "\(again.said)")
    #expect(!again.said.contains("Kept"))
    #expect(try coffer("create", "--force").code == 0)
    #expect(try coffer("create", "--force").code == 0)
    let pruned = try coffer("prune", "--list").said
    #expect(pruned.contains(/Keeping \(until \(20[0-9-]+ [0-9:]+\)\): here/), "\(pruned)")
    #expect(pruned.contains("Keeping (labelled (other)): here") && pruned.contains("Keeping (last #1): here"))
    #expect(try coffer("repo-list", "--json").said.parts(by: "\"archive\":").count - 1 == 3)
    // A partial archive is no backup, nor one of another host.
    try ground.configure(basis + "schedule: hourly\narchive_hostname: there\n")
    #expect(try coffer("create", "--stats").said.contains("Archive there-"))
    #expect(try coffer("create").said.contains("this hour has its archive there-"))
    try ground.configure(basis + "schedule: dayly\n")
    #expect(try coffer("config", "validate").said.contains("Did you mean 'daily'?"))
  }

  @Test("A backup that would leave too little space is not begun")
  func space() throws {
    let ground = try ProgramGround("space", remembersKeys: true)
    defer { ground.remove() }
    func coffer(_ arguments: String...) throws -> (code: Int32, said: String) {
      try ground.coffer(arguments) { surroundings, cancellation, output in
        Program(surroundings: surroundings, cancellation: cancellation, hooks: .standard, output: output)
      }
    }
    func configure(_ minimum: String) throws {
      try ground.configure(
        """
        min_free_space: \(minimum)
        custom_databases:
          - name: streamed
            dump_command: touch \(ground.folder)/begun; head -c 1000000 /dev/zero
            end_check: cat
          - name: in-a-file
            dump_command: head -c 2000000 /dev/zero > {output}
            end_check: cat

        """)
    }
    try configure("1k")
    #expect(try coffer("repo-create", "--encryption", "repokey").code == 0)
    let first = try coffer("create", "--verbosity", "1")
    #expect(first.code == 0, "\(first.said)")
    #expect(first.said.contains("'streamed' at localhost: What it will take is not known"), "\(first.said)")
    #expect(try !coffer("create", "--verbosity", "1").said.contains("is not known"))
    try FileManager.default.removeItem(atPath: "\(ground.folder)/begun")
    try configure("1000T")
    let refused = try coffer("create")
    #expect(refused.code == 1)
    #expect(
      refused.said.contains("Not enough space: a backup needs about \(Formats.size(2_400_000)), "), "\(refused.said)")
    #expect(refused.said.contains("(min_free_space), and the disk has "))
    #expect(!FileManager.default.fileExists(atPath: "\(ground.folder)/begun"))
    try configure("much")
    #expect(try coffer("config", "validate").said.contains("config.yaml:5:17"))
  }

  @Test("Neither the first backup nor a large one keeps later ones from being made for want of space")
  func growth() throws {
    let ground = try ProgramGround("growth", remembersKeys: true)
    defer { ground.remove() }
    func coffer(_ arguments: String..., minimum: String = "1k") throws -> (code: Int32, said: String) {
      try ground.configure("min_free_space: \(minimum)\nsource_directories: [\(ground.folder)/file]\n")
      return try ground.coffer(arguments) { surroundings, cancellation, output in
        Program(surroundings: surroundings, cancellation: cancellation, hooks: .standard, output: output)
      }
    }
    var random = SeededRandom(7)
    func write() throws {
      let bytes = (0..<300_000).map { _ in UInt8.random(in: 0...255, using: &random) }
      try Data(bytes).write(to: URL(fileURLWithPath: "\(ground.folder)/file"))
    }
    func needed() throws -> Substring {
      let refused = try coffer("create", minimum: "1000T")
      #expect(refused.code == 1)
      return try #require(refused.said.firstMatch(of: /needs about ([^,]+),/)).1
    }
    try write()
    #expect(try coffer("repo-create", "--encryption", "repokey").code == 0)
    #expect(try coffer("create").code == 0)
    #expect(try needed() == Formats.size(0))
    #expect(try coffer("create").code == 0)
    let least = try needed()
    #expect(least != "0 B" && !least.contains("MB") && least.count < 8, "\(least)")
    try write()
    #expect(try coffer("create").code == 0)
    #expect(try needed() == least)
  }
}
