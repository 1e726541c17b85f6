import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

/// The first server has a certificate for its address, which is an authority of its own; the second one has none.
@Suite("Encrypted connections to MariaDB and MySQL", .serialized)
struct MariaDBEncryptionTests {
  private let bench: MariaDBBench
  private let authority: String
  private var one: MariaDBServer { bench.one }
  private var two: MariaDBServer { bench.two }

  init() throws {
    bench = try MariaDBBench()
    authority = try #require(ProcessInfo.processInfo.environment["COFFER_TEST_MARIADB_CA"])
  }

  /// An entry for a user that the server lets in by an encrypted connection only.
  private func entry(_ more: String..., hostname: String? = nil) -> String {
    let lines = [
      "name: sealed", "hostname: \(hostname ?? one.hostname)", "port: \(one.port)", "username: careful", "password: c",
    ]
    return "  - {" + (lines + more).joined(separator: ", ") + "}\n"
  }

  private func prepare() throws {
    try one.recreate("sealed")
    try one.run(MariaDBServer.richSchema, in: "sealed")
    try one.run(
      "CREATE OR REPLACE USER careful@'%' IDENTIFIED BY 'c' REQUIRE SSL; GRANT ALL ON *.* TO careful@'%'")
  }

  private func tidyUp() throws {
    try one.drop("sealed")
    try one.run("DROP USER careful@'%'")
    try bench.expectNothingLeft()
  }

  private func diagnosis(_ body: () throws -> Void) throws -> Diagnosis {
    do {
      try body()
    } catch let error as any DiagnosableError {
      return error.diagnosis
    }
    Issue.record("It succeeded")
    return Diagnosis(subject: "", problem: "")
  }

  @Test("With the server's authority and its name verified, lists, dumps and restores are made")
  func verified() throws {
    try prepare()
    let context = try makeContext()
    let before = try one.content(of: "sealed")
    let text = entry("tls_ca: \(authority)", "tls_verify: true")
    let root = try bench.configured(text)
    let listed = try bench.hook.dumps(of: bench.configured(text.replacing("sealed", with: "seale*")), context: context)
    #expect(listed.map(\.identity.database) == ["sealed"])
    let dump = try bench.dump(text, context: context)
    try one.run("DROP TABLE orders; CREATE TABLE other (i INT)", in: "sealed")
    let plan = try bench.hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
    #expect(try bench.othersThanHistory(dump.restore(plan, context: context)) == [])
    try expectSame(one.content(of: "sealed"), before)
    try tidyUp()
  }

  @Test("Another authority and another name than the certificate's end dumps and restores, with what to correct")
  func notVerified() throws {
    try prepare()
    let context = try makeContext()
    let good = entry("tls_ca: \(authority)", "tls_verify: true")
    let dump = try bench.dump(good, context: context)
    let before = try one.content(of: "sealed")
    let folder = try Programs()
    let other = "\(folder.path)/other.crt"
    let made = try SystemProcessLauncher().run(
      ChildCommand(
        "openssl",
        [
          "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
          "subjectAltName=IP:127.0.0.1", "-keyout", "\(folder.path)/other.key", "-out", other,
        ], environment: ProcessEnvironment(["PATH": "/usr/bin:/bin"])))
    #expect(made.status.isSuccess)
    let wrong = [
      entry("tls_ca: \(other)", "tls_verify: true"), entry("tls_ca: \(other)"),
      entry("tls_ca: \(authority)", "tls_verify: true", hostname: "localhost"), entry("tls_verify: true"),
    ]
    for text in wrong {
      for database in ["sealed", "seale*"] {
        let failed = try diagnosis {
          _ = try bench.dump(text.replacing("name: sealed", with: "name: \(database)"), context: context)
        }
        #expect(failed.problem.contains("certificate"), "\(failed)")
        #expect(failed.suggestion?.contains("tls_ca") == true && failed.suggestion?.contains("hostname") == true)
        #expect(failed.suggestion?.contains("tls: false") == false)
      }
      let facts = DumpFacts(
        identity: try #require(bench.hook.dumps(of: bench.configured(text), context: context).first).identity,
        format: "sql")
      let refused = try diagnosis {
        _ = try bench.hook.restore(of: facts, to: RestoreTarget(), root: bench.configured(text), context: context)
      }
      #expect(refused.problem.contains("certificate"), "\(refused)")
      #expect(refused.suggestion?.contains("tls_ca") == true)
    }
    let restored = good.replacing("}", with: ", restore_tls_ca: \(other)}")
    let refused = try diagnosis {
      _ = try bench.hook.restore(
        of: dump.facts, to: RestoreTarget(), root: bench.configured(restored), context: context)
    }
    #expect(refused.suggestion?.contains("restore_tls_ca") == true)
    try expectSame(one.content(of: "sealed"), before)
    try tidyUp()
  }

  @Test("Without verification any certificate will do, on this host without a word")
  func unverified() throws {
    try prepare()
    let context = try makeContext()
    let text = entry("tls: true", "tls_verify: false")
    let dump = try bench.dump(text, context: context)
    let before = try one.content(of: "sealed")
    let plan = try bench.hook.restore(
      of: dump.facts, to: RestoreTarget(), root: bench.configured(text), context: context)
    #expect(try bench.othersThanHistory(dump.restore(plan, context: context)) == [])
    try expectSame(one.content(of: "sealed"), before)
    try tidyUp()
  }

  @Test(
    "A server without encryption is refused where it is wanted, before anything is dumped or replaced",
    arguments: [["tls: true"], ["tls_verify: true"], ["tls_ca"], ["tls: true", "tls_verify: false"]])
  func demanded(options: [String]) throws {
    try two.recreate("sealed")
    try two.run("CREATE TABLE t (i INT); INSERT INTO t VALUES (1)", in: "sealed")
    let context = try makeContext()
    let dump = try bench.dump(two.entry("sealed"), context: context)
    let before = try two.content(of: "sealed")
    let lines = options.map { $0 == "tls_ca" ? "    tls_ca: \(authority)\n" : "    \($0)\n" }.joined()
    let text = two.entry("sealed") + lines
    for failed in [
      try diagnosis { _ = try bench.dump(text, context: context) },
      try diagnosis {
        _ = try bench.hook.restore(
          of: dump.facts, to: RestoreTarget(), root: bench.configured(text), context: context)
      },
    ] {
      #expect(failed.problem.contains("encrypted") || failed.problem.contains("SSL is required"), "\(failed)")
      #expect(failed.suggestion?.contains("tls: false") == true)
    }
    try expectSame(two.content(of: "sealed"), before)
    try two.drop("sealed")
    try bench.expectNothingLeft()
  }

  @Test("Without a client to ask, a dump that wants encryption is not made, and it is said why it is asked")
  func nobodyToAsk() throws {
    try one.recreate("sealed")
    let context = try makeContext()
    let folder = try Programs()
    let failing = try folder.make("exit 7")
    let cases = [
      ("/nonexistent/mariadb", "tls: true"), (failing, "tls: true"), (failing, "tls_ca: \(authority)"),
    ]
    for (client, options) in cases {
      let text = one.entry("sealed", "mariadb_command: \(client)")
      let failed = try diagnosis { _ = try bench.dump(text + "    \(options)\n", context: context) }
      #expect(failed.problem.contains("wants an encrypted connection") && failed.problem.contains(client), "\(failed)")
      #expect(failed.suggestion?.contains("mariadb_command") == true, "\(failed)")
      // Nothing depends on it elsewhere.
      #expect(try bench.dump(text, context: context).bytes.isEmpty == false)
    }
    try one.drop("sealed")
  }

  /// Dumps by programs that stand in for the clients of a server on another host.
  ///
  /// - Parameter cipher: What the server says of the connection.
  private func standIn(
    _ dialect: MariaDBDialect, cipher: String, version: String, _ options: [String]
  ) throws -> (warnings: [String], command: String) {
    let programs = try Programs()
    let program = try programs.make(
      """
      case "$*" in
        *--version*) echo 'x Ver 1 \(version)';;
        *Ssl_cipher*) printf 'Ssl_cipher\\t\(cipher)\\n';;
        *CURRENT_USER*) echo me@h;;
        *SHOW?GRANTS*) echo 'GRANT ALL PRIVILEGES ON *.* TO `me`@`h`';;
        *--execute*) ;;
        *) printf '%s|' "$@" >\(programs.path)/arguments; echo '-- Dump completed on today';;
      esac
      """)
    let lines = [
      "name: shop", "\(dialect.dumpCommand.name): \(program)", "\(dialect.clientCommand.name): \(program)",
    ]
    let hook = MariaDBHook(dialect)
    let root = try makeRoot("\(hook.name):\n  - {\((lines + options).joined(separator: ", "))}\n")
    let context = try makeContext()
    let running = try #require(hook.dumps(of: root, context: context).first).start(context: context)
    guard case .stream(let source) = running.output else { return ([], "") }
    var piece = [UInt8](repeating: 0, count: 1000)
    while try piece.withUnsafeMutableBytes({ try source.read(into: $0) }) > 0 {}
    return (
      try running.finish().warnings, try String(contentsOfFile: "\(programs.path)/arguments", encoding: .utf8)
    )
  }

  private static let clear = """
    The connection to db.example.org:3306 is not encrypted: user, password and data can be read on their way. \
    Write 'tls: true', and 'tls_verify: true' where the server has a certificate
    """
  private static let unproven = """
    The server at db.example.org:3306 does not have to prove that it is that host: another one in its place would be \
    given user, password and data. Write 'tls_verify: true', and its authority in 'tls_ca'
    """

  @Test("A password that goes to another host in clear, or to whoever is in its place, is warned of")
  func warnings() throws {
    let host = "hostname: db.example.org"
    func warnings(_ cipher: String, _ options: String...) throws -> [String] {
      try standIn(.mariadb, cipher: cipher, version: "10.11-MariaDB", options).warnings
    }
    #expect(try warnings("", host, "password: p") == [Self.clear])
    #expect(try warnings("", host, "password: p", "tls: false") == [Self.clear])
    #expect(try warnings("AES", host, "password: p") == [])
    #expect(try warnings("AES", host, "password: p", "tls: true") == [Self.unproven])
    #expect(try warnings("AES", host, "password: p", "tls: true", "tls_verify: false") == [Self.unproven])
    #expect(try warnings("AES", host, "password: p", "tls_ca: /ca", "tls_verify: true") == [])
    #expect(try warnings("", host) == [])
    for near in ["hostname: localhost", "hostname: 127.0.0.9", "hostname: \"::1\"", "socket_path: /s"] {
      #expect(try warnings("", near, "password: p") == [])
    }
    for near in ["127.0.0.1.example.org", "127.example.org"] {
      #expect(try warnings("", "hostname: \(near)", "password: p").count == 1)
    }
  }

  @Test("Each client is told in its own words whom to trust")
  func commands() throws {
    func beginning(_ dialect: MariaDBDialect, _ version: String, _ options: String...) throws -> String {
      let command = try standIn(dialect, cipher: "AES", version: version, options).command
      return command.components(separatedBy: "|--skip-compact|")[0]
    }
    let mysql = "8.0.36 for Linux"
    #expect(
      try beginning(.mariadb, "10.11-MariaDB", "tls_ca: /ca", "tls_verify: true")
        == "--ssl-ca|/ca|--ssl|--ssl-verify-server-cert")
    #expect(try beginning(.mariadb, "10.11-MariaDB", "tls_ca: /ca") == "--ssl-ca|/ca|--ssl")
    #expect(
      try beginning(.mysql, "10.11-MariaDB", "tls_verify: true") == "--ssl|--ssl-verify-server-cert")
    #expect(
      try beginning(.mysql, mysql, "tls_ca: /ca", "tls_verify: true") == "--ssl-ca|/ca|--ssl-mode=VERIFY_IDENTITY")
    #expect(try beginning(.mysql, mysql, "tls_ca: /ca") == "--ssl-ca|/ca|--ssl-mode=VERIFY_CA")
    #expect(try beginning(.mysql, mysql, "tls: true") == "--ssl-mode=REQUIRED")
    #expect(try beginning(.mysql, mysql, "tls_ca: /ca", "tls: false") == "--ssl-mode=DISABLED")
    #expect(try beginning(.mariadb, "10.11-MariaDB", "tls_verify: true", "tls: false") == "--skip-ssl")
  }
}
