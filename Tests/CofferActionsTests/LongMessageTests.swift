import CofferSystem
import Foundation
import Synchronization
import Testing

@testable import CofferActions

@Suite("Messages without an end")
struct LongMessageTests {
  private final class Kept: ConsoleSink {
    let texts = Mutex<[String]>([])

    func take(_ text: String, level: Int) { texts.withLock { $0.append(text) } }
  }

  /// What is said on standard error, and what a log gets.
  private func said(json: Bool = false, _ body: (Console) -> Void) throws -> (people: String, log: [String]) {
    let path = NSTemporaryDirectory() + "long-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: path) }
    let file = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
    try #require(file >= 0)
    let log = Kept()
    let console = Console(
      verbosity: 0, environment: ProcessEnvironment([:]), noColor: true, sinks: [log], jsonClock: json ? .system : nil,
      standardOutput: StandardOutput(descriptor: file, errors: file))
    body(console)
    close(file)
    return (try String(contentsOfFile: path, encoding: .utf8), log.texts.withLock { $0 })
  }

  private let long = "begins here " + String(repeating: "é€", count: 4000) + " ends here"

  @Test(
    "A line that nobody can read is shown by its beginning and its end, with how much is left out; programs get all of it"
  )
  func cut() throws {
    let diagnosis = Diagnosis(subject: "db", problem: "It failed: " + long, suggestion: "Mend " + long)
    let error = try said { $0.error(diagnosis) }
    let lines = error.people.split(separator: "\n")
    #expect(lines.count == 2 && lines[0].hasPrefix("error: db: It failed: begins here"))
    #expect(lines[0].hasSuffix(" ends here") && lines[0].utf8.count < 3000)
    let left = try #require(lines[0].split(separator: "... ").dropFirst().first?.split(separator: " bytes").first)
    let number = try #require(Int(left))
    #expect(
      lines[0].utf8.count - "error: ".utf8.count + number - " ... \(number) bytes more ... ".utf8.count
        == "db: It failed: \(long)".utf8.count)
    // What is to be done can be a command.
    #expect(lines[1] == "  Mend \(long)")
    #expect(error.log == ["error: db: It failed: \(long)\n  Mend \(long)"])
    let warning = try said { $0.warning(long) }
    #expect(warning.people.hasSuffix(" ends here\n") && warning.people.utf8.count < 3000)
    #expect(warning.log == ["warning: " + long])
    #expect(try said(json: true) { $0.error(diagnosis) }.people.contains("It failed: \(long)"))
  }

  @Test("What fits is shown as it is, be it the longest path")
  func uncut() throws {
    let path = "/" + String(repeating: "a/", count: 1000)
    #expect(try said { $0.warning(path) }.people == "warning: \(path)\n")
  }
}
