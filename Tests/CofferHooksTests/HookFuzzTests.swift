import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("Random text in commands and dumps")
struct HookFuzzTests {
  @Test("Whatever a value is, and wherever it stands in a shell line, it comes out of the shell as it is")
  func commands() throws {
    try Fuzz.run(.commandTemplate) { random in
      let value = random.pick([random.text("'\"\\`$()#;&|<>\n \t*?~!{}\u{301}aé"), random.pick(knownAttacks)])
      let variables = CommandVariables(["error": value])
      let pieces: [(text: String, wanted: String)] = [
        ("{error}", value), ("a{error}b", "a\(value)b"), ("\"x{error}'\"", "x\(value)'"),
        ("'x{error}\"'", "x\(value)\""),
        ("\"$(printf '%s.' \"{error}\")\"", value + "."), ("\"`printf '%s.' {error}`\"", value + "."),
        ("\\{error\\}", "{error}"), ("\\\"{error}\\'", "\"\(value)'"),
      ]
      let chosen = (0..<Int.random(in: 1...5, using: &random)).map { _ in random.pick(pieces) }
      let template = CommandTemplate(
        "printf '%s\\0' \(chosen.map(\.text).joined(separator: " ")) # it's {error}", variables: variables)
      var environment = ProcessEnvironment(["PATH": "/usr/bin:/bin"])
      environment.variables.merge(variables.environment) { _, new in new }
      let result = try SystemProcessLauncher().run(
        ChildCommand("/bin/sh", ["-c", template.line], environment: environment))
      try #require(
        result.output == chosen.flatMap { Array($0.wanted.utf8) + [0] },
        "seed \(random.seed): \(template.line) \(result.errorLines)")
    }
  }

  private static let pieces = [
    "INSERT INTO t VALUES('a;b');", "INSERT INTO t VALUES('it''s; --');", "-- ; '\n",
    "/* ; ' */", "/* -- */;", ";", ";;", "\n",
    "CREATE TRIGGER IF NOT EXISTS r AFTER INSERT ON t BEGIN SELECT ';'; END;",
    "INSERT INTO [a;b] VALUES(';');", "INSERT INTO t VALUES(x'3b');", "INSERT INTO t /* END; */ VALUES('\u{301};');",
    "UPDATE t SET a = a || ';' WHERE a LIKE '%''%';", "INSERT INTO t VALUES('/*');", "INSERT INTO t VALUES('\r\n;');",
  ]

  @Test("A dump of SQL is read as SQLite reads it whole, wherever its pieces begin")
  func statements() throws {
    let ground = try SQLiteGround()
    try Fuzz.run(.sqliteStatements) { random in
      let text =
        "CREATE TABLE t(a); CREATE TABLE [a;b](`x;'`);"
        + (0..<Int.random(in: 1...40, using: &random)).map { _ in random.pick(Self.pieces) }.joined()
      for name in ["a.db", "b.db"] { unlink(ground.path(name)) }
      try ground.run("a.db", text)
      try ground.restore(ground.dump(holding: text + "\n-- End of this dump.\n"), to: "b.db")
      try #require(try ground.content(of: "b.db") == ground.content(of: "a.db"), "seed \(random.seed): \(text)")
    }
  }
}
