import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("MongoDB, with a stand-in for its tools")
struct MongoDBTests {
  private let tools: MongoDBStandIn
  private let context: HookContext

  init() throws {
    tools = try MongoDBStandIn()
    context = try makeContext(path: "\(tools.folder):/usr/bin:/bin")
    try tools.write("archive", MongoDBArchiveBuilder.whole("users.people", "users.orders"))
  }

  private func dump(_ entry: String) throws -> TakenDump {
    let dumps = try MongoDBHook().dumps(of: try makeRoot("mongodb_databases:\n\(entry)"), context: context)
    return try TakenDump(try #require(dumps.first), context: context)
  }

  private func plan(
    _ dump: TakenDump, _ entry: String? = nil, to target: RestoreTarget = RestoreTarget()
  ) throws -> any PlannedRestore {
    let root = try entry.map { try makeRoot("mongodb_databases:\n\($0)") }
    return try MongoDBHook().restore(of: dump.facts, to: target, root: root, context: context)
  }

  // MARK: - Dumps

  @Test("A dump streams, byte for byte, and is described by what it says of itself")
  func archive() throws {
    let dump = try dump("  - name: users\n")
    #expect(dump.bytes == tools.bytes("archive"))
    #expect(tools.arguments(1, "mongodump") == ["--db", "users", "--archive"])
    #expect(dump.facts.identity.path == "mongodb_databases/localhost/users")
    #expect(dump.facts.format == "archive")
    #expect(dump.facts.clientVersion == "mongodump 100.9.4" && dump.facts.serverVersion == "7.0.5")
    #expect(dump.facts.details == ["collections": "2"])
  }

  @Test("Without a server a dump is read to its end and counted, and one that lacks something is found")
  func read() throws {
    let dump = try dump("  - name: users\n")
    let counts = DumpContent(tables: [.init(name: "users.orders", rows: 1), .init(name: "users.people", rows: 1)])
    #expect(dump.facts.content == counts)
    func read(_ bytes: [UInt8]) throws -> DrillFindings {
      let place = try MongoDBReading(of: dump.facts)
      let running = try #require(place.replacement).start(folder: nil, context: context)
      for piece in stride(from: 0, to: bytes.count, by: 100) {
        try Array(bytes[piece..<min(piece + 100, bytes.count)]).withUnsafeBytes { try running.write($0) }
      }
      #expect(try running.finish() == [])
      return try place.findings(of: dump.facts)
    }
    #expect(try read(dump.bytes).content == counts)
    for length in [0, 50, dump.bytes.count - 1] {
      #expect(throws: DrillError.self) { try read(Array(dump.bytes.prefix(length))) }
    }
    var folder = dump.facts
    folder.format = "directory"
    #expect(throws: DrillError.self) { try MongoDBReading(of: folder) }
  }

  @Test("Connection and options reach mongodump, quoted words as one, and the password none of its arguments")
  func connection() throws {
    let entry = """
        - name: users
          hostname: db.example.org
          port: 27018
          username: backup
          password: "it's #1: \\"ü\\\\"
          authentication_database: admin
          options: '--query ''{"a": 1}'' --gzip'
          mongodump_command: \(tools.folder)/mongodump --verbose

      """
    _ = try dump(entry)
    #expect(
      tools.arguments(1, "mongodump") == [
        "--verbose", "--host", "db.example.org", "--port", "27018", "--username", "backup", "--config", "/dev/fd/3",
        "--authenticationDatabase", "admin", "--db", "users", "--query", "{\"a\": 1}", "--gzip", "--archive",
      ])
    #expect(tools.text("1.mongodump.config") == "password: \"it's #1: \\\"\\xfc\\\\\"\n")
    #expect(tools.text("1.mongodump.environment")?.contains("#1") == false)
  }

  @Test("With password_transport: file the password is in a file of nobody else, gone after the dump")
  func passwordFile() throws {
    let entry = "  - name: users\n    username: u\n    password: secret\n    password_transport: file\n"
    _ = try dump(entry)
    let path = try #require(tools.arguments(1, "mongodump")?.first { $0.hasSuffix(".yaml") })
    #expect(path.hasPrefix(context.runtime.path + "/mongodb_config/"))
    #expect(tools.text("1.mongodump.config") == "password: \"secret\"\n")
    #expect(tools.text("1.mongodump.mode")?.hasPrefix("-rw------- ") == true)
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test("Passwords are quoted for YAML whatever they hold")
  func quoting() {
    #expect(Quoting.yaml("a b#:'{}") == "\"a b#:'{}\"")
    #expect(Quoting.yaml("\"\\\n\t\u{85}é𝄞") == "\"\\\"\\\\\\n\\t\\x85\\xe9\\U0001d11e\"")
  }

  @Test("The whole server is one dump; a folder is one too, and lies in the run's own folder until it is stored")
  func folders() throws {
    try tools.write("folder/users/people.bson", MongoDBArchiveBuilder.document([.text("a", "b")]))
    try tools.write("folder/users/people.metadata.json", "{}")
    let dump = try dump("  - name: all\n    format: directory\n    label: shop\n")
    let folder = try #require(dump.folder)
    #expect(folder == "\(context.runtime.path)/mongodb_databases/shop/all")
    #expect(tools.arguments(1, "mongodump") == ["--out", folder])
    #expect(FileManager.default.fileExists(atPath: "\(folder)/users/people.bson"))
    #expect(dump.facts.details == ["collections": "1"] && dump.facts.format == "directory")
  }

  @Test("A dump that is cut short, empty or of nothing is an error, although mongodump is content")
  func incomplete() throws {
    try tools.write("archive", Array(MongoDBArchiveBuilder.whole("users.people").dropLast(4)))
    #expect { try dump("  - name: users\n") } throws: { "\($0)".contains("it ends in the middle of a block") }
    try tools.write("archive", [])
    #expect { try dump("  - name: users\n") } throws: { error in
      if case .empty = error as? DumpError { true } else { false }
    }
    try tools.write("archive", MongoDBArchiveBuilder([]).bytes)
    #expect { try dump("  - name: users\n") } throws: { "\($0)".contains("no collection of it") }
    try tools.write("folder/prelude.json", "{}")
    let entry = "  - name: users\n    format: directory\n"
    #expect { try dump(entry) } throws: { "\($0)".contains("no collection of it") }
    #expect(!FileManager.default.fileExists(atPath: "\(context.runtime.path)/mongodb_databases/localhost/users"))
  }

  @Test("A mongodump that fails is told with what it said and what to do")
  func failure() throws {
    try tools.write("errors", "Failed: can't create session: connection() error: auth error: Authentication failed.\n")
    try tools.write("status", "1")
    #expect { try dump("  - name: users\n") } throws: { error in
      "\(error)".contains("mongodump failed with exit status 1") && "\(error)".contains("authentication_database")
    }
  }

  @Test(
    "What cannot work is refused before anything is started",
    arguments: [
      ("name: 'a.b'", "No database of MongoDB can have that name"),
      ("name: users\n    username: backup", "would ask for one"),
      ("name: users\n    options: \"--query '{\"", "Option 'options' must be words"),
    ])
  func misconfigured(entry: String, problem: String) throws {
    #expect { try dump("  - \(entry)\n") } throws: { "\($0)".contains(problem) }
    #expect(tools.arguments(1, "mongodump") == nil)
  }

  @Test("A user without a password is fine where the options say how it logs in")
  func otherCredentials() throws {
    _ = try dump("  - name: users\n    username: x\n    options: --authenticationMechanism=MONGODB-X509\n")
    #expect(tools.arguments(1, "mongodump")?.contains("--username") == true)
  }

  // MARK: - Restores

  @Test("A restore is rehearsed with an empty archive, then gets every byte; collections are dropped first")
  func restore() throws {
    let entry = "  - name: users\n    username: u\n    password: p\n    restore_options: --numParallelCollections 1\n"
    let dump = try dump(entry)
    let plan = try plan(dump, entry)
    #expect(plan.summary.contains("'users' at localhost (each collection of the dump is dropped"))
    #expect(
      tools.arguments(2, "mongorestore") == [
        "--archive", "--dryRun", "--drop", "--stopOnError", "--username", "u", "--config", "/dev/fd/3",
        "--numParallelCollections", "1",
      ])
    #expect(tools.bytes("2.mongorestore.input") == MongoDBArchive.empty(serverVersion: "7.0.5"))
    try dump.restore(plan, context: context)
    #expect(
      tools.arguments(3, "mongorestore") == [
        "--archive", "--drop", "--stopOnError", "--username", "u", "--config", "/dev/fd/3",
        "--numParallelCollections", "1",
      ])
    #expect(tools.bytes("3.mongorestore.input") == dump.bytes)
    #expect(tools.text("3.mongorestore.config") == "password: \"p\"\n")
  }

  @Test("The whole server is restored with --drop too: documents of two times are not merged")
  func wholeServer() throws {
    let dump = try dump("  - name: all\n")
    #expect(tools.arguments(1, "mongodump") == ["--archive"])
    let plan = try plan(dump)
    #expect(plan.summary.contains("every database of it, with users and roles"))
    try dump.restore(plan, context: context)
    #expect(tools.arguments(3, "mongorestore") == ["--archive", "--drop", "--stopOnError"])
    #expect { try self.plan(dump, to: RestoreTarget(databaseName: "x")) } throws: { "\($0)".contains("whole server") }
  }

  @Test("A restore goes to another server, under another name, and of chosen collections only")
  func elsewhere() throws {
    let entry = """
        - name: users
          hostname: old
          restore_hostname: spare
          restore_port: 27019
          authentication_database: admin

      """
    let dump = try dump(entry)
    var target = RestoreTarget(username: "root", password: "other", databaseName: "users_copy")
    target.schemas = ["people", "users.orders", "*.log"]
    let plan = try plan(dump, entry, to: target)
    #expect(plan.summary.contains("'users_copy' at spare:27019, only users.people, users.orders, *.log"))
    try dump.restore(plan, context: context)
    #expect(
      tools.arguments(3, "mongorestore") == [
        "--archive", "--drop", "--stopOnError", "--host", "spare", "--port", "27019", "--username", "root",
        "--config", "/dev/fd/3", "--authenticationDatabase", "admin", "--nsInclude", "users.people", "--nsInclude",
        "users.orders", "--nsInclude", "*.log", "--nsFrom", "users.*", "--nsTo", "users_copy.*",
      ])
    #expect(tools.text("3.mongorestore.config") == "password: \"other\"\n")
    #expect { try self.plan(dump, entry, to: RestoreTarget(databaseName: "a b")) } throws: {
      "\($0)".contains("no database of MongoDB can be called 'a b'")
    }
    #expect { try self.plan(dump, entry, to: RestoreTarget(username: "root")) } throws: {
      "\($0)".contains("mongorestore would ask for one")
    }
    #expect { try self.plan(dump, entry, to: RestoreTarget(path: "/x")) } throws: { "\($0)".contains("to a file") }
  }

  @Test("A folder is restored from a folder, and what mongodump compressed is told to mongorestore")
  func restoreFolder() throws {
    try tools.write("folder/users/people.bson.gz", "…")
    try tools.write("folder/users/people.metadata.json.gz", "…")
    let dump = try dump("  - name: users\n    format: directory\n    options: --gzip\n")
    let plan = try plan(dump)
    #expect(plan.wantsFolder)
    try dump.restore(plan, context: context)
    let folder = try #require(dump.folder)
    #expect(tools.arguments(3, "mongorestore") == ["--dir", folder, "--gzip", "--drop", "--stopOnError"])
    #expect(tools.bytes("3.mongorestore.input") == [])
  }

  @Test("What mongorestore finds wrong without touching anything refuses the restore")
  func rehearsal() throws {
    let dump = try dump("  - name: users\n")
    try tools.write("dry-status", "1")
    try tools.write("errors", "Failed: error connecting to host: server selection error: no servers\n")
    #expect { try plan(dump) } throws: { error in
      guard case .refused(_, let problem, let suggestion) = error as? RestoreError else { return false }
      return problem.contains("server selection error") && suggestion?.contains("server runs") == true
    }
    // The dump's oplog is wanted where the rehearsal has none.
    _ = try plan(dump, "  - name: users\n    restore_options: --oplogReplay\n")
  }

  @Test("A restore that breaks off says that it is done in part, and so does one that lost documents")
  func brokenOff() throws {
    let dump = try dump("  - name: users\n")
    let plan = try plan(dump)
    try tools.write("errors", "Failed: users.people: error restoring: E11000 duplicate key\n")
    try tools.write("status", "1")
    #expect { try dump.restore(plan, context: context) } throws: { "\($0)".contains("Restored in part only") }
    try tools.write("status", "0")
    try tools.write("errors", "20 document(s) restored successfully. 3 document(s) failed to restore.\n")
    #expect { try dump.restore(plan, context: context) } throws: {
      "\($0)".contains("3 documents could not be written")
    }
    try tools.write("errors", "23 document(s) restored successfully. 0 document(s) failed to restore.\n")
    #expect(try dump.restore(plan, context: context) == [])
  }

  // MARK: - Oplogs

  private let oplogged = "  - name: all\n    oplog: true\n"
  private let entries = (1...6).map { OplogBuilder.insert($0, 1_700_000_000 + $0, 1) }

  private func oplogDump() throws -> TakenDump {
    try tools.write("archive", OplogBuilder.archive(["shop.ledger"], Array(entries[..<2])))
    return try dump(oplogged)
  }

  @Test("A dump of a whole server takes the oplog of its time along, and says which")
  func oplog() throws {
    let dump = try oplogDump()
    #expect(tools.arguments(1, "mongodump") == ["--oplog", "--archive"])
    #expect(dump.facts.oplog?.first.time.text == "1700000001:1" && dump.facts.oplog?.last.time.text == "1700000002:1")
    #expect(dump.facts.details == ["collections": "1"])
    #expect(dump.facts.content?.tables.map(\.name) == ["shop.ledger"])
    // Who has said so before in his own options is not told twice.
    _ = try self.dump(oplogged + "    options: --oplog\n")
    #expect(tools.arguments(2, "mongodump") == ["--oplog", "--archive"])
    try tools.write("archive", MongoDBArchiveBuilder.whole("shop.ledger"))
    #expect { try self.dump(oplogged) } throws: { "\($0)".contains("it has no oplog") }
  }

  @Test(
    "An oplog that cannot be had is refused before anything is started",
    arguments: [
      ("name: users\n    oplog: true", "oplog: true is in an entry of one database"),
      ("name: all\n    oplog: true\n    format: directory", "has to be an archive that is not compressed"),
      ("name: all\n    oplog: true\n    options: --gzip", "has to be an archive that is not compressed"),
    ])
  func misconfiguredOplog(entry: String, problem: String) throws {
    #expect { try dump("  - \(entry)\n") } throws: { "\($0)".contains(problem) }
    #expect(tools.arguments(1, "mongodump") == nil)
  }

  @Test("What a server puts into the dump of one database is not replayed on all")
  func foreignOplog() throws {
    try tools.write("archive", OplogBuilder.archive(["shop.ledger"], Array(entries[..<2])))
    let dump = try dump("  - name: shop\n")
    #expect(dump.facts.oplog == nil)
    try dump.restore(plan(dump), context: context)
    #expect(tools.arguments(3, "mongorestore") == ["--archive", "--drop", "--stopOnError"])
  }

  @Test("A server without an oplog is told what to do")
  func standAlone() throws {
    try tools.write(
      "errors", "Failed: error getting oplog start: error getting recent oplog entry: mongo: no documents in result\n")
    try tools.write("status", "1")
    #expect { try oplogDump() } throws: { "\($0)".contains("rs.initiate()") }
  }

  @Test("A dump with an oplog is made what it was at one moment; collections of it are not")
  func restoreWithOplog() throws {
    let dump = try oplogDump()
    let plan = try plan(dump, oplogged)
    #expect(
      tools.arguments(2, "mongorestore") == ["--archive", "--dryRun", "--drop", "--stopOnError", "--oplogReplay"])
    #expect(tools.bytes("2.mongorestore.input") == MongoDBArchive.empty(serverVersion: "7.0.5", hasOplog: true))
    try dump.restore(plan, context: context)
    #expect(tools.arguments(3, "mongorestore") == ["--archive", "--drop", "--stopOnError", "--oplogReplay"])
    #expect(tools.bytes("3.mongorestore.input") == dump.bytes)
    var target = RestoreTarget()
    target.schemas = ["shop.ledger"]
    let part = try self.plan(dump, oplogged, to: target)
    #expect(part.summary.contains("only shop.ledger, not of one moment"))
    try dump.restore(part, context: context)
    #expect(
      tools.arguments(5, "mongorestore") == [
        "--archive", "--drop", "--stopOnError", "--nsInclude", "shop.ledger",
      ])
  }

  @Test("An archive for a rehearsal is whole with an oplog, too")
  func emptyWithOplog() {
    var archive = MongoDBArchive()
    MongoDBArchive.empty(serverVersion: nil, hasOplog: true).withUnsafeBytes { archive.feed($0) }
    #expect(archive.missing == nil && archive.collectionCount == 0)
  }

  private func replay(_ more: [OplogBuilder.Entry], before limit: OplogTime) -> RestoreTarget {
    var target = RestoreTarget()
    target.oplog = OplogReplay(before: limit) { take in
      for entry in more { try entry.bytes.withUnsafeBytes { try take($0) } }
    }
    return target
  }

  @Test("What follows a dump's oplog goes along with it, up to a limit, on a server that has nothing else")
  func replay() throws {
    let dump = try oplogDump()
    let limit = OplogTime(seconds: 1_700_000_005, increment: 0)
    let target = replay(Array(entries[2..<4]), before: limit)
    let plan = try plan(dump, oplogged, to: target)
    // What the server has is asked before it is decided.
    #expect(tools.arguments(3, "mongodump") == ["--archive"])
    try dump.restore(plan, context: context)
    #expect(
      tools.arguments(4, "mongorestore") == [
        "--archive", "--drop", "--stopOnError", "--oplogReplay", "--oplogLimit", "1700000005:0",
      ])
    #expect(
      tools.bytes("4.mongorestore.input")
        == OplogBuilder.archive(["shop.ledger"], Array(entries[..<2]), Array(entries[2..<4])))

    // A collection that the log may make, and one of the server's own.
    try tools.write("archive", MongoDBArchiveBuilder.whole("shop.ledger", "shop.new", "admin.system.users"))
    #expect { try self.plan(dump, oplogged, to: target) } throws: { error in
      "\(error)".contains("has collections that the dump has not") && "\(error)".contains("shop.new")
        && !"\(error)".contains("admin.system")
    }
    try tools.write("archive", MongoDBArchiveBuilder.whole("shop.weather:timeseries"))
    #expect { try self.plan(dump, oplogged, to: target) } throws: { "\($0)".contains("shop.weather") }
    try tools.write("archive", [1, 2, 3, 4])
    #expect { try self.plan(dump, oplogged, to: target) } throws: { "\($0)".contains("could not be asked") }
  }

  @Test("A mongorestore that ends well and has not read all of the dump has not restored it", arguments: [0, 1, 100])
  func restoreUnread(count: Int) throws {
    let dump = try dump("  - name: users\n")
    let plan = try plan(dump)
    try tools.write("mongorestore", "#!/bin/sh\nexec head -c \(count) >/dev/null\n")
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: "\(tools.folder)/mongorestore")
    #expect { try dump.restore(plan, context: context) } throws: {
      "\($0)".contains("Restored in part only") && "\($0)".contains("before it had all that it was given")
    }
  }

  @Test("A mongorestore that ends well before it was given all of the oplog has not replayed it")
  func endedEarly() throws {
    let dump = try oplogDump()
    let more = (3...6).map { OplogBuilder.insert($0, 1_700_000_000 + $0, 1, size: 1 << 20) }
    let target = replay(more, before: OplogTime(seconds: 1_700_000_009, increment: 0))
    let plan = try plan(dump, oplogged, to: target)
    try tools.write("mongorestore", "#!/bin/sh\nexec head -c 1000 >/dev/null\n")
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: "\(tools.folder)/mongorestore")
    #expect { try dump.restore(plan, context: context) } throws: {
      "\($0)".contains("ended before it had all that it was given")
    }
  }

  @Test("A replay that cannot be is refused")
  func refusedReplay() throws {
    let plain = try dump("  - name: all\n")
    let target = replay([], before: OplogTime(seconds: 1, increment: 0))
    #expect { try self.plan(plain, oplogged, to: target) } throws: {
      "\($0)".contains("no oplog that could be gone on")
    }
    let dump = try oplogDump()
    var part = target
    part.schemas = ["shop.ledger"]
    #expect { try self.plan(dump, oplogged, to: part) } throws: { "\($0)".contains("collections were chosen") }
    // mongorestore takes no oplog where something is left out.
    for word in ["--oplogLimit=1700000001:1", "--oplogFile=/tmp/oplog.bson"] {
      #expect { try self.plan(dump, oplogged + "    restore_options: \(word)\n", to: target) } throws: {
        "\($0)".contains("restore_options say themselves")
      }
    }
    #expect { try self.plan(dump, oplogged + "    restore_options: -d shop\n", to: target) } throws: {
      "\($0)".contains("leave a part of it out")
    }
    let narrow = oplogged + "    restore_options: --nsExclude=admin.*\n"
    #expect { try self.plan(dump, narrow, to: target) } throws: { "\($0)".contains("leave a part of it out") }
    try dump.restore(self.plan(dump, narrow), context: context)
    let count = try #require(tools.text("count")).split(separator: "\n").first.flatMap { Int($0) }
    let last = tools.arguments(try #require(count), "mongorestore")
    #expect(last == ["--archive", "--drop", "--stopOnError", "--nsExclude=admin.*"])
    struct Unreadable: Error {}
    var broken = RestoreTarget()
    broken.oplog = OplogReplay(before: OplogTime(seconds: 1_700_000_009, increment: 0)) { _ in throw Unreadable() }
    let plan = try plan(dump, oplogged, to: broken)
    #expect { try dump.restore(plan, context: context) } throws: {
      "\($0)".contains("Restored in part only: The log cannot be read to its end")
    }
  }
}
