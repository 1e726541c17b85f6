import CofferSystem
import Foundation
import TestSupport
import Testing

/// The built program that receives an oplog, and what stands in for MongoDB's tools.
private struct OplogGround: ReceiverGround {
  let ground: Playground
  let tools: MongoDBStandIn
  /// Of the moments a ledger is written at: entry n is of second n.
  static let start: UInt32 = 1_700_000_000

  init(_ more: String = "") throws {
    ground = try Playground()
    tools = try MongoDBStandIn()
    ground.environment["PATH"] = "\(tools.folder):/usr/bin:/bin"
    try ground.configure(
      "mongodb_databases: [{name: all, oplog: true}]\nmongodb_servers: [{name: main, log_within: 1 hour}]\n" + more)
    try ground.coffer("repo-create", "-e", "repokey")
  }

  static func entries(_ numbers: ClosedRange<UInt32>) -> [OplogBuilder.Entry] {
    numbers.map { OplogBuilder.insert($0, start + $0, 1) }
  }

  func receive(_ more: [String] = []) throws -> ChildProcess {
    try SystemProcessLauncher().launch(
      ChildCommand(
        ground.binary, ["--config", "\(ground.folder)/config.yaml", "oplog", "receive"] + more,
        environment: ProcessEnvironment(ground.environment), workingDirectory: ground.folder))
  }

  /// - Parameter repository: nil for the first.
  func logs(in repository: String? = nil) throws -> [[String: Any]] {
    let more = repository.map { ["--repository", $0] } ?? []
    return try ground.coffer(["oplog", "list", "--json"] + more).json.first?["logs"] as? [[String: Any]] ?? []
  }

  /// Waits until an entry is stored as the last of a history.
  func wait(for number: UInt32, in history: Int = 1, of repository: String? = nil, _ child: ChildProcess) throws {
    let goal = "\(Self.start + number):1"
    let deadline = Date().addingTimeInterval(120)
    while true {
      let end = try logs(in: repository).first { $0["history"] as? Int == history }?["end"] as? [String: Any]
      if end?["ts"] as? String == goal { return }
      try #require(Date() < deadline && child.wait(seconds: 0) == nil, "\(goal): \(child.lastErrorLines)")
      usleep(200_000)
    }
  }

  /// Receives until an entry is stored.
  func receive(to number: UInt32, in history: Int = 1, _ more: String...) throws {
    let child = try receive(more)
    try wait(for: number, in: history, child)
    try stop(child)
  }

  /// A backup of the server whose dump has some entries of the oplog.
  func backUp(_ numbers: ClosedRange<UInt32>) throws {
    try tools.write("archive", OplogBuilder.archive(["shop.ledger"], Self.entries(numbers)))
    let create = try ground.coffer("create")
    #expect(create.status == .exited(0), "\(create.errors)")
  }

  /// What the last mongorestore was given, and how it was called.
  func restored() throws -> (bytes: [UInt8]?, arguments: [String]?) {
    let count = try #require(tools.text("count")).trimmingCharacters(in: .whitespacesAndNewlines)
    let number = try #require(Int(count))
    return (tools.bytes("\(number).mongorestore.input"), tools.arguments(number, "mongorestore"))
  }

  static func moment(_ number: UInt32) -> String {
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(identifier: "UTC")
    formatter.dateFormat = "yyyy-MM-dd HH:mm:ss'Z'"
    return formatter.string(from: Date(timeIntervalSince1970: Double(start + number)))
  }
}

@Suite("A MongoDB server's oplog with the built program, and a stand-in for MongoDB's tools", .serialized)
struct OplogTests {
  @Test("A server is brought to any moment, by exactly the entries up to it, wherever the receiver was killed")
  func ledger() throws {
    let ground = try OplogGround()
    try ground.tools.append(OplogGround.entries(1...3))
    var receiver = try ground.receive()
    try ground.wait(for: 3, receiver)
    try ground.backUp(2...3)
    for end in stride(from: UInt32(5), through: 13, by: 2) {
      try ground.tools.append(OplogGround.entries(end - 1...end))
      if end == 9 { try ground.wait(for: 9, receiver) }
      usleep(.random(in: 0...4_500_000))
      ground.crash(receiver)
      receiver = try ground.receive()
    }
    try ground.wait(for: 13, receiver)
    try ground.stop(receiver)

    for number in UInt32(3)...12 {
      let restore = try ground.ground.coffer("restore", "--to-time", OplogGround.moment(number))
      #expect(restore.status == .exited(0), "\(number): \(restore.errors)")
      let (bytes, arguments) = try ground.restored()
      let dump = OplogGround.entries(2...3)
      #expect(
        bytes
          == (number == 3
            ? OplogBuilder.archive(["shop.ledger"], dump)
            : OplogBuilder.archive(["shop.ledger"], dump, OplogGround.entries(4...number))))
      #expect(
        arguments == [
          "--archive", "--drop", "--stopOnError", "--oplogReplay", "--oplogLimit",
          "\(OplogGround.start + number + 1):0",
        ])
    }
    let entry = try ground.ground.coffer("restore", "--to-ts", "\(OplogGround.start + 13):1")
    #expect(entry.status == .exited(0), "\(entry.errors)")
    #expect(entry.output.contains("with 10 entries of the oplog behind it, the last \(OplogGround.start + 13):1"))
    #expect(
      try ground.restored().bytes
        == OplogBuilder.archive(["shop.ledger"], OplogGround.entries(2...3), OplogGround.entries(4...13)))
    let json = try ground.ground.coffer(
      "restore", "--to-ts", "\(OplogGround.start + 5):1", "--json", "--yes")
    let replayed = try #require(json.json.first?["replayed"] as? [String: Any])
    #expect(replayed["entries"] as? Int == 2)
    #expect(ground.ground.leftovers().isEmpty)
  }

  @Test("One of two repositories that is away keeps the oplog from no other, and has all when it is back")
  func oneAway() throws {
    let ground = try OplogGround()
    let (own, second) = (ground.ground.repository, "\(ground.ground.folder)/second")
    // The one that is away is the first that is put to.
    try ground.ground.write(
      "config.yaml",
      "repositories:\n  - path: \(second)\n  - path: \(own)\nmongodb_databases: [{name: all, oplog: true}]\n"
        + "mongodb_servers: [{name: main}]\n")
    try ground.ground.succeed("repo-create", "--repository", second, "-e", "repokey")
    try ground.tools.append(OplogGround.entries(1...3))
    let receiver = try ground.receive()
    for repository in [own, second] { try ground.wait(for: 3, of: repository, receiver) }
    try ground.takeLogsAway(from: second)
    for number in UInt32(4)...6 {
      try ground.tools.append(OplogGround.entries(number...number))
      try ground.wait(for: number, of: own, receiver)
    }
    try ground.bringLogsBack(to: second)
    try ground.tools.append(OplogGround.entries(7...7))
    for repository in [own, second] { try ground.wait(for: 7, of: repository, receiver) }
    let said = receiver.lastErrorLines
    for text in ["The other repositories go on", "It answers again", "It has all of the log again"] {
      #expect(said.filter { $0.contains(text) }.count == 1, "\(text): \(said)")
    }
    try ground.stop(receiver)
    for repository in [own, second] { #expect(try ground.logs(in: repository).count == 1) }
  }

  @Test("What cannot be reached is said with the nearest point that can, before anything is changed")
  func unreachable() throws {
    let ground = try OplogGround()
    try ground.tools.append(OplogGround.entries(1...5))
    try ground.backUp(2...3)
    let none = try ground.ground.coffer("restore", "--to-time", OplogGround.moment(4))
    #expect(none.status == .exited(1) && none.errors.contains("has no oplog with the entry"), "\(none.errors)")
    try ground.receive(to: 5)
    let late = try ground.ground.coffer("restore", "--to-time", OplogGround.moment(5))
    #expect(late.status == .exited(1), "\(late.errors)")
    #expect(late.errors.contains("The nearest point that can be reached: \(OplogGround.moment(4))"), "\(late.errors)")
    #expect(late.errors.contains("--to-ts \(OplogGround.start + 5):1"))
    let early = try ground.ground.coffer("restore", "--to-time", OplogGround.moment(2))
    #expect(early.status == .exited(1) && early.errors.contains("No dump was made before"), "\(early.errors)")
    let dry = try ground.ground.coffer("restore", "--to-time", OplogGround.moment(4), "--dry-run")
    #expect(dry.status == .exited(0), "\(dry.errors)")
    #expect(dry.output.contains("with 1 entry of the oplog behind it"), "\(dry.output)")

    // What mongorestore does not know is known before.
    try ground.tools.append([
      OplogBuilder.entry(
        "c", "admin.$cmd",
        [
          .array(
            "applyOps",
            [[.text("op", "c"), .text("ns", "shop.$cmd"), .document("o", [.text("importCollection", "x")])]])
        ], OplogGround.start + 6, 1),
      OplogBuilder.insert(7, OplogGround.start + 7, 1),
    ])
    try ground.receive(to: 7)
    let unknown = try ground.ground.coffer("restore", "--to-ts", "\(OplogGround.start + 7):1")
    #expect(unknown.status == .exited(1), "\(unknown.errors)")
    #expect(unknown.errors.contains("No mongorestore replays the command importCollection"))
    #expect(unknown.errors.contains("--to-ts \(OplogGround.start + 5):1"))
    for number in 1...200 {
      #expect(ground.tools.arguments(number, "mongorestore")?.contains("--dryRun") ?? true)
    }
  }

  @Test("That the log renames collections, of which mongorestore does not replay all, is told")
  func renamed() throws {
    let ground = try OplogGround()
    try ground.tools.append(OplogGround.entries(1...4))
    try ground.backUp(2...3)
    try ground.tools.append([
      OplogBuilder.entry(
        "c", "shop.$cmd", [.text("renameCollection", "shop.a"), .text("to", "shop.b")], OplogGround.start + 5, 1),
      OplogBuilder.insert(6, OplogGround.start + 6, 1),
    ])
    try ground.receive(to: 6)
    let before = try ground.ground.coffer("restore", "--to-ts", "\(OplogGround.start + 4):1")
    #expect(before.status == .exited(0) && !before.errors.contains("other names"), "\(before.errors)")
    let behind = try ground.ground.coffer("restore", "--to-ts", "\(OplogGround.start + 6):1", "--dry-run")
    #expect(behind.status == .exited(0), "\(behind.errors)")
    #expect(behind.errors.contains("gives collections other names, first in the entry of \(OplogGround.start + 5):1"))
  }

  @Test("Of several servers' logs with a dump's last entry that one is taken which its archive names, and else none")
  func whose() throws {
    let ground = try OplogGround()
    try ground.tools.append(OplogGround.entries(1...4))
    try ground.receive(to: 4)
    let dumps = "mongodb_databases: [{name: all, oplog: true}]\n"
    try ground.ground.configure(dumps + "mongodb_servers: [{name: copy}]\n")
    let receiver = try ground.receive()
    let deadline = Date().addingTimeInterval(120)
    while try ground.logs().count < 2 {
      try #require(Date() < deadline && receiver.wait(seconds: 0) == nil, "\(receiver.lastErrorLines)")
      usleep(200_000)
    }
    try ground.stop(receiver)
    try ground.ground.configure(dumps)
    try ground.backUp(2...3)
    let words = ["restore", "--to-ts", "\(OplogGround.start + 4):1"]
    let unknown = try ground.ground.coffer(words)
    #expect(unknown.status == .exited(1) && unknown.errors.contains("Several servers' logs"), "\(unknown.errors)")
    let told = try ground.ground.coffer(words + ["--signer", "0123456789abcdef"])
    #expect(told.status == .exited(0), "\(told.errors)")
    try ground.ground.configure(dumps + "mongodb_servers: [{name: main}]\n")
    try ground.backUp(2...3)
    let named = try ground.ground.coffer(words)
    #expect(named.status == .exited(0), "\(named.errors)")
  }

  @Test("What the server has thrown away ends the command, and with --leave-gap the log goes on as another history")
  func gap() throws {
    let ground = try OplogGround()
    try ground.tools.append(OplogGround.entries(1...4))
    try ground.receive(to: 4)
    try ground.backUp(3...4)
    try ground.tools.append(OplogGround.entries(5...8))
    try ground.tools.forget(OplogGround.entries(1...5))
    let refused = try ground.ground.coffer("oplog", "receive")
    #expect(refused.status == .exited(1), "\(refused.errors)")
    #expect(refused.errors.contains("has not the entry of \(OplogGround.start + 4):1 any more"), "\(refused.errors)")
    #expect(refused.errors.contains("--leave-gap"))
    try ground.receive(to: 8, in: 2, "--leave-gap")
    #expect(try ground.logs().count == 2)
    let restore = try ground.ground.coffer("restore", "--to-time", OplogGround.moment(7))
    #expect(restore.status == .exited(1) && restore.errors.contains("has a gap"), "\(restore.errors)")
    #expect(!restore.errors.contains("rolled back"), "\(restore.errors)")
    try ground.backUp(6...7)
    let later = try ground.ground.coffer("restore", "--to-ts", "\(OplogGround.start + 8):1")
    #expect(later.status == .exited(0), "\(later.errors)")
  }

  @Test("An entry that is another one than the stored is another log, and not taken for a part of it")
  func rolledBack() throws {
    let ground = try OplogGround()
    try ground.tools.append(OplogGround.entries(1...4))
    try ground.receive(to: 4)
    try ground.tools.append([OplogBuilder.insert(99, OplogGround.start + 4, 1)])
    let refused = try ground.ground.coffer("oplog", "receive")
    #expect(refused.status == .exited(1), "\(refused.errors)")
    #expect(refused.errors.contains("has another entry of \(OplogGround.start + 4):1"), "\(refused.errors)")
  }

  @Test("What is last before another primary's entries may have been rolled back, and is named with that")
  func doubtful() throws {
    let ground = try OplogGround()
    try ground.tools.append(OplogGround.entries(1...4))
    try ground.receive(to: 4)
    try ground.backUp(2...3)
    try ground.tools.append((4...5).map { OplogBuilder.insert($0 + 90, OplogGround.start + $0, 1, term: 2) })
    try ground.receive(to: 5, in: 2, "--leave-gap")
    let last = try ground.ground.coffer("restore", "--to-ts", "\(OplogGround.start + 4):1")
    #expect(last.status == .exited(0), "\(last.errors)")
    #expect(
      last.errors.contains("gap behind the entry of \(OplogGround.start + 4):1, and another primary"), "\(last.errors)")
    #expect(
      try ground.restored().bytes
        == OplogBuilder.archive(["shop.ledger"], OplogGround.entries(2...3), OplogGround.entries(4...4)))
    let none = try ground.ground.coffer("restore", "--to-time", OplogGround.moment(3))
    #expect(none.status == .exited(0) && !none.errors.contains("another primary"), "\(none.errors)")
    let late = try ground.ground.coffer("restore", "--to-ts", "\(OplogGround.start + 5):1")
    #expect(late.status == .exited(1) && late.errors.contains("--to-ts \(OplogGround.start + 4):1"), "\(late.errors)")
    #expect(late.errors.contains("the set may have rolled back what is last there"), "\(late.errors)")
  }

  @Test("What cannot be read at the log's end before another primary's entries keeps nobody from an earlier moment")
  func damagedEnd() throws {
    let ground = try OplogGround()
    let folder = "\(ground.ground.repository)/logs"
    func objects() throws -> Set<String> {
      Set(try FileManager.default.subpathsOfDirectory(atPath: folder).filter { !$0.hasSuffix("/") })
    }
    try ground.tools.append(OplogGround.entries(1...4))
    try ground.receive(to: 4)
    try ground.backUp(1...2)
    let before = try objects()
    try ground.tools.append(OplogGround.entries(5...5))
    try ground.receive(to: 5)
    let last = try objects().subtracting(before)
    try #require(last.count == 1)
    try ground.tools.append((5...6).map { OplogBuilder.insert($0 + 90, OplogGround.start + $0, 1, term: 2) })
    try ground.receive(to: 6, in: 2, "--leave-gap")
    for name in last {
      var bytes = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)"))
      bytes[bytes.count / 2] ^= 1
      try bytes.write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
    }
    let earlier = try ground.ground.coffer("restore", "--to-ts", "\(OplogGround.start + 3):1")
    #expect(earlier.status == .exited(0), "\(earlier.errors)")
    #expect(
      try ground.restored().bytes
        == OplogBuilder.archive(["shop.ledger"], OplogGround.entries(1...2), OplogGround.entries(3...3)))
    #expect(try ground.ground.coffer("restore", "--to-ts", "\(OplogGround.start + 5):1").status == .exited(1))
  }

  @Test("Several repositories go on each where it is, and end with the same log")
  func several() throws {
    let ground = try OplogGround()
    try ground.tools.append(OplogGround.entries(1...4))
    try ground.receive(to: 4)
    let path = "\(ground.ground.folder)/second"
    let text = try String(contentsOfFile: "\(ground.ground.folder)/config.yaml", encoding: .utf8)
    try text.replacingOccurrences(of: "repositories:", with: "repositories:\n  - path: \(path)")
      .write(toFile: "\(ground.ground.folder)/config.yaml", atomically: true, encoding: .utf8)
    let created = try ground.ground.coffer("repo-create", "-e", "repokey", "--repository", path)
    #expect(created.status == .exited(0), "\(created.errors)")
    try ground.tools.append(OplogGround.entries(5...6))
    let receiver = try ground.receive()
    let deadline = Date().addingTimeInterval(120)
    while true {
      let ends = try ground.ground.coffer("oplog", "list", "--json").json.map { answer in
        ((answer["logs"] as? [[String: Any]])?.last?["end"] as? [String: Any])?["ts"] as? String
      }
      if ends == ["\(OplogGround.start + 6):1", "\(OplogGround.start + 6):1"] { break }
      try #require(Date() < deadline && receiver.wait(seconds: 0) == nil, "\(ends): \(receiver.lastErrorLines)")
      usleep(200_000)
    }
    try ground.stop(receiver)
  }

  @Test("Status, info, doctor and lists show a server's oplog; prune leaves what its dumps need")
  func standing() throws {
    let ground = try OplogGround("keep_log: 1H\n")
    let none = try ground.ground.coffer("status")
    #expect(none.status == .exited(1) && none.output.contains("log of main"), "\(none)")
    try ground.tools.append(OplogGround.entries(1...5))
    let receiver = try ground.receive()
    try ground.wait(for: 5, receiver)
    try ground.backUp(2...3)
    try ground.stop(receiver)
    let status = try ground.ground.coffer("status")
    #expect(status.output.contains("reaches oplog entry \(OplogGround.start + 5):1"), "\(status)")
    let info = try ground.ground.coffer("info", "--json")
    let logs = try #require(info.json.first?["logs"] as? [[String: Any]])
    #expect(logs.first?["end"] as? String == "\(OplogGround.start + 5):1")
    let dumps = try ground.ground.coffer("info", "--archive", "latest", "--json")
    let archive = try #require((dumps.json.first?["archives"] as? [[String: Any]])?.first)
    let oplog = (archive["dumps"] as? [[String: Any]])?.first?["oplog"] as? [String: Any]
    #expect((oplog?["last"] as? [String: Any])?["ts"] as? String == "\(OplogGround.start + 3):1", "\(archive)")
    let list = try ground.ground.coffer("oplog", "list")
    #expect(list.output.contains("\(OplogGround.start + 5):1, of "), "\(list.output)")
    let doctor = try ground.ground.coffer("doctor")
    #expect(doctor.output.contains("oplog of main (localhost)"), "\(doctor.output)")
    let prune = try ground.ground.coffer("prune", "--stats", "--keep-last", "1")
    #expect(prune.status == .exited(0) && prune.output.contains("Deleted 0 objects of logs"), "\(prune)")
    let check = try ground.ground.coffer("check", "--level", "4")
    #expect(check.status == .exited(0), "\(check.errors)")
    let compact = try ground.ground.coffer("compact")
    #expect(compact.status == .exited(0), "\(compact.errors)")
    let restore = try ground.ground.coffer("restore", "--to-ts", "\(OplogGround.start + 5):1")
    #expect(restore.status == .exited(0), "\(restore.errors)")
  }

  @Test("prune leaves what a dump needs to be brought further")
  func pruned() throws {
    let ground = try OplogGround()
    try ground.tools.append(OplogGround.entries(1...3))
    let receiver = try ground.receive()
    try ground.wait(for: 3, receiver)
    try ground.backUp(2...3)
    for number in UInt32(4)...6 {
      try ground.tools.append(OplogGround.entries(number...number))
      try ground.wait(for: number, receiver)
      sleep(2)
    }
    try ground.stop(receiver)
    let prune = try ground.ground.coffer("prune", "--keep-last", "1", "--keep-log", "1S")
    #expect(prune.status == .exited(0), "\(prune.errors)")
    let restore = try ground.ground.coffer("restore", "--to-ts", "\(OplogGround.start + 5):1")
    #expect(restore.status == .exited(0), "\(restore.errors)")
  }

  @Test("A server without an oplog is told what to do, by the receiver and by doctor")
  func standAlone() throws {
    let ground = try OplogGround()
    try FileManager.default.createDirectory(atPath: "\(ground.tools.folder)/oplog", withIntermediateDirectories: true)
    for words in [["oplog", "receive"], ["doctor"]] {
      let answer = try ground.ground.coffer(words)
      #expect(answer.status == .exited(1), "\(answer)")
      #expect((answer.errors + answer.output).contains("rs.initiate()"), "\(answer)")
    }
    try ground.tools.write(
      "errors", "Failed: can't create session: connection() error: auth error: Authentication failed.\n")
    try ground.tools.write("oplog-status", "1")
    let refused = try ground.ground.coffer("oplog", "receive")
    #expect(refused.status == .exited(1) && refused.errors.contains("authentication_database"), "\(refused.errors)")
    try ground.ground.configure("mongodb_servers: [{name: main, username: u}]\n")
    let open = try ground.ground.coffer("oplog", "receive")
    #expect(open.status == .exited(1) && open.errors.contains("Set password or password_file"), "\(open.errors)")
  }
}
