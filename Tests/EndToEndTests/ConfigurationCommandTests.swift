import CofferSystem
import Foundation
import Testing

@Suite("Configurations, with the built program")
struct ConfigurationCommandTests {
  private let ground: Playground

  init() throws {
    ground = try Playground()
    try ground.write("files/note.txt", "a note")
  }

  private func permissions(_ path: String) throws -> Int? {
    try FileManager.default.attributesOfItem(atPath: "\(ground.folder)/\(path)")[.posixPermissions] as? Int
  }

  @Test("borgmatic's file is used where Coffer has none, and this is said")
  func borgmaticFile() throws {
    try ground.write(
      ".config/borgmatic/config.yaml",
      "location:\n  repositories: [\(ground.repository)]\n  source_directories: [\(ground.folder)/files]\n")
    let shell = "'\(ground.binary)' repo-create -e repokey 2>&1 && '\(ground.binary)' create --list 2>&1"
    let text = try ground.run("sh", "-c", shell)
    #expect(text.contains("so borgmatic's is used: \(ground.folder)/.config/borgmatic/config.yaml"))
    #expect(text.contains("spelled in an old way"))
    #expect(text.contains("files/note.txt"))
    try ground.write(".config/coffer/config.yaml", "repositories:\n  - path: /elsewhere\n")
    #expect(try ground.run("sh", "-c", "'\(ground.binary)' config show 2>&1").contains("/elsewhere"))
  }

  @Test("A repository's own options count for it: sources, passphrase, names")
  func perRepository() throws {
    try ground.write("second-passphrase", "another one\n")
    try ground.write("other/only.txt", "only here")
    try ground.write(
      "config.yaml",
      """
      source_directories: [\(ground.folder)/files]
      repositories:
        - path: \(ground.folder)/first
          encryption: repokey
        - path: \(ground.folder)/deep/second
          label: second
          encryption: repokey
          make_parent_directories: true
          encryption_passphrase: "{credential file \(ground.folder)/second-passphrase}"
          source_directories: [\(ground.folder)/other]
          archive_name_format: second-{now}
      """)
    #expect(try ground.coffer("repo-create", "create").status == .exited(0))
    let first = try ground.coffer("list", "--archive", "latest", "--repository", "\(ground.folder)/first").output
    #expect(first.contains("note.txt") && !first.contains("only.txt"))
    let second = try ground.coffer("list", "--archive", "latest", "--repository", "second").output
    #expect(second.contains("only.txt") && !second.contains("note.txt"))
    let names = try ground.coffer("repo-list", "--repository", "second").output
    #expect(names.hasPrefix("second-"))
    try ground.write("second-passphrase", "the wrong one\n")
    #expect(try ground.coffer("repo-list", "--repository", "second").status == .exited(1))
  }

  @Test("Options of the command line count in place of the file's, and secrets among them stay out of archives")
  func flags() throws {
    try ground.configure("source_directories: [/nowhere]\nencryption_passphrase: hunter1\n")
    let options = [
      "--source-directories", "[\(ground.folder)/files]", "--encryption-passphrase", "hunter2", "--override",
      "archive_name_format=create",
    ]
    #expect(try ground.coffer(["repo-create", "-e", "repokey"] + options).status == .exited(0))
    let made = try ground.coffer(["create"] + options)
    #expect(made.status == .exited(0), "\(made.errors)")
    let info = try ground.coffer(["info", "--json", "--encryption-passphrase=hunter2", "--match-archives", "*"])
    #expect(info.output.contains("\"name\":\"create\""), "\(info.errors)")
    #expect(!info.output.contains("hunter2"))
    #expect(try ground.coffer("repo-list").status == .exited(1))
    let unknown = try ground.coffer("create", "--keep-dialy", "7")
    #expect(unknown.status == .exited(1) && unknown.errors.contains("Did you mean '--keep-daily'?"))
  }

  @Test("Where no file is needed, options of the command line count all the same")
  func withoutFile() throws {
    try ground.configure("source_directories: [\(ground.folder)/files]\nencryption_passphrase: hunter2\n")
    #expect(try ground.coffer("repo-create", "-e", "repokey", "create").status == .exited(0))
    let arguments = ["config", "bootstrap", "--repository", ground.repository, "--destination", "back"]
    #expect(try ground.coffer(arguments).status == .exited(1))
    try ground.write("secret", "hunter2\n")
    try ground.write("back/.keep", "")
    let brought = try ground.coffer(arguments + ["--encryption-passphrase", "{credential file secret}"])
    #expect(brought.status == .exited(0), "\(brought.errors)")
    let text = try String(contentsOfFile: "\(ground.folder)/back/\(ground.folder)/config.yaml", encoding: .utf8)
    #expect(text.contains("hunter2"))
    let wrong = try ground.coffer(arguments + ["--keep-daily", "many"])
    #expect(wrong.errors.contains("--keep-daily many: Option 'keep_daily' must be a whole number"))
  }

  @Test("All problems of all files are told, each with its place, and what is right is still done")
  func problems() throws {
    try ground.write("d/1.yaml", "repositories:\n  - path: /r\nkeep_daly: 7\nretries: \"3\"\n")
    try ground.write("d/2.yaml", "")
    try ground.write("d/3.yaml", "repositories:\n  - path: /r\n")
    let outcome = try ground.coffer("--config", "d", "config", "validate")
    #expect(outcome.status == .exited(1))
    #expect(outcome.output == "\(ground.folder)/d/3.yaml: The configuration is valid\n")
    #expect(outcome.errors.contains("d/1.yaml:3:1: Unknown option 'keep_daly'"))
    #expect(outcome.errors.contains("Did you mean 'keep_daily'?"))
    #expect(outcome.errors.contains("d/1.yaml:4:10: Option 'retries' must be a whole number"))
    #expect(outcome.errors.contains("d/2.yaml: The configuration is empty"))
  }

  @Test("What counts is shown with secrets masked, as YAML and as JSON")
  func show() throws {
    try ground.configure("encryption_passphrase: \"${SECRET:-hunter2}\"\nkeep_daily: 7\n")
    let shown = try ground.coffer("config", "show", "--keep-daily", "3")
    #expect(shown.output.hasSuffix("encryption_passphrase: \"***\"\nkeep_daily: 3\n"))
    #expect(
      try ground.coffer("config", "show", "--option", "encryption_passphrase", "--show-secrets").output == "hunter2\n")
    let json = try ground.coffer("config", "show", "--json").json
    #expect(json.first?["keep_daily"] as? Int == 7)
    #expect(json.first?["encryption_passphrase"] as? String == "***")
    // An option that is called like an action is still an option.
    let named = try ground.coffer("--config", "config.yaml", "config", "show", "--option", "bootstrap", "--json")
    #expect(named.output == "[null]\n")
    #expect(try ground.coffer("config", "validate", "--show").output.contains("keep_daily: 7\n"))
  }

  @Test("A file is written anew for its owner only, over another only when asked, and can be used")
  func generate() throws {
    try ground.write("old.yaml", "location:\n  repositories: [/r]\nstorage:\n  lock_wait: 5\n  compression: zstd,7\n")
    let made = try ground.coffer("config", "generate", "--source", "old.yaml", "--destination", "new/config.yaml")
    #expect(made.status == .exited(0), "\(made.errors)")
    #expect(made.output.contains("Left out, for they mean nothing to Coffer: lock_wait"))
    #expect(try permissions("new/config.yaml") == 0o600)
    let shown = try ground.coffer("--config", "new/config.yaml", "config", "show")
    #expect(shown.output == "repositories:\n  - path: /r\ncompression: zstd,7\n" && shown.errors.isEmpty)
    let again = try ground.coffer("config", "generate", "--destination", "new/config.yaml")
    #expect(again.status == .exited(1) && again.errors.contains("--overwrite"))
    #expect(
      try ground.coffer("config", "generate", "--destination", "new/config.yaml", "--overwrite").status == .exited(0))
    #expect(try ground.coffer("--config", "new/config.yaml", "config", "validate").status == .exited(0))
  }

  @Test("What is said is added to a log, however quiet the console is")
  func log() throws {
    try ground.configure(
      "source_directories: [\(ground.folder)/files]\nlog_file: \(ground.folder)/log\nverbosity: -1\n")
    #expect(try ground.coffer("repo-create", "-e", "repokey").errors.isEmpty)
    #expect(try ground.coffer("create", "--log-file-format", "{levelname}: {message}").errors.isEmpty)
    let text = try String(contentsOfFile: "\(ground.folder)/log", encoding: .utf8)
    #expect(text.contains("INFO: \(ground.repository): Created repository"))
    #expect(text.contains("\nINFO: \(ground.repository): Archive "))
  }
}
