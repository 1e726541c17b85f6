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

  @Test("No password is in any command line while a dump and a restore run")
  func secrecy() throws {
    try prepare()
    let context = try makeContext()
    let root = try configured(entry())
    let isDone = Monitor(false)
    let seen = Monitor<Set<String>>([])
    let (first, second) = (one.password, two.password)
    let watcher = WorkerThread(name: "watcher") {
      while !isDone.update({ $0 }) {
        for entry in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] where Int(entry) != nil {
          guard let data = FileManager.default.contents(atPath: "/proc/\(entry)/cmdline") else { continue }
          let text = String(decoding: data, as: UTF8.self)
          if text.contains(first) || text.contains(second) { seen.update { _ = $0.insert(text) } }
        }
        usleep(2000)
      }
    }
    let dump = try take(root, context)
    try two.drop(Self.database)
    let plan = try hook.restore(of: dump.facts, to: two.target, root: root, context: context)
    try dump.restore(plan, context: context)
    isDone.update { $0 = true }
    watcher.join()
    #expect(seen.update { $0 }.isEmpty)
  }
}
