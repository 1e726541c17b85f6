import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("PostgreSQL dumps", .serialized)
struct PostgreSQLDumpTests: PostgreSQLSuite {
  let ground: PostgreSQLGround

  init() throws {
    ground = try PostgreSQLGround()
  }

  @Test("A dump asks for no compression: compressed dumps do not deduplicate")
  func uncompressed() throws {
    try one.recreate("compressible")
    try one.run("CREATE TABLE t AS SELECT repeat('coffer ', 100) AS a FROM generate_series(1, 500)", in: "compressible")
    let context = try makeContext()
    let root = try configured(one.entry("compressible"))
    let dump = try take(root, context)
    #expect(dump.bytes.count > 300_000)
    try one.drop("compressible")
  }

  @Test(
    "A custom dump ends as complete ones do, whatever is in it, and one that is cut short does not",
    arguments: ["", "--schema-only", "--data-only", "--compress=9", "--no-blobs"])
  func customEnd(options: String) throws {
    let context = try makeContext()
    for schema in ["", "SELECT lo_from_bytea(1, 'x')", "CREATE TABLE t AS SELECT generate_series(1, 3000) a"] {
      try one.recreate("ending")
      try one.run(schema, in: "ending")
      let root = try configured(one.entry("ending", "options: \(options)"))
      let dump = try take(root, context)
      let whole = dump.bytes
      for length in [whole.count - 1, whole.count / 2 + 1, 100] where whole[..<length].suffix(5) != [0, 0, 0, 0, 0] {
        #expect(CustomArchive.missing(head: Array(whole.prefix(20)), tail: Array(whole[..<length])) != nil)
      }
    }
    try one.drop("ending")
  }

  @Test("What pg_dump warns of is told, although it is content")
  func warnings() throws {
    try one.recreate("circles")
    try one.run(
      """
      CREATE TABLE a(i int PRIMARY KEY, b int); CREATE TABLE b(i int PRIMARY KEY, a int REFERENCES a);
      ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b
      """, in: "circles")
    let context = try makeContext()
    let root = try configured(one.entry("circles", "options: --data-only"))
    let running = try plan(root, context).start(context: context)
    let outcome = try running.finish()
    #expect(outcome.warnings.contains { $0.contains("circular foreign-key constraints") })
    try one.drop("circles")
  }
}
