import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("Reading scripts as psql does", .serialized)
struct ScriptScannerTests: PostgreSQLSuite {
  let ground: PostgreSQLGround

  init() throws {
    ground = try PostgreSQLGround()
  }

  /// What could make a scanner lose its place, each with a few of its neighbours.
  private static let pieces = [
    "'", "''", "\"", "\"\"", "$$", "$a$", "$a1$", "$1", "a$b", "E'", "e'", "xe'", "U&'", "u&\"", "B'", "X'", "N'",
    "\\'", "\\\\",
    "--", "-", "/*", "*/", "/", "*", "(", ")", ";", ",", " ", " ", "\t", "abc", "e", "::", ":a", ":'", "1", "1.5",
    "1e5", "+",
    "\r", "'\u{301}", "\"\u{301}", "ü", "[", "]", "BEGIN", "END", "CASE", "CREATE FUNCTION", "select 1",
  ]

  private func script(_ random: inout SeededRandom, lines: Int) -> String {
    (0..<lines).map { number in
      // psql takes the rest of a line as the command's arguments; the scanner leaves the line at the backslash, too.
      if Int.random(in: 0..<3, using: &random) == 0 { return "\\echo here-\(number)" }
      let count = Int.random(in: 0..<6, using: &random)
      return (0..<count).map { _ in Self.pieces[Int.random(in: 0..<Self.pieces.count, using: &random)] }.joined()
    }.joined(separator: "\n") + "\n"
  }

  /// The lines at which the scanner finds one of our commands, and the first at which it finds another, or says that it
  /// cannot know.
  private func scan(_ script: String) -> (commands: [Int], firstAmbiguity: Int?) {
    var scanner = ScriptScanner()
    var commands: [Int] = []
    var ambiguity: Int?
    let lines = script.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (number, line) in lines.enumerated() {
      (Array(line) + [UInt8(ascii: "\n")]).withUnsafeBytes { scanner.take($0) }
      let isOurs = line.starts(with: "\\echo here-".utf8)
      if isOurs, scanner.finding == .metaCommand { commands.append(number) }
      if !isOurs, scanner.finding != nil, ambiguity == nil { ambiguity = number }
    }
    return (commands, ambiguity)
  }

  /// - Returns: The lines whose commands psql has run.
  private func run(_ script: String) throws -> [Int] {
    var environment = ProcessEnvironment(["PATH": "/usr/bin:/bin"])
    environment.variables["PGPASSWORD"] = one.password
    let arguments = [
      "-X", "-q", "-h", one.hostname, "-p", String(one.port), "-U", one.username, "-d", "postgres", "-f", "-",
    ]
    let result = try SystemProcessLauncher().run(
      ChildCommand("psql", arguments, environment: environment), input: Array(script.utf8))
    return result.text.lines().compactMap { $0.after(beginning: "here-").flatMap { Int($0) } }
  }

  @Test("Every command that psql runs is found, up to where the scanner says that it cannot know")
  func fuzz() throws {
    try Fuzz.run(.postgresqlScript, atLeast: 60) { random in
      let text = script(&random, lines: 60)
      let (found, ambiguity) = scan(text)
      let ran = try run(text)
      let end = ambiguity ?? .max
      #expect(found.filter { $0 < end } == ran.filter { $0 < end }, "seed \(random.seed)")
    }
  }
}
