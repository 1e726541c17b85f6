import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

/// With a script in place of mariadb-backup; `EndToEndTests` has the program and real servers.
@Suite("Physical backups of MariaDB servers")
struct PhysicalBackupTests {
  private let folder = "/tmp/coffer-backup-\(UUID().uuidString.prefix(8))"

  private func remove() { try? FileManager.default.removeItem(atPath: folder) }

  /// Takes the backup that a script makes, which finds a whole stream in its folder.
  private func take(
    _ script: String, _ more: String = "", hook: MariaDBServerHook = MariaDBServerHook(.mariadb)
  ) throws -> (bytes: [UInt8], outcome: DumpOutcome) {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { remove() }
    let stream = XBStreamBuilder.file("ibdata1", [UInt8](repeating: 7, count: 50_000)) + XBStreamBuilder.report()
    try Data(stream).write(to: URL(fileURLWithPath: "\(folder)/whole"))
    try Data("cd '\(folder)'\n\(script)\n".utf8).write(to: URL(fileURLWithPath: "\(folder)/program"))
    let root = try makeRoot(
      "\(hook.name):\n  - name: main\n    base_backup: true\n"
        + (hook.name.hasPrefix("maria") ? "    mariadb_backup_command: bash \(folder)/program\n" : "") + more)
    let context = try makeContext()
    defer { context.runtime.remove() }
    let dump = try #require(hook.dumps(of: root, context: context).first)
    let running = try dump.start(context: context)
    do {
      guard case .stream(let source) = running.output else { throw SystemError(call: "read", subject: "", code: EIO) }
      var bytes: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 4096)
      while case let count = try buffer.withUnsafeMutableBytes({ try source.read(into: $0) }), count > 0 {
        bytes += buffer[..<count]
      }
      return (bytes, try running.finish())
    } catch {
      running.abandon()
      throw error
    }
  }

  private static let done = "echo '[00] completed OK!' >&2"

  @Test(
    "A backup is its program's stream, with what is known of it; the password is in no argument, and there as often as it is read"
  )
  func whole() throws {
    let (bytes, outcome) = try take(
      """
      file=${1#--defaults-extra-file=}
      [ "$(stat -L -c %a $file)" = 600 ] || exit 7
      [ "$(cat $file)" = "$(cat $file)" ] && grep -q 'password="p w"' $file && grep -q '^\\[mariabackup\\]$' $file || exit 9
      shift
      [ "$*" = '--host 127.0.0.1 --protocol tcp --backup --stream=xbstream' ] || { echo "$*" >&2; exit 8; }
      cat whole; \(Self.done)
      """,
      "    hostname: 127.0.0.1\n    username: bk\n    password: p w\n")
    #expect(bytes.count > 50_000)
    #expect(outcome.bytes == UInt64(bytes.count))
    let facts = outcome.facts
    #expect(facts.format == "xbstream" && facts.serverVersion == "10.11.19-MariaDB-log", "\(facts)")
    #expect(facts.clientVersion == "mariadb-backup 10.11.19-MariaDB")
    #expect(facts.log?.file == "binlog.000007" && facts.log?.position == 4711 && facts.physical?.end == 60016)
  }

  @Test(
    "What is not whole is no backup, whatever the program's exit status is",
    arguments: [
      "cat whole", "head -c 40000 whole; \(done)", "cat whole; echo x; \(done)", "cat whole; \(done); exit 1",
      "cat whole; \(done); kill -9 $$", "sed 's/partial = N/partial = Y/' whole; \(done)", done,
      "sed 's/ibdata1/ibdata2/2' whole; \(done)", "cat whole; \(done); echo then failed >&2",
    ])
  func broken(script: String) throws {
    #expect(throws: DumpError.self) { try take(script) }
  }

  @Test("What was made and renamed meanwhile, and is not in the stream, makes it none; what was then removed does not")
  func meanwhile() throws {
    typealias Builder = XBStreamBuilder
    let name = "echo -n '\(Data(Builder.rename("shop/a", to: "shop/b")).base64EncodedString())' | base64 -d"
    let gone = "echo -n '\(Data(Builder.chunk("D", "shop/b")).base64EncodedString())' | base64 -d"
    let there = "echo -n '\(Data(Builder.file("shop/a", [1])).base64EncodedString())' | base64 -d"
    let error = #expect(throws: DumpError.self) { try take("cat whole; \(name); \(Self.done)") }
    #expect(error?.isWorthARetry == true && error.map { Diagnosis(of: $0).problem }?.contains("shop/b") == true)
    _ = try take("cat whole; \(name); \(gone); \(Self.done)")
    _ = try take("cat whole; \(there); \(name); \(Self.done)")
  }

  @Test("Of a server with files outside of its data directory it is said that they are to be laid down by hand")
  func outside() throws {
    typealias Builder = XBStreamBuilder
    let link = Data(Builder.file("shop/far.isl", Array("/srv/far.ibd".utf8))).base64EncodedString()
    let settings = Data(
      Builder.chunk("D", "backup-my.cnf")
        + Builder.file("backup-my.cnf", Array("innodb_data_file_path=/srv/ibdata1:12M\n".utf8))
    ).base64EncodedString()
    for (more, name) in [(link, "shop/far.isl"), (settings, "/srv/ibdata1")] {
      let script = "cat whole; echo -n '\(more)' | base64 -d"
      let outcome = try take("\(script); \(Self.done)").outcome
      #expect(outcome.warnings.count == 1 && outcome.warnings[0].contains(name), "\(outcome.warnings)")
    }
    #expect(try take("cat whole; \(Self.done)").outcome.warnings.isEmpty)
  }

  @Test("MySQL, and a server on another host, are refused with what to do")
  func refused() throws {
    for (hook, more, sign) in [
      (MariaDBServerHook(.mysql), "", "mysql_databases"),
      (MariaDBServerHook(.mariadb), "    hostname: db.example.org\n", "on the server's host"),
    ] {
      let error = #expect(throws: DumpError.self) { try take("cat whole; \(Self.done)", more, hook: hook) }
      let suggestion = error?.diagnosis.suggestion ?? ""
      #expect(suggestion.contains(sign), "\(suggestion)")
    }
  }

  @Test("Of what the program says, what tells why it failed is shown, and nothing of the tables")
  func telling() {
    let lines = [
      "[00] 2026-01-31 12:00:00 Streaming ./shop/item.ibd",
      "[00] 2026-01-31 12:00:00 Error: File ./shop/item.ibd seems to be corrupted.",
      " len 16384; hex 00", "[00] Error: " + String(repeating: "x", count: 500), "a row; asc Error [00] failed",
      "[00] FATAL ERROR: 2026-01-31 12:00:00 failed to copy datafile.",
    ]
    #expect(PhysicalBackupStream.telling(lines) == [lines[1]])
    #expect(PhysicalBackupStream.telling([lines[0], lines[5]]) == [lines[5]])
    #expect(PhysicalBackupStream.telling([lines[0], lines[4]]) == [lines[0]])
    #expect(PhysicalBackupStream.telling([lines[2]]) == [])
  }
}
