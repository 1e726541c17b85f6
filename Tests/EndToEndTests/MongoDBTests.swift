import Foundation
import TestSupport
import Testing

@Suite("MongoDB dumps with the built program, and a stand-in for MongoDB's tools")
struct MongoDBTests {
  private let ground: Playground
  private let tools: MongoDBStandIn

  init() throws {
    ground = try Playground()
    tools = try MongoDBStandIn()
    ground.environment["PATH"] = "\(tools.folder):/usr/bin:/bin"
    try ground.configure("mongodb_databases:\n  - name: users\n    username: u\n    password: s3cret\n")
    try ground.coffer("repo-create", "--encryption", "repokey")
    try tools.write("archive", MongoDBArchiveBuilder.whole("users.people", "users.orders"))
  }

  @Test("A dump goes into the repository and comes back byte for byte")
  func roundTrip() throws {
    let create = try ground.coffer("create")
    #expect(create.status == .exited(0), "\(create.errors)")
    let restore = try ground.coffer("restore", "--archive", "latest")
    #expect(restore.status == .exited(0), "\(restore.errors)")
    #expect(restore.output.contains("an error in between leaves some new and some old"))
    #expect(tools.arguments(2, "mongorestore")?.contains("--dryRun") == true)
    #expect(tools.bytes("3.mongorestore.input") == tools.bytes("archive"))
    #expect(tools.text("3.mongorestore.config") == "password: \"s3cret\"\n")
    #expect(ground.leftovers().isEmpty)
  }

  @Test("A dump that the repository has lost in part is found out before anything is dropped")
  func damaged() throws {
    try tools.write("archive", largeArchive())
    try ground.coffer("create")
    try ground.run(
      "sh", "-c",
      "find repository/packs -type f -size +300k -exec sh -c 'printf XXXX | dd of=$1 bs=1 seek=200000 conv=notrunc' - {} +"
    )
    let restore = try ground.coffer("restore", "--archive", "latest")
    #expect(restore.status == .exited(1))
    #expect(tools.arguments(2, "mongorestore")?.contains("--dryRun") == true)
    #expect(tools.arguments(3, "mongorestore") == nil)
  }

  @Test("A drill restores to a server of its own and compares what is there with what was dumped")
  func drill() throws {
    try tools.addServer(version: "7.0.14")
    try ground.configure(
      """
      mongodb_databases: [{name: users}]
      verify_directory: /tmp
      verify_queries: [{database: users, query: "db.people.countDocuments({})", expect: "1"}]
      """)
    try ground.coffer("create")
    try tools.write("collections", "coffer collection 1 users orders\ncoffer collection 1 users people\ncoffer end\n")
    try tools.write("answer", "1\n")
    let proven = try ground.coffer("verify")
    #expect(proven.status == .exited(0), "\(proven)")
    #expect(proven.output.contains("2 tables, 2 rows, as they were dumped, 1 question answered, restored in"))
    #expect(proven.output.contains("by MongoDB 7.0.14"))
    #expect(tools.bytes("4.mongorestore.input") == tools.bytes("archive"))

    try tools.write("collections", "coffer collection 0 users people\ncoffer end\n")
    let lost = try ground.coffer("verify")
    #expect(lost.status == .exited(1), "\(lost)")
    #expect(lost.errors.contains("table users.orders is missing"), "\(lost)")
    #expect(lost.errors.contains("table users.people has 0 rows, and had 1 when it was dumped"), "\(lost)")
    #expect(ground.leftovers().isEmpty)
  }

  private func largeArchive() -> [UInt8] {
    var builder = MongoDBArchiveBuilder(["users.people"])
    var generator = SystemRandomNumberGenerator()
    let documents = (0..<2000).map { _ in
      MongoDBArchiveBuilder.document([.text("noise", (0..<20).map { _ in String(generator.next()) }.joined())])
    }
    builder.add("users.people", documents)
    builder.end("users.people")
    return builder.bytes
  }
}
