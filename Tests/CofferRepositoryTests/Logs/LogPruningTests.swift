import CofferStorage
import CofferSystem
import Foundation
import Testing

@testable import CofferRepository

@Suite("Taking old log away")
struct LogPruningTests {
  private let ground: LogGround
  private static let hour = 3600.0

  init() throws {
    ground = try LogGround()
  }

  /// A segment an hour.
  private func put(_ numbers: ClosedRange<UInt64>, history: UInt32 = 1, with repository: Repository? = nil) throws {
    for number in numbers {
      try ground.put(number, history: history, with: repository)
      ground.ground.clock.advance(Self.hour)
    }
  }

  /// A segment by clocks that are so far ahead then, and right again behind it.
  private func put(_ number: UInt64, hoursAhead: Double) throws {
    ground.ground.clock.advance(hoursAhead * Self.hour)
    try put(number...number)
    // An hour has passed meanwhile.
    ground.ground.clock.advance(-(hoursAhead + 1) * Self.hour)
  }

  /// An archive with a base backup that begins at a segment; with nil one that names none.
  ///
  /// - Parameter hoursAhead: How far the clock of its host is.
  private func base(
    _ first: UInt64?, hoursAgo: Double, history: UInt32 = 1, key: String? = nil,
    of server: LogServer = LogGround.server, took: Double = 0, hoursAhead: Double = 0, dumps: [String]? = nil,
    missing: [String] = [], unplaced: [String]? = [], by configuration: String = "a.yaml"
  ) throws -> Archive {
    let time = ground.ground.clock.clock.now().addingTimeInterval(-hoursAgo * Self.hour)
    let need = LogNeed(
      server: server, first: try first.map { try LogGround.place($0, history: history) }, dumps: dumps,
      unplaced: unplaced)
    let end = time.addingTimeInterval(hoursAhead * Self.hour)
    let draft = ArchiveDraft(
      name: "a", hostname: "db1", username: "u", commandLine: [], configuration: configuration,
      start: end.addingTimeInterval(-took * Self.hour), missingDumps: missing, logNeeds: [need])
    var archive = Archive(
      id: "20260131t030000z-0123456789abcdef", draft: draft, end: end, statistics: ArchiveStatistics(),
      items: StreamReference(
        root: nil, depth: 0, size: 0, chunkCount: 0,
        hash: [UInt8](repeating: 0, count: 32).withUnsafeBytes { Digest256($0) }))
    archive.received = time
    archive.writeOnlyKey = key
    return archive
  }

  @discardableResult
  private func prune(
    hours: Double, for archives: [Archive] = [], isDryRun: Bool = false, over store: (any ObjectStore)? = nil,
    of name: String = "main"
  ) throws -> LogPruningReport {
    let repository = try ground.open(store)
    return try repository.pruneLogs(
      repository.logInventory(), window: hours * Self.hour, archives: archives, isDryRun: isDryRun,
      of: { $0.name.isSame(as: name) && $0.hostname.isSame(as: "db1") })
  }

  private func places(_ history: UInt32 = 1) throws -> [UInt64] {
    try ground.store.list("logs").compactMap { LogName($0.name) }
      .filter { $0.kind == .segment && $0.first.history == history }.map(\.first.number)
  }

  @Test(
    "Where an archive names no segment, all stays that the store has received since it was begun, whatever its host's clock says"
  )
  func unplaced() throws {
    try put(1...10)
    // It ended between the seventh and the eighth, and was begun between the fifth and the sixth.
    for hoursAhead in [0.0, 100, -1] {
      let archive = try base(nil, hoursAgo: 3.5, took: 2, hoursAhead: hoursAhead)
      let report = try prune(hours: 1, for: [archive], isDryRun: true)
      // A clock that is behind keeps what it seems to need.
      #expect(report.deleted == (hoursAhead < 0 ? 4 : 5), "\(hoursAhead)")
    }
    #expect(try prune(hours: 1, for: [base(nil, hoursAgo: 3.5, took: 2)]).deleted == 5)
    #expect(try places() == [6, 7, 8, 9, 10])
    // A newer one from before the window takes its place; those of other servers need nothing here.
    let other = LogServer(system: "mariadb", identity: "db9/main")
    let later = try base(nil, hoursAgo: 2.5)
    #expect(try prune(hours: 1, for: [later, base(nil, hoursAgo: 9, of: other)]).deleted == 3)
    #expect(try places() == [9, 10])
  }

  @Test(
    "Nothing goes where the record of an archive, which may need log, has lost its bytes",
    arguments: StrangeEntry.allCases)
  func lostRecord(entry: StrangeEntry) throws {
    let folder = try FolderRepository()
    defer { folder.remove() }
    for number in UInt64(1)...4 { try ground.put(number, with: folder.opened()) }
    let archive = try folder.backUp(["a": [1]], name: "one")
    func prune() throws -> LogPruningReport {
      let repository = try folder.opened()
      return try repository.pruneLogs(
        repository.logInventory(), window: -Self.hour, archives: repository.archives(), isDryRun: false,
        of: { _ in true })
    }
    let record = try #require(ObjectName("archives/\(archive.id)"))
    let bytes = try Data(contentsOf: URL(fileURLWithPath: folder.path(record)))
    try entry.replace(folder.path(record))
    let kept = try prune()
    #expect(kept.deleted == 0 && kept.kept == 4)
    try FileManager.default.removeItem(atPath: folder.path(record))
    try bytes.write(to: URL(fileURLWithPath: folder.path(record)))
    #expect(try prune().deleted == 4)
  }

  @Test("A record that is received a while after its archive has ended makes nothing go that the archive needs")
  func lateRecord() throws {
    try put(1...10)
    // It was begun a minute before the sixth, as long before now as its record says and ten minutes more.
    let late = try base(nil, hoursAgo: 3, took: 2 - 9.0 / 60, hoursAhead: 100)
    #expect(try prune(hours: 1, for: [late]).deleted == 5)
    #expect(try places() == [6, 7, 8, 9, 10])
  }

  @Test("The last history is that of any key, but for what nobody comes to by counting")
  func lastHistory() throws {
    let server = LogGround.server
    #expect(try ground.open().lastHistory(of: server) == 0)
    try ground.put(1)
    let host = try ground.host("host")
    #expect(try host.lastHistory(of: server) == 1)
    try ground.put(1, history: 2, with: host)
    try ground.put(1, history: .max, with: host)
    try ground.put(1, history: 3, server: LogServer(system: "mariadb", identity: "db9/main"))
    #expect(try ground.open().lastHistory(of: server) == 2)
  }

  /// How much stays where archives of hours ago have these dumps, all of them made before the window.
  private func kept(_ archives: Archive...) throws -> Int {
    20 - (try prune(hours: 1, for: archives, isDryRun: true).deleted)
  }

  @Test("Each dump keeps the log behind the last archive that has it, whichever archives are made of the others")
  func byDump() throws {
    try put(1...20)
    let both = try base(5, hoursAgo: 16, dumps: ["x", "y"])
    let x = try base(9, hoursAgo: 12, dumps: ["x"], by: "x.yaml")
    let y = try base(13, hoursAgo: 8, dumps: ["y"], by: "y.yaml")
    #expect(try kept(x, y) == 12)
    #expect(try kept(both, y) == 16)
    // Either has its own successor, and so what had both needs nothing any more.
    #expect(try kept(both, x, y) == 12)
    let newX = try base(15, hoursAgo: 6, dumps: ["x"], by: "x.yaml")
    #expect(try kept(both, x, y, newX) == 8)
    // Of which it is not known what they have: today's counts for all.
    #expect(try kept(both, try base(13, hoursAgo: 8)) == 8)
    #expect(try kept(try base(5, hoursAgo: 16), y) == 8)
    #expect(try kept(try base(5, hoursAgo: 16), x, y) == 12)
  }

  @Test("What the same configuration dumps no more keeps no log, but what failed does")
  func deselected() throws {
    try put(1...20)
    let both = try base(5, hoursAgo: 16, dumps: ["x", "y"])
    #expect(try kept(both, try base(13, hoursAgo: 8, dumps: ["y"])) == 8)
    #expect(try kept(both, try base(13, hoursAgo: 8, dumps: ["y"], missing: ["x"])) == 16)
    #expect(try kept(both, try base(13, hoursAgo: 8, dumps: ["y"], missing: ["z"])) == 8)
    // It failed once, and was left out, or dumped, in the next.
    let failed = try base(9, hoursAgo: 12, dumps: ["y"], missing: ["x"])
    #expect(try kept(both, failed, try base(13, hoursAgo: 8, dumps: ["y"])) == 8)
    #expect(try kept(both, failed, try base(13, hoursAgo: 8, dumps: ["x", "y"])) == 8)
    #expect(try kept(both, try base(13, hoursAgo: 8, dumps: ["y"], by: "b.yaml")) == 16)
  }

  @Test("A dump that does not know its place in the log takes no earlier one's place, however many there are of such")
  func unplacedDumps() throws {
    try put(1...20)
    let both = try base(5, hoursAgo: 16, dumps: ["x", "y"])
    let many = (0...1000).map { String($0) }
    for unplaced in [["x"], many + ["x"], nil] as [[String]?] {
      #expect(try kept(both, try base(13, hoursAgo: 8, dumps: ["y"], unplaced: unplaced)) == 16)
      // In the next it knows it again, or is dumped no more.
      let between = try base(9, hoursAgo: 12, dumps: ["y"], unplaced: unplaced)
      #expect(try kept(both, between, try base(13, hoursAgo: 8, dumps: ["x", "y"])) == 8)
      #expect(try kept(both, between, try base(13, hoursAgo: 8, dumps: ["y"])) == 8)
    }
    #expect(try kept(both, try base(13, hoursAgo: 8, dumps: ["y"], unplaced: ["z"])) == 8)
  }

  @Test(
    "Of an archive that names no dumps and no segment, what the same configuration makes takes the place, if nothing is lacking"
  )
  func unnamed() throws {
    try put(1...20)
    let old = try base(nil, hoursAgo: 16)
    let named = try base(nil, hoursAgo: 16, dumps: ["x"])
    let alone = try kept(old)
    let new = try kept(try base(nil, hoursAgo: 8))
    #expect(alone == new + 8 && alone < 20)
    #expect(try kept(old, try base(nil, hoursAgo: 8, dumps: ["x"])) == new)
    #expect(try kept(old, try base(nil, hoursAgo: 8)) == new)
    #expect(try kept(named, try base(nil, hoursAgo: 8)) == new)
    // Another one's may be of other databases of the server.
    #expect(try kept(old, try base(nil, hoursAgo: 8, dumps: ["y"], by: "b.yaml")) == alone)
    #expect(try kept(old, try base(nil, hoursAgo: 8, by: "b.yaml")) == alone)
    #expect(try kept(named, try base(nil, hoursAgo: 8, by: "b.yaml")) == alone)
    for (missing, unplaced) in [(["z"], []), ([], ["z"]), ([], nil)] as [([String], [String]?)] {
      #expect(try kept(old, try base(nil, hoursAgo: 8, missing: missing, unplaced: unplaced)) == alone)
    }
    #expect(try kept(named, try base(nil, hoursAgo: 8, missing: ["x"])) == alone)
    #expect(try kept(named, try base(nil, hoursAgo: 8, missing: ["z"])) == new)
  }

  @Test("Where a server's databases could not be listed, none of them was left out")
  func unlisted() throws {
    try put(1...20)
    let both = try base(5, hoursAgo: 16, dumps: ["m/db1/x", "p/db1/main"])
    func physical(_ missing: String..., hoursAgo: Double = 8) throws -> Archive {
      try base(13, hoursAgo: hoursAgo, dumps: ["p/db1/main"], missing: missing)
    }
    #expect(try kept(both, physical("m/db1/all")) == 16)
    #expect(try kept(both, physical("m/db1/x*")) == 16)
    #expect(try kept(both, physical("m/db2/all")) == 8)
    #expect(try kept(both, physical("m/db1/ball")) == 8)
    // It failed in both, in one way or the other.
    #expect(try kept(both, physical("m/db1/all"), physical("m/db1/x", hoursAgo: 7)) == 16)
    #expect(try kept(both, physical("m/db1/x"), physical("m/db1/all", hoursAgo: 7)) == 16)
    #expect(try kept(both, physical("m/db1/all"), physical("m/db1/y", hoursAgo: 7)) == 8)
  }

  @Test("Of one archive's base backups of a server none takes another's place")
  func sameTime() throws {
    try put(1...20)
    let bases = [try base(13, hoursAgo: 8), try base(9, hoursAgo: 8), try base(11, hoursAgo: 8)]
    #expect(try kept(bases[0], bases[1], bases[2]) == 12)
    #expect(try kept(base(5, hoursAgo: 16), bases[2], bases[1], bases[0]) == 12)
  }

  @Test("What an archive needs is written and read with a segment and without, and with its dumps")
  func needs() throws {
    for need in [
      LogNeed(server: LogGround.server, first: try LogGround.place(7)), LogNeed(server: LogGround.server, first: nil),
      LogNeed(server: LogGround.server, first: nil, dumps: ["mariadb_databases/db1/b", "mariadb_databases/db1/a"]),
      LogNeed(server: LogGround.server, first: nil, dumps: ["b"], unplaced: ["c", "d"]),
      LogNeed(server: LogGround.server, first: nil, dumps: ["b"], unplaced: nil),
    ] {
      #expect(try JSONDecoder().decode(LogNeed.self, from: JSONEncoder().encode(need)) == need)
    }
    #expect(throws: DecodingError.self) {
      try JSONDecoder().decode(LogNeed.self, from: Data(#"{"system":"s","identity":"i","history":1}"#.utf8))
    }
    let many = LogNeed(server: LogGround.server, first: nil, dumps: (0...1000).map { String($0) })
    #expect(many.dumps == nil && LogNeed(server: LogGround.server, first: nil, dumps: []).dumps == nil)
    let plain = try JSONEncoder().encode(LogNeed(server: LogGround.server, first: nil, dumps: ["b"]))
    #expect(!String(decoding: plain, as: UTF8.self).contains("unplaced"))
  }

  @Test(
    "The window is kept, counted back from the newest segment: a silent server's log stays, whatever the clock says")
  func window() throws {
    try put(1...10)
    #expect(try prune(hours: 3, isDryRun: true).deleted == 6)
    #expect(try places() == Array(1...10))
    ground.ground.clock.advance(1e9)
    #expect(try prune(hours: 3).deleted == 6)
    #expect(try places() == [7, 8, 9, 10])
    #expect(try prune(hours: 3).deleted == 0)
    #expect(try prune(hours: 0.001).deleted == 3)
    #expect(try places() == [10])
  }

  @Test("A clock that was ahead makes no hole: what is younger than something that stays, stays")
  func clock() throws {
    try put(1...3)
    try put(4, hoursAhead: 50)
    try put(5...8)
    #expect(try prune(hours: 2).deleted == 3)
    #expect(try places() == [4, 5, 6, 7, 8])
  }

  @Test("The log of a server that is not meant stays, all of it")
  func otherServers() throws {
    try put(1...10)
    let before = try ground.names
    let report = try prune(hours: 2, of: "reports")
    #expect(report.deleted == 0 && report.otherLogs == 1 && report.kept == 10)
    #expect(try ground.names == before)
    #expect(try prune(hours: 2).otherLogs == 0)
    #expect(try places() == [8, 9, 10])
  }

  @Test("A store whose clock was far ahead makes nothing old, although its newest is of the future")
  func future() throws {
    try put(1...6)
    try put(7, hoursAhead: 1000)
    #expect(try prune(hours: 7).deleted == 0)
    #expect(try places() == Array(1...7))
    #expect(try prune(hours: 2).deleted == 3)
  }

  @Test("What was put by a clock that was behind is as old as the store says, also when it was joined")
  func behind() throws {
    let behind = ManualClock()
    behind.advance(-5000 * Self.hour)
    let host = try Repository.open(
      in: ground.store, passphrase: TestRepository.passphrase, surroundings: TestRepository.surroundings(clock: behind))
    try put(1...20, with: host)
    try ground.compact()
    #expect(try ground.names("joined").count == 1)
    try put(21...22)
    #expect(try prune(hours: 5).deleted == 0)
    try ground.expectWhole(1...22)
    #expect(try prune(hours: 1).deleted == 1)
  }

  @Test("What a store's clock that was behind calls old stays while whoever put it says otherwise")
  func storeBehind() throws {
    let slow = ManualClock()
    slow.advance(-5000 * Self.hour)
    let store = MemoryStore(now: slow.clock.now)
    for status in try ground.store.list("") { try store.put(status.name, try ground.store.get(status.name)) }
    try ground.put(1, with: ground.open(store))
    slow.advance(5001 * Self.hour)
    ground.ground.clock.advance(Self.hour)
    try ground.put(2, with: ground.open(store))
    #expect(try prune(hours: 2, over: store).deleted == 0)
    ground.ground.clock.advance(2 * Self.hour)
    slow.advance(2 * Self.hour)
    try ground.put(3, with: ground.open(store))
    #expect(try prune(hours: 2, over: store).deleted == 1)
  }

  @Test("All stays from the newest base backup on that is older than the window, or from the oldest where none is")
  func bases() throws {
    try put(1...20)
    // Of another server's archives nothing is asked.
    let other = try base(2, hoursAgo: 17, of: LogServer(system: "postgresql", identity: "1"))
    let bases = [try base(4, hoursAgo: 17), try base(11, hoursAgo: 9), try base(18, hoursAgo: 2)]
    #expect(try prune(hours: 18, for: bases + [other]).deleted == 1)
    #expect(try prune(hours: 15, for: Array(bases.dropFirst())).deleted == 3)
    #expect(try places() == Array(5...20))
    #expect(try prune(hours: 4, for: bases + [other]).deleted == 6)
    #expect(try places() == Array(11...20))
    #expect(try prune(hours: 4, for: [other]).deleted == 5)
    #expect(try places() == Array(16...20))
  }

  @Test(
    "Where every base backup is younger than the window, log stays from the oldest on, though it began before the window"
  )
  func onlyYoung() throws {
    try put(1...20)
    #expect(try prune(hours: 4, for: [try base(13, hoursAgo: 3), try base(18, hoursAgo: 2)]).deleted == 12)
    #expect(try places() == Array(13...20))
  }

  @Test("No archive makes log go that another signer's archive needs, nor does a clock that was wrong")
  func foreign() throws {
    try put(1...20)
    let own = try base(5, hoursAgo: 16)
    let forged = try base(19, hoursAgo: 15, key: "0123")
    #expect(try prune(hours: 4, for: [own, forged]).deleted == 4)
    #expect(try places() == Array(5...20))
    // Made in the window, though the host's clock or the store's calls it older.
    for clock in 0..<2 {
      var late = try base(10, hoursAgo: 2)
      if clock == 0 { late.end = late.end.addingTimeInterval(-20 * Self.hour) }
      if clock == 1 { late.received = late.end.addingTimeInterval(-20 * Self.hour) }
      #expect(try prune(hours: 4, for: [own, late]).deleted == 0)
    }
  }

  @Test("An archive that may become void makes no log go that another needs")
  func undecided() throws {
    try put(1...20)
    var newer = try base(12, hoursAgo: 9)
    newer.standing = .undecided
    #expect(try prune(hours: 4, for: [try base(5, hoursAgo: 16), newer]).deleted == 4)
    #expect(try places() == Array(5...20))
    #expect(try prune(hours: 4, for: [newer]).deleted == 7)
    #expect(try places() == Array(12...20))
  }

  @Test("What an archive needs of logs comes back with its record, and from this machine's copy")
  func record() throws {
    var draft = ArchiveDraft.named("base")
    draft.logNeeds = [
      LogNeed(server: LogGround.server, first: try LogGround.place(7, history: 3)),
      LogNeed(server: LogServer(system: "s", identity: ""), first: try LogGround.place(0)),
    ]
    _ = try ground.open().beginSession(cancellation: try Cancellation()).commit(draft)
    for _ in 0..<2 { #expect(try ground.open().archives().map(\.draft.logNeeds) == [draft.logNeeds]) }
    draft.logNeeds = [LogNeed](repeating: draft.logNeeds[0], count: 1025)
    _ = try ground.open().beginSession(cancellation: try Cancellation()).commit(draft)
    #expect(try ground.open().archives().count == 1)
  }

  @Test("Histories are one log, and the way through them stays")
  func histories() throws {
    try put(1...6)
    try ground.put(6, LogGround.content(60), kind: .file("partial"))
    try ground.put(0, [1], history: 2, kind: .file("history"))
    try put(6...16, history: 2)
    #expect(try prune(hours: 13).deleted == 3)
    #expect(try places() == [4, 5, 6])
    // A base backup of the first history needs all that came of it.
    #expect(try prune(hours: 1, for: [try base(5, hoursAgo: 13)]).deleted == 1)
    #expect(try places() == [5, 6] && places(2) == Array(6...16))
    #expect(try prune(hours: 1).deleted == 12)
    #expect(try places() == [] && places(2) == [15, 16])
    #expect(try ground.names("files").count == 1)
  }

  @Test("What others put makes nobody's log go, and where the newest cannot be read nothing goes")
  func others() throws {
    let (host, thief) = (try ground.host("host"), try ground.host("thief"))
    try put(1...5, with: host)
    ground.ground.clock.advance(100 * Self.hour)
    try put(6...9, with: thief)
    let id = host.context.keys.id.description
    let name = try #require(try ground.names.first { $0.contains(id) })
    // Litter with the host's name, which is the newest of all.
    for number in 0..<3 {
      let litter = name.replacing("0000000000000001-24", with: "00000000000000a\(number)-24")
      try ground.store.put(try #require(ObjectName(litter)), [1, 2, 3])
    }
    #expect(try prune(hours: 2).deleted == 3)
    #expect(try places().filter { $0 < 6 } == [3, 4, 5])
    for place in ["3", "4", "5"] {
      let lost = name.replacing("0000000000000001-24", with: "000000000000000\(place)-24")
      let genuine = try #require(try ground.names.first { $0.hasPrefix(String(lost.dropLast(32))) })
      ground.store.tamper(try #require(ObjectName(genuine))) { $0[200] ^= 1 }
    }
    #expect(try prune(hours: 1).deleted == 1)
    #expect(try places().filter { $0 < 10 } == [3, 4, 5, 8, 9])
    #expect(ground.said.update { $0.contains { $0.contains("nothing of it is deleted") } })
  }

  @Test("What is joined goes when the last of it is old, and by when that was put, not by when it was joined")
  func joined() throws {
    try put(1...40)
    ground.ground.clock.advance(500 * Self.hour)
    try ground.compact()
    try put(41...50)
    #expect(try ground.names("joined").count == 1)
    #expect(try prune(hours: 100).deleted == 1)
    #expect(try places() == Array(41...50))
    try put(51...60)
    try ground.compact()
    #expect(try prune(hours: 100).deleted == 0)
    try ground.expectWhole(41...60)
  }

  @Test("Killed anywhere, a run has deleted from the oldest on, and left no hole")
  func killed() throws {
    try put(1...8)
    for number in 0...3 {
      _ = try? prune(hours: 2, over: SteppedStore.stopping(ground.store, beforeChange: number))
      let left = try places()
      #expect(left == Array((left.first ?? 9)...8))
    }
    try prune(hours: 2)
    #expect(try places() == [6, 7, 8])
  }
}
