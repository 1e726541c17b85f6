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

  @Test("A custom dump that ends between two blocks, or within the zeros at its end, is not complete")
  func customEndBetweenBlocks() throws {
    try one.recreate("ending")
    try one.run(
      "CREATE TABLE a AS SELECT 1 AS x; CREATE TABLE b AS SELECT 2 AS x; SELECT lo_from_bytea(7, 'x')", in: "ending")
    let context = try makeContext()
    let dump = try take(try configured(one.entry("ending")), context)
    let places = try #require(BlockPlaces(dump.facts, dumpSize: UInt64(dump.bytes.count)))
    #expect(places.blocks.count == 3)
    var ends = [places.contentsSize]
    for block in places.blocks.dropLast() { ends.append(ends[ends.count - 1] + block.size) }
    for length in ends.map({ Int($0) }) + [dump.bytes.count - 1, dump.bytes.count - 5] {
      #expect(dump.bytes[..<length].suffix(5) == [0, 0, 0, 0, 0])
      let standIn = try standIn(
        "case \"$*\" in *--version*) exec pg_dump \"$@\";; esac; pg_dump \"$@\" | head -c \(length)")
      let root = try configured(one.entry("ending", "pg_dump_command: \(standIn)"))
      let error = #expect(throws: DumpError.self) { try take(root, context) }
      #expect("\(try #require(error))".contains("not complete"), "\(length): \(String(describing: error))")
    }
    try one.drop("ending")
  }

  @Test("A tar dump that ends within zeros that a large object holds is not complete")
  func tarEndWithinObject() throws {
    try one.recreate("ending")
    try one.run("SELECT lo_from_bytea(7, decode(repeat('00', 100000), 'hex'))", in: "ending")
    let context = try makeContext()
    let whole = try take(try configured(one.entry("ending", "format: tar")), context).bytes
    let zeros = [UInt8](repeating: 0, count: 2048)
    let start = try #require(whole.indices.first { whole[$0] != 0 && whole[($0 + 1)...].starts(with: zeros) })
    let standIn = try standIn(
      "case \"$*\" in *--version*) exec pg_dump \"$@\";; esac; pg_dump \"$@\" | head -c \(start + 50_000)")
    let root = try configured(one.entry("ending", "format: tar", "pg_dump_command: \(standIn)"))
    let error = #expect(throws: DumpError.self) { try take(root, context) }
    #expect("\(try #require(error))".contains("not complete"), "\(String(describing: error))")
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
