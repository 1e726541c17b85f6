import CofferActions
import CofferConfiguration
import CofferSystem
import Foundation
import Synchronization
import Testing

@testable import CofferHooks

@Suite("Command lines")
struct CommandTemplateTests {
  private let nasty = [
    "plain", "two  spaces", "it's", "say \"hi\"", "line\nline", "$HOME `id` $(id)", "*", "\\", "-n", "; exit 3", "ü",
    "", "'\"'\"", "{error}", "a\\\"b", "&& false", "#", "'\u{301}; touch x; '\u{301}",
    "\"\u{301}$(id)", "a\r\nb",
  ]

  private func printed(_ line: String, _ value: String) throws -> String {
    let variables = CommandVariables(["error": value])
    let template = CommandTemplate(line, variables: variables)
    #expect(template.unknown.isEmpty)
    var environment = ProcessEnvironment(["PATH": "/usr/bin:/bin", "HOME": "/leaked"])
    environment.variables.merge(variables.environment) { _, new in new }
    let result = try SystemProcessLauncher().run(
      ChildCommand("/bin/sh", ["-c", template.line], environment: environment))
    #expect(result.status.isSuccess, "\(template.line)")
    return result.text
  }

  @Test(
    "Any value arrives as one word as it is, whatever quotes stand around its name",
    arguments: [
      ("printf '[%s]' {error}", "[", "]"), ("printf '[%s]' \"{error}\"", "[", "]"),
      ("printf '[%s]' '{error}'", "[", "]"), ("printf '[%s]' \"<it's {error}>\"", "[<it's ", ">]"),
      ("printf '[%s]' 'x\"'{error}'y'", "[x\"", "y]"), ("printf '[%s]' a{error}b", "[a", "b]"),
      ("printf '[%s]' \"$(printf '%s' \"{error}\"; printf .)\"", "[", ".]"),
      ("printf '[%s]' \"$(printf '%s' {error}; printf .)\"", "[", ".]"),
      ("printf '[%s]' \"`printf '%s' {error}; printf .`\"", "[", ".]"),
      ("# don't\nprintf '[%s]' {error} # isn't {error}", "[", "]"),
      ("(printf '[%s]' \\'{error}\\\")", "['", "\"]"), ("x=1; printf '[%s]' ${#x}{error}", "[1", "]"),
      ("printf '[%s]' 'a\u{301}'{error}\"\u{301}b\"", "[a\u{301}", "\u{301}b]"),
      ("printf '[%s]' '\u{301}{error}'\u{301}", "[\u{301}", "\u{301}]"),
    ])
  func values(line: String, before: String, after: String) throws {
    for value in nasty { #expect(try printed(line, value) == before + value + after, "\(line) <- \(value)") }
  }

  @Test("Names without a value stay and are told; escaped braces lose their escape; shell variables are left alone")
  func unknown() {
    let template = CommandTemplate(
      "echo {nothing} \\{error\\} ${error} {a,b} {} {Error} {repositories}",
      variables: CommandVariables(["error": "e", "repository": "/r"]))
    #expect(template.unknown == ["nothing"])
    #expect(template.line == "echo {nothing} {error} ${error} {a,b} {} {Error} \"${COFFER_REPOSITORY}\"")
  }

  @Test("A value longer than the system takes is cut, and NUL is left out")
  func length() throws {
    #expect(try printed("printf '%s' {error} | wc -c", String(repeating: "x", count: 1 << 20)) == "98304\n")
    #expect(try printed("printf '%s' {error}", "a\0b") == "ab")
  }
}

@Suite("Commands around the job")
struct CommandRunnerTests {
  private let told = Told()

  private final class Told: Sendable {
    let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }
  }

  private func hook(_ yaml: String) throws -> StepCommand {
    let reader = FileReader(
      read: { _ in Array("repositories: [{path: /r}]\ncommands:\n  - {\(yaml)}\n".utf8) }, entries: { _ in nil })
    let loader = ConfigurationLoader(
      files: reader, environment: ProcessEnvironment([:]), currentFolder: "/", options: .standard)
    return StepCommand(try #require(try loader.load("/c.yaml").root[CommandOptions.commands].first))
  }

  private func run(
    _ lines: String, folder: String? = nil, umask: Int? = nil, environment: [String: String] = [:],
    cancellation: Cancellation? = nil
  ) throws {
    let all = environment.merging(["PATH": "/usr/bin:/bin"]) { given, _ in given }
    let runner = CommandRunner(
      launcher: SystemProcessLauncher(), environment: ProcessEnvironment(all), workingDirectory: folder, umask: umask,
      tell: { [told] _, line in told.lines.withLock { $0.append(line) } },
      warn: { [told] line in told.lines.withLock { $0.append("warning: \(line)") } })
    try runner.run(
      try hook("before: action, run: [\(lines)]"), variables: CommandVariables(["repository": "/r"]),
      cancellation: cancellation)
  }

  @Test("Both streams are told line by line in their order, in the folder, with the mask and without passphrases")
  func surroundings() throws {
    try run(
      "pwd; umask, 'echo one; echo two >&2; echo three; printf four', 'env | grep -c PASS'", folder: "/usr", umask: 77,
      environment: ["COFFER_PASSPHRASE": "s", "BORG_PASSCOMMAND": "s", "NOT_PASSED": "x"])
    #expect(told.all == ["/usr", "0077", "one", "two", "three", "four", "1"])
  }

  @Test("The first line that fails ends the hook, with its status and what it printed")
  func failure() throws {
    let error = #expect(throws: StepCommandError.self) { try run("echo a, 'echo b; echo c >&2; exit 3', echo d") }
    #expect(told.all == ["a", "b", "c"])
    #expect(error?.status == .exited(3))
    #expect(error?.output == ["b", "c"])
    #expect(error?.isSoft == false)
    #expect(error?.diagnosis.subject == "command before action")
    #expect(error?.diagnosis.problem == "'echo b; echo c >&2; exit 3' failed with exit status 3: b / c")
    #expect(#expect(throws: StepCommandError.self) { try run("exit 75") }?.isSoft == true)
  }

  @Test("A name without a value is warned of, and left in the line")
  func unknownName() throws {
    try run("'echo {error} {repository}'")
    #expect(told.all.count == 2 && told.all[0].hasPrefix("warning: command before action: Nothing is known as {error}"))
    #expect(told.all[1] == "{error} /r")
  }

  @Test("What a command leaves in the background goes on, and does not hold the run up")
  func background() throws {
    let name = NSTemporaryDirectory() + "coffer-background-\(getpid())"
    defer { unlink(name) }
    try run("'(sleep 1; echo x > \(name)) & echo started'")
    #expect(told.all == ["started"])
    #expect(access(name, F_OK) != 0)
    let deadline = Date().addingTimeInterval(10)
    while access(name, F_OK) != 0, Date() < deadline { usleep(50_000) }
    #expect(access(name, F_OK) == 0)
  }

  @Test("Cancelling ends a command with everything it started")
  func cancelled() throws {
    let cancellation = try Cancellation()
    let thread = try WorkerThread(name: "cancel") {
      usleep(300_000)
      cancellation.cancel()
    }
    let start = Date()
    #expect(throws: RunCancelled.self) { try run("'sleep 314159 & sleep 314159'", cancellation: cancellation) }
    thread.join()
    #expect(Date().timeIntervalSince(start) < 8)
    let processes = try SystemProcessLauncher().run(
      ChildCommand("ps", ["-e", "-o", "args="], environment: ProcessEnvironment(["PATH": "/usr/bin:/bin"])))
    #expect(!processes.text.contains("sleep 314159"))
  }

  @Test("A hook applies to its moment, its states and its actions")
  func filters() throws {
    let always = try hook("after: repository, run: [x]")
    #expect(always.applies(to: .after(.repository), state: .fail, actions: ["list"]))
    #expect(!always.applies(to: .before(.repository), state: nil, actions: ["list"]))
    #expect(!always.applies(to: .after(.action), state: .finish, actions: ["list"]))
    let some = try hook("after: action, states: [fail], when: [create, key], run: [x]")
    #expect(some.applies(to: .after(.action), state: .fail, actions: ["create"]))
    #expect(some.applies(to: .after(.action), state: .fail, actions: ["prune", "key export"]))
    #expect(!some.applies(to: .after(.action), state: .finish, actions: ["create"]))
    #expect(!some.applies(to: .after(.action), state: .fail, actions: ["prune"]))
    #expect(try hook("after: error, run: [x]").moment == .afterError)
  }

  @Test("A variable of the environment is the shell's matter: it is no part of the line, and its value no code")
  func variables() throws {
    let lines = "'printf \"%s\" \"${TOKEN}\"', 'printf \"%s\" \"\\${TOKEN}\"', \"printf %s ${NOT_SET:-none}\""
    #expect(
      try hook("before: action, run: [\(lines)]").lines.prefix(2)
        == Array(repeating: "printf \"%s\" \"${TOKEN}\"", count: 2)[...])
    try run(lines, environment: ["TOKEN": "$(id)'\""])
    #expect(told.all == ["$(id)'\"", "$(id)'\"", "none"])
  }
}
