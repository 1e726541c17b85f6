import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("The throw-away server of a dump of MongoDB, with a stand-in for its programs")
struct MongoDBDrillTests {
  private let tools: MongoDBStandIn
  private let context: HookContext

  init() throws {
    tools = try MongoDBStandIn()
    context = try makeContext(path: "\(tools.folder):/usr/bin:/bin")
  }

  private func facts(_ database: String = "users", _ version: String = "7.0.5") -> DumpFacts {
    DumpFacts(
      identity: DumpIdentity(
        hook: "mongodb_databases", database: database, hostname: "db.example.org", port: 27018), format: "archive",
      serverVersion: version)
  }

  private func ground() throws -> DrillGround { try DrillGround(in: "/tmp", user: "nobody", context: context) }

  @Test("It listens at its socket only, as another user than root, and the tools are told of nothing else")
  func commands() throws {
    try tools.addServer(version: "7.0.14")
    let ground = try ground()
    defer { ground.remove() }
    let place = try MongoDBHook().drill(of: facts(), bytes: 1000, on: ground)
    defer { place.remove() }
    #expect(place.version == "MongoDB 7.0.14" && place.isRestored && !place.isConfigured)
    let socket = "\(ground.path)/server/mongodb-27017.sock"
    #expect(
      tools.text("server.arguments")?.split(separator: "\n").map(String.init) == [
        "--dbpath", "\(ground.path)/data", "--unixSocketPrefix", "\(ground.path)/server", "--bind_ip", socket, "--port",
        "27017", "--wiredTigerCacheSizeGB", "0.25", "--noscripting", "--quiet", "--setParameter",
        "ttlMonitorEnabled=false", "--setParameter", "diagnosticDataCollectionEnabled=false",
      ])
    #expect(tools.text("server.user")?.hasPrefix("0") == false)
    let uri = "mongodb://\(socket.replacingOccurrences(of: "/", with: "%2F"))/"
    #expect(
      tools.words(1, "mongosh") == ["--quiet", "--norc", "--eval", "db.adminCommand({ping: 1})", "\(uri)admin"])
    // Where the server is: it runs what the user asks, and what it reads is the dump's.
    #expect(tools.text("1.mongosh.home") == "\(ground.path)/shell")
    let place1 = try #require(tools.text("1.mongosh.place")).split(separator: "\n").map(String.init)
    #expect(place1[0] == tools.text("server.user")?.trimmingCharacters(in: .whitespacesAndNewlines) && place1[0] != "0")
    let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/net")
    #expect(place1[1].hasPrefix("net:") && (place1[1] != own) == ground.hasNoNetwork)
    func limit(_ name: String) -> String? {
      place1.first { $0.hasPrefix(name) }?.dropFirst(26).split(separator: " ").first.map(String.init)
    }
    // What runs JavaScript reserves more addresses than it may have of memory.
    #expect(limit("Max data size") == "\(8 << 30)" && limit("Max address space") != "\(8 << 30)")
    #expect(limit("Max processes") == "4096" && place1.last == "own")

    // Today's configuration has no say in it.
    let plan = try MongoDBHook().restore(
      of: place.facts(facts()), to: place.target, root: nil, context: ground.context)
    #expect(
      tools.arguments(2, "mongorestore")
        == ["--archive", "--dryRun", "--drop", "--stopOnError", "--uri", uri])
    let running = try plan.start(folder: nil, context: ground.context)
    let archive = MongoDBArchiveBuilder.whole("users.people")
    try archive.withUnsafeBytes { try running.write($0) }
    #expect(try running.finish() == [])
    #expect(tools.arguments(3, "mongorestore") == ["--archive", "--drop", "--stopOnError", "--uri", uri])
    #expect(tools.bytes("3.mongorestore.input") == archive)

    try tools.write("collections", "a warning\ncoffer collection 3 users people\ncoffer end\n")
    let findings = try place.findings(of: facts())
    #expect(findings == DrillFindings(content: DumpContent(tables: [.init(name: "users.people", rows: 3)])))
    #expect(tools.words(4, "mongosh")?.suffix(2) == [MongoDBCollections.script, "\(uri)admin"])
    try tools.write("answer", "3\n")
    #expect(try place.answer(to: "db.people.countDocuments({})", of: facts()) == "3")
    #expect(tools.words(5, "mongosh")?.suffix(2) == ["db.people.countDocuments({})", "\(uri)users"])
  }

  @Test("Of a whole server's dump what is the server's own is not restored, and its users and roles are")
  func server() throws {
    try tools.addServer(version: "7.0.5", shell: "mongo")
    let ground = try ground()
    defer { ground.remove() }
    let place = try MongoDBHook().drill(of: facts("all"), bytes: 1000, on: ground)
    defer { place.remove() }
    #expect(tools.words(1, "mongo")?.first == "--quiet")
    _ = try MongoDBHook().restore(of: place.facts(facts("all")), to: place.target, root: nil, context: ground.context)
    #expect(
      tools.arguments(2, "mongorestore")?.suffix(4) == ["--nsExclude", "config.*", "--nsExclude", "local.*"])
    #expect(tools.arguments(2, "mongorestore")?.filter { $0 == "--nsExclude" }.count == 2)
    try tools.write(
      "collections",
      "coffer collection 2 admin system.users\ncoffer collection 1 admin system.version\ncoffer end\n")
    let found = try place.findings(of: facts("all")).content
    #expect(found?.tables == [.init(name: "admin.system.users", rows: 2)])
    let dumped = DumpContent(tables: [
      .init(name: "admin.system.users", rows: 2), .init(name: "admin.system.roles", rows: 0),
      .init(name: "admin.system.version", rows: 2), .init(name: "config.x", rows: 1),
    ])
    #expect(place.comparable(dumped).differences(in: try #require(found)) == [])
    let lost = DumpContent(tables: [.init(name: "admin.system.users", rows: 3)])
    #expect(place.comparable(lost).differences(in: try #require(found)).count == 1)
  }

  @Test("What is counted has the names of the dump's archive, and what is no collection of the user's is left out")
  func counts() throws {
    let printed = """
      Warning: Could not access file
      coffer collection 12 shop orders
      coffer collection 1 shop system.js
      coffer collection 5 shop system.buckets.weather
      coffer collection 2 shop system.views
      coffer timeseries - shop weather
      coffer view - shop a%20view%0Aof%20%C3%BC
      coffer end
      undefined

      """
    let content = try #require(MongoDBCollections.content(of: printed))
    let names = content.tables.map(\.name)
    #expect(names == ["shop.orders", "shop.system.js", "shop.system.buckets.weather", "shop.a view\nof ü"])
    #expect(content.tables.map(\.rows) == [12, 1, nil, nil])
    for part in [
      "", "coffer collection 12 shop orders\n", "coffer collection x shop orders\ncoffer end\n",
      "coffer collection 1 shop %zz\ncoffer end\n", "coffer end more\n",
    ] { #expect(MongoDBCollections.content(of: part) == nil, "\(part)") }
    let others = [
      "admin.system.version", "admin.x", "config.x", "local.x", "shop.$admin.system.users", "shop.system.views",
      "nothing",
    ]
    #expect((names + others).filter(MongoDBCollections.isRestored) == names)
  }

  @Test("A server that does not come up is told with its reason, and without a shell nothing is proven")
  func fails() throws {
    try tools.addServer(version: "7.0.5")
    try tools.write("refusal", "Failed to unlink socket file\n")
    let ground = try ground()
    defer { ground.remove() }
    #expect(
      throws: DrillError.serverFailed(
        facts().identity.advised(by: MongoDBHook().advice), program: "mongod", lines: ["Failed to unlink socket file"])
    ) { try MongoDBHook().drill(of: facts(), bytes: 1000, on: ground) }
    try FileManager.default.removeItem(atPath: "\(tools.folder)/refusal")
    try FileManager.default.removeItem(atPath: "\(tools.folder)/mongosh")
    let other = try self.ground()
    defer { other.remove() }
    do {
      try MongoDBHook().drill(of: facts(), bytes: 1000, on: other).remove()
      Issue.record("nothing was asked")
    } catch let error as DrillError {
      #expect(error.diagnosis.problem.contains("neither mongosh nor mongo is installed"))
    }
  }

  @Test("A server that is older than the dump's is none for it; without any the dump is read")
  func impossible() throws {
    let ground = try ground()
    defer { ground.remove() }
    #expect(try MongoDBHook().drill(of: facts(), bytes: 1000, on: ground) is MongoDBReading)
    try tools.addServer(version: "6.0.20")
    // Of what a server has of its own nothing is compared, so it is not restored as if something were.
    #expect(try MongoDBHook().drill(of: facts("admin"), bytes: 1000, on: ground) is MongoDBReading)
    do {
      var packed = facts("config")
      packed.details["compression"] = "gzip"
      _ = try MongoDBHook().drill(of: packed, bytes: 1000, on: ground)
      Issue.record("it was taken")
    } catch let error as DrillError {
      #expect(error.diagnosis.problem.contains("it is of a server's own database"), "\(error)")
    }
    do {
      try MongoDBHook().drill(of: facts(), bytes: 1000, on: ground).remove()
      Issue.record("a server was made")
    } catch let error as DrillError {
      #expect(error.diagnosis.problem.contains("of version 7.0.5, and the one that is installed here is 6.0.20"))
    }
  }
}
