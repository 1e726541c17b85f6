import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("What PostgreSQL clients are told", .serialized)
struct PostgreSQLSecrecyTests: PostgreSQLSuite {
  let ground: PostgreSQLGround

  init() throws {
    ground = try PostgreSQLGround()
  }

  @Test("The repository's passphrase does not reach a client program")
  func passphrases() throws {
    let program = try standIn("env | grep -c PASS; exit 1")
    let context = try makeContext(variables: ["COFFER_PASSPHRASE": "x", "BORG_PASSCOMMAND": "y", "PGPASSFILE": "z"])
    let dump = try #require(
      hook.dumps(of: configured("  - {name: users, pg_dump_command: \(program)}\n"), context: context).first)
    let running = try dump.start(context: context)
    guard case .stream(let source) = running.output else { return }
    var bytes = [UInt8](repeating: 0, count: 10)
    let count = try bytes.withUnsafeMutableBytes { try source.read(into: $0) }
    #expect(String(decoding: bytes[..<count], as: UTF8.self) == "1\n")
    running.abandon()
  }

  @Test("No password, and none of a role, is in any command line while dumps and restores run")
  func secrecy() throws {
    try prepare()
    try one.run("DROP ROLE IF EXISTS keeper; CREATE ROLE keeper LOGIN PASSWORD 'kept'")
    let context = try makeContext()
    let isDone = Monitor(false)
    let seen = Monitor<Set<String>>([])
    let secrets = [one.password, two.password, "SCRAM-SHA-256$"]
    let watcher = try WorkerThread(name: "watcher") {
      while !isDone.update({ $0 }) {
        for process in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] where Int(process) != nil {
          guard let data = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") else { continue }
          let text = String(decoding: data, as: UTF8.self)
          if secrets.contains(where: text.contains) { seen.update { _ = $0.insert(text) } }
        }
        usleep(1000)
      }
    }
    for format in ["custom", "plain", "all", "globals"] {
      let root = try configured(format == "all" ? one.entry("all") : entry(format == "plain" ? "format: plain" : ""))
      let dump = try take(root, context, globals: format == "globals")
      if format != "globals" { try two.drop(Self.database) }
      let plan = try hook.restore(of: dump.facts, to: two.target, root: root, context: context)
      try dump.restore(plan, context: context)
    }
    isDone.update { $0 = true }
    watcher.join()
    #expect(seen.update { $0 }.isEmpty)
    for server in [one, two] { try server.run("DROP ROLE keeper") }
  }

  @Test("The connection is encrypted and the server is who it says, in every step of a dump and a restore")
  func encryption() throws {
    let authority = try #require(ProcessInfo.processInfo.environment["COFFER_TEST_POSTGRESQL_CA"])
    try one.recreate("encrypted")
    // What pg_dump is told by the server shows how it is connected.
    try one.run(
      """
      CREATE FUNCTION encryption() RETURNS text LANGUAGE sql AS
        'SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()';
      CREATE MATERIALIZED VIEW seen AS SELECT encryption();
      """, in: "encrypted")
    let context = try makeContext()
    let secured = ["ssl_mode: verify-full", "ssl_root_cert: \(authority)"]
    for format in ["custom", "plain"] {
      let root = try configured(one.entry("encrypted", "format: \(format)", secured[0], secured[1]))
      let dump = try take(root, context)
      try one.drop("encrypted")
      let plan = try hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
      #expect(try dump.restore(plan, context: context) == [])
      // Filled again by the restoring client.
      #expect(try one.run("SELECT * FROM seen", in: "encrypted") == "true\n")
    }
    let globals = try configured(one.entry("encrypted", "globals: true", secured[0], secured[1]))
    #expect(try take(globals, context, globals: true).facts.format == "globals")

    let stranger = NSTemporaryDirectory() + "/stranger-\(UInt32.random(in: 0 ... .max)).crt"
    defer { try? FileManager.default.removeItem(atPath: stranger) }
    try "".write(toFile: stranger, atomically: true, encoding: .utf8)
    let untrusted = try configured(one.entry("encrypted", "ssl_mode: verify-full", "ssl_root_cert: \(stranger)"))
    let error = #expect(throws: DumpError.self) { try take(untrusted, context) }
    #expect(error?.diagnosis.problem.contains("certificate") == true, "\(error?.diagnosis.problem ?? "")")
    // The second server has no certificate at all.
    let bare = try configured(two.entry("postgres", "globals: false", secured[0], secured[1]))
    #expect(throws: DumpError.self) { try take(bare, context) }
    try one.drop("encrypted")
  }
}
