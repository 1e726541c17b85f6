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
