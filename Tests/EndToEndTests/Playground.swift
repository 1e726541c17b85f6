import CofferSystem
import Foundation
import Testing

/// A folder with a configuration, in which the built program is run as a user would run it.
final class Playground {
  let folder: String
  let binary: String
  var environment: [String: String]

  struct NotBuilt: Error, CustomStringConvertible {
    let description = "The tests need the built program and servers; run them with contrib/test"
  }

  struct Outcome {
    let status: CofferSystem.ExitStatus
    let output: String
    let errors: String

    var json: [[String: Any]] {
      (try? JSONSerialization.jsonObject(with: Data(output.utf8)) as? [[String: Any]]) ?? []
    }
  }

  init() throws {
    signal(SIGPIPE, SIG_IGN)
    guard let binary = ProcessInfo.processInfo.environment["COFFER_BINARY"] else { throw NotBuilt() }
    self.binary = binary
    var template = Array("\(NSTemporaryDirectory())coffer-e2e-XXXXXX".utf8CString)
    _ = try #require(mkdtemp(&template))
    folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    environment = [
      "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": folder, "XDG_RUNTIME_DIR": "\(folder)/run",
      "COFFER_PASSPHRASE": "correct horse",
    ]
  }

  deinit {
    try? FileManager.default.removeItem(atPath: folder)
  }

  var repository: String { "\(folder)/repository" }

  /// Writes the configuration: one local repository and what is given.
  func configure(_ more: String) throws {
    try write("config.yaml", "repositories:\n  - path: \(repository)\n" + more)
  }

  func write(_ name: String, _ text: String) throws {
    let path = "\(folder)/\(name)"
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    // Some hold passwords, of which others must be told if they could be read.
    chmod(path, 0o600)
  }

  /// - Parameter user: Whose number the program runs with, and whose number its group has; nil for the test's own.
  private func command(_ arguments: [String], as user: String? = nil) -> ChildCommand {
    let starter = user.map { ["setpriv", "--reuid=\($0)", "--regid=\($0)", "--clear-groups"] } ?? []
    return ChildCommand(
      "sh", ["-c", "exec \"$0\" \"$@\" 2>'\(folder)/stderr'"] + starter + [binary] + arguments,
      environment: ProcessEnvironment(environment), workingDirectory: folder, output: .pipe)
  }

  @discardableResult
  func coffer(_ arguments: String...) throws -> Outcome { try coffer(arguments) }

  /// Runs what the rest of a test needs.
  func succeed(_ arguments: String..., location: SourceLocation = #_sourceLocation) throws {
    let run = try coffer(arguments)
    try #require(run.status == .exited(0), "\(run.errors)", sourceLocation: location)
  }

  @discardableResult
  func coffer(_ arguments: [String], as user: String? = nil) throws -> Outcome {
    let needsConfiguration = !arguments.contains {
      ["--config", "bootstrap", "generate", "--help", "--version"].contains($0)
    }
    return try exactly((needsConfiguration ? ["--config", "\(folder)/config.yaml"] : []) + arguments, as: user)
  }

  /// Runs the program with these arguments and no other.
  func exactly(_ arguments: [String], as user: String? = nil) throws -> Outcome {
    let result = try SystemProcessLauncher().run(command(arguments, as: user), seconds: 300)
    return Outcome(status: result.status, output: result.text, errors: errors)
  }

  /// What the run that was started last has written to standard error.
  var errors: String {
    String(decoding: FileManager.default.contents(atPath: "\(folder)/stderr") ?? Data(), as: UTF8.self)
  }

  func start(_ arguments: String...) throws -> ChildProcess {
    try start(["--config", "\(folder)/config.yaml"] + arguments)
  }

  func start(_ arguments: [String]) throws -> ChildProcess {
    try SystemProcessLauncher().launch(command(arguments))
  }

  @discardableResult
  func run(_ program: String, _ arguments: String..., input: String = "") throws -> String {
    let result = try SystemProcessLauncher().run(
      ChildCommand(program, arguments, environment: ProcessEnvironment(environment), workingDirectory: folder),
      input: Array(input.utf8))
    let message = result.errorLines.joined(separator: "\n")
    try #require(result.status.isSuccess, "\(program): \(message)")
    return result.text
  }

  /// The names of the repository's archives.
  func archives() throws -> [String] {
    let list = try coffer("repo-list", "--json").json.first?["archives"] as? [[String: Any]]
    return try #require(list).compactMap { $0["archive"] as? String }
  }

  /// What is left in the runtime directory.
  func leftovers() -> [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/run")) ?? []
  }
}
