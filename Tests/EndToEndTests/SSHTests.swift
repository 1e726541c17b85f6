import CofferSystem
import Foundation
import TestSupport
import Testing

@Suite("A repository on another host, by ssh and a real sshd, with the built program")
struct SSHTests {
  private let ground: Playground
  private let server: SSHServer

  init() throws {
    ground = try Playground()
    try FileManager.default.createDirectory(atPath: "\(ground.folder)/sshd", withIntermediateDirectories: true)
    server = try SSHServer(in: "\(ground.folder)/sshd")
    try ground.run("sqlite3", "app.db", "CREATE TABLE t(a); INSERT INTO t VALUES (1);")
    try ground.write("files/a.txt", "the first")
  }

  /// - Parameters:
  ///   - ssh: Arguments of ssh.
  ///   - remotePath: What is run over there.
  ///   - program: What is started for ssh.
  private func configure(
    _ ssh: [String], remotePath: String? = nil, path: String? = nil, program: String = "ssh", _ more: String = ""
  ) throws {
    let address = "ssh://\(server.login)\(path ?? ground.folder + "/there")"
    try ground.write(
      "config.yaml",
      """
      repositories:
        - path: \(address)
      ssh_command: \(program) \(ssh.map { Quoting.shellWord($0) }.joined(separator: " "))
      remote_path: \(remotePath ?? ground.binary)
      working_directory: \(ground.folder)
      source_directories: [\(ground.folder)/files]
      sqlite_databases:
        - name: app
          path: \(ground.folder)/app.db
      keep_last: 1
      \(more)
      """)
  }

  private func succeeds(_ arguments: String...) throws {
    let outcome = try ground.coffer(arguments)
    #expect(outcome.status == .exited(0), "\(arguments): \(outcome.errors)")
  }

  @Test("Everything that is done with a repository here is done with one there")
  func everything() throws {
    try configure(try server.key("full"))
    try succeeds("config", "validate")
    try succeeds("repo-create", "--encryption", "repokey")
    try succeeds("create")
    try ground.write("files/a.txt", "the second")
    try ground.run("sqlite3", "app.db", "INSERT INTO t VALUES (2);")
    try succeeds("create")
    #expect(try ground.archives().count == 2)
    try succeeds("check")
    try succeeds("prune")
    try succeeds("compact")
    #expect(try ground.archives().count == 1)
    try succeeds("list", "--archive", "latest")
    try succeeds("repo-info")
    ground.environment["COFFER_NEW_PASSPHRASE"] = "of the host alone"
    try succeeds("key", "add", "--write-only")
    try ground.run("sqlite3", "app.db", "DELETE FROM t;")
    try succeeds("restore", "--archive", "latest", "--yes")
    #expect(try ground.run("sqlite3", "app.db", "SELECT group_concat(a) FROM t;").trimmed == "1,2")
    try succeeds("extract", "--archive", "latest", "--destination", "\(ground.folder)/back")
    let file = "\(ground.folder)/back\(ground.folder)/files/a.txt"
    #expect(try String(contentsOfFile: file, encoding: .utf8) == "the second")
    // It is a repository like any other, for whoever is there.
    try ground.configure("")
    try ground.run("mv", "there", "repository")
    #expect(try ground.archives().count == 1)
    try succeeds("check")
  }

  @Test("Who is going to read data, or to send much, has the connections that this takes begin at once")
  func connectionsForData() throws {
    let script = "\(ground.folder)/counted"
    try ground.write("counted", "#!/bin/sh\necho begun >>\(ground.folder)/begun\nexec ssh \"$@\"\n")
    try ground.run("chmod", "+x", script)
    try configure(try server.key("full"), program: script)
    try succeeds("repo-create", "--encryption", "repokey")
    func begun(_ arguments: String...) throws -> Int {
      try ground.write("begun", "")
      #expect(try ground.coffer(arguments).status == .exited(0))
      return try String(contentsOfFile: "\(ground.folder)/begun", encoding: .utf8).split(separator: "\n").count
    }
    // The first backup from here has most of its bytes to send, and this one was small.
    #expect(try begun("create") == 5)
    #expect(try begun("create") == 1)
    #expect(try begun("repo-list") == 1)
    #expect(try begun("extract", "--archive", "latest", "--destination", "\(ground.folder)/back") == 5)
  }

  @Test("A key that may only add backs up, and neither it nor what it asks ssh to run can do anything else")
  func appendOnly() throws {
    let allowed = "\(ground.folder)/there"
    let command = "command=\"\(ground.binary) serve --append-only --restrict-to-path \(allowed)\",restrict"
    let adding = try server.key("adding", options: command)
    let full = try server.key("full")
    try configure(full)
    try succeeds("repo-create", "--encryption", "repokey")
    // What the client wants to be run is not run.
    try configure(adding, remotePath: "touch \(ground.folder)/hacked; true")
    for _ in 0..<2 {
      let create = try ground.coffer("create")
      #expect(create.status == .exited(0) && create.errors.isEmpty, "\(create.errors)")
    }
    #expect(!FileManager.default.fileExists(atPath: "\(ground.folder)/hacked"))
    #expect(try ground.archives().count == 2)
    let prune = try ground.coffer("prune")
    #expect(prune.status == .exited(1) && prune.errors.contains("may only add"), "\(prune.errors)")
    #expect(try ground.archives().count == 2)
    try configure(adding, path: "\(ground.folder)/elsewhere")
    let elsewhere = try ground.coffer("repo-create", "--encryption", "repokey")
    #expect(
      elsewhere.status == .exited(1) && elsewhere.errors.contains("may not use that folder"), "\(elsewhere.errors)")
    #expect(!FileManager.default.fileExists(atPath: "\(ground.folder)/elsewhere"))
    try configure(full)
    try succeeds("prune")
    try succeeds("compact")
    #expect(try ground.archives().count == 1)
  }

  @Test("What keeps ssh or the host from serving is said in ssh's words, with what to do")
  func failures() throws {
    let full = try server.key("full")
    let unknown = try server.key("unknown", isAdmitted: false)
    let strangers = server.arguments(key: "\(server.folder)/full", knownHosts: "/dev/null")
    let cases: [(ssh: [String], remotePath: String, words: [String])] = [
      (unknown, ground.binary, ["Permission denied (publickey", "authorized_keys", "ssh_command: ssh -i FILE"]),
      (strangers, ground.binary, ["Host key verification failed", "known_hosts"]),
      (full, "\(ground.folder)/no-coffer", ["Install Coffer on 127.0.0.1", "remote_path"]),
      (full, "echo Welcome to this host;", ["what arrived is not of coffer serve", "Welcome to this host", ".bashrc"]),
    ]
    for (ssh, remotePath, words) in cases {
      try configure(ssh, remotePath: remotePath)
      let list = try ground.coffer("repo-list")
      #expect(list.status == .exited(1))
      for word in words { #expect(list.errors.contains(word), "\(word): \(list.errors)") }
    }
    try ground.write("config.yaml", "repositories:\n  - path: ssh://-oProxyCommand=touch%20x/r\n")
    let validate = try ground.coffer("config", "validate")
    #expect(validate.status == .exited(1) && validate.errors.contains("is no name of a host"), "\(validate.errors)")
  }
}
