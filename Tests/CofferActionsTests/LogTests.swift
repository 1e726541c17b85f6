import CofferConfiguration
import CofferSystem
import Foundation
import Testing

@testable import CofferActions

@Suite("Logs")
struct LogTests {
  private let time = Date(timeIntervalSince1970: 1_700_000_000.25)

  @Test("Lines carry what they are and when they were said")
  func lines() {
    #expect(
      LogRecord("warning: Low on space", verbosity: 0).formatted("[{asctime}] {levelname}: {message}", at: time)
        == "[\(Formats.strftime("%Y-%m-%d %H:%M:%S", time)),250] WARNING: Low on space")
    #expect(
      LogRecord("error: x: broken", verbosity: -1).formatted("{levelname} {prefix}{message}", at: time)
        == "ERROR x: broken")
    #expect(LogRecord("done", verbosity: 0).level == .answer)
    #expect(LogRecord("warning: inside", verbosity: 1).level == .info)
    #expect(LogRecord("x", verbosity: 2).formatted("{process} {message}", at: time) == "{process} x")
  }

  @Test("A file gets what its own verbosity lets through, whatever the console's, and is added to")
  func file() throws {
    let path = NSTemporaryDirectory() + "log-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: path) }
    try "before\n".write(toFile: path, atomically: true, encoding: .utf8)
    let log = try LogFile(path, verbosity: 1, format: "{levelname} {message}", clock: .system)
    let console = Console(verbosity: -2, environment: ProcessEnvironment([:]), noColor: true, sinks: [log])
    console.step("a step")
    console.detail("a detail")
    console.warning("a warning")
    console.error(Diagnosis(subject: "x", problem: "broken", suggestion: "mend it"))
    #expect(
      try String(contentsOfFile: path, encoding: .utf8)
        == "before\nINFO a step\nWARNING a warning\nERROR x: broken\n  mend it\n")
  }

  @Test("A log that cannot be written is told, and the run goes on without it")
  func unwritable() throws {
    let change = try #require(OptionFlag("--log-file")).change(to: "/no/such/folder/log")
    let path = NSTemporaryDirectory() + "log-" + UUID().uuidString + ".yaml"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try "repositories: [{path: /r}]\n".write(toFile: path, atomically: true, encoding: .utf8)
    let root = try ConfigurationLoader(environment: ProcessEnvironment([:]), currentFolder: "/").load(
      path, as: ConfigurationReading(changes: [change])
    ).root
    let logs = CommandRun.logs(of: root, .current())
    #expect(logs.sinks.isEmpty)
    #expect(logs.failures.map { ($0 as? SystemError)?.code } == [ENOENT])
  }

  @Test("A pipe without room holds the run up once, and where lines are missing it is said")
  func fullPipe() throws {
    let folder = NSTemporaryDirectory() + "log-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try #require(mkdir(folder, 0o700) == 0)
    let path = folder + "/log"
    try #require(mkfifo(path, 0o600) == 0)
    let reader = open(path, O_RDONLY | O_NONBLOCK)
    defer { close(reader) }
    let log = try LogFile(path, verbosity: 1, format: "{message}", clock: .system, patience: 50)
    let line = String(repeating: "x", count: 4000)
    let start = Clock.system.steadySeconds()
    for _ in 0..<200 { log.take(line, level: 1) }
    #expect(Clock.system.steadySeconds() - start < 5)
    func all() -> String {
      var bytes = [UInt8](repeating: 0, count: 1 << 20)
      var text = ""
      while true {
        let count = read(reader, &bytes, bytes.count)
        guard count > 0 else { return text }
        text += String(decoding: bytes[..<count], as: UTF8.self)
      }
    }
    let before = all()
    log.take("again", level: 1)
    log.take("and again", level: 1)
    let lines = before.utf8.count { $0 == UInt8(ascii: "\n") }
    #expect(lines > 10 && lines < 200)
    #expect(all() == "\n(\(200 - lines) lines could not be written here)\nagain\nand again\n")
  }

  @Test("No link is followed to another file, nobody waits for a FIFO's reader, and a new log is private")
  func links() throws {
    let folder = NSTemporaryDirectory() + "logs-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try "victim".write(toFile: folder + "/victim", atomically: false, encoding: .utf8)
    symlink("victim", folder + "/link")
    mkfifo(folder + "/fifo", 0o600)
    // Where others may write, a link or a FIFO of ours may have been brought by anybody.
    chmod(folder, 0o1777)
    for name in ["link", "fifo"] {
      #expect(throws: UntrustedPlace.self) {
        _ = try LogFile("\(folder)/\(name)", verbosity: 1, format: "{message}", clock: .system)
      }
    }
    #expect(try String(contentsOfFile: folder + "/victim", encoding: .utf8) == "victim")
    chmod(folder, 0o755)
    let old = umask(0)
    defer { umask(old) }
    _ = try LogFile("\(folder)/new", verbosity: 1, format: "{message}", clock: .system)
    var facts = stat()
    #expect(stat(folder + "/new", &facts) == 0 && facts.st_mode & 0o777 == 0o600)
  }

  private final class Said: ConsoleSink {
    let lines = Monitor<[String]>([])

    func take(_ text: String, level: Int) { lines.update { $0.append(text) } }
  }

  @Test("Nothing that is said steers a terminal, and no name begins a line")
  func escapes() {
    let said = Said()
    let console = Console(verbosity: -2, environment: ProcessEnvironment([:]), noColor: true, sinks: [said])
    let name = "x\u{1b}]0;o\u{7}\r\nforged\u{202e}\u{9b}2K\u{2028}"
    let shown = #"x\x1b]0;o\x07\r\nforged\u{202e}\x9b2K\u{2028}"#
    console.answer(name)
    console.step(name)
    console.detail(name)
    console.warning("a\nb\n  c\u{1b}")
    console.error(Diagnosis(subject: name, problem: "p\u{1b}\nforged", suggestion: "s\nforged\r"))
    console.answer(Formats.table([[name, "a"], ["b", "c"]]), keepingLines: true)
    let width = shown.count
    #expect(
      said.lines.update { $0 } == [
        shown, shown, shown, "warning: a\n  b\n  c\\x1b",
        "error: \(shown): p\\x1b\n  forged\n  s\n  forged\\r",
        "\(shown)  a\nb\(String(repeating: " ", count: width + 1))c",
      ])
  }

  @Test("JSON means the same, and steers no terminal either")
  func json() throws {
    let text = "a\u{1b}[31m\u{9b}\u{202e}\u{e0001}\u{2028}\"\\é\u{200d}"
    let rendered = JSONValue.object(["key\u{7f}": .text(text)]).rendered
    #expect(rendered.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value < 127 || $0 == "é" || $0 == "\u{200d}" })
    let read = try JSONDecoder().decode([String: String].self, from: Data(rendered.utf8))
    #expect(read == ["key\u{7f}": text])
  }

  @Test("A command line and a configuration are shown without the passwords in URLs")
  func urls() {
    #expect(
      CommandLineRedaction.redacted(["--ntfy.server", "https://u:p@h/x@y", "a://b c://d@e@f"])
        == ["coffer", "--ntfy.server", "https://***@h/x@y", "a://b c://***@f"])
  }
}
