import CofferSystem
import Foundation
import TestSupport
import Testing

/// Whether this test may mount folders of its own over those of the machine.
private enum Pretending {
  static let isPossible =
    (try? SystemProcessLauncher().run(
      ChildCommand(
        "unshare", ["-m", "mount", "-t", "tmpfs", "none", "/mnt"],
        environment: ProcessEnvironment(["PATH": "/usr/bin:/bin"]))
    ).status.isSuccess) ?? false
}

/// Runs what the documentation says, line by line, on a machine that has the program and nothing else of ours: the folders it
/// names are empty ones of a mount namespace of this test's own. As root only: that is whom the documentation speaks to.
@Suite("What the documentation says to type", .enabled(if: Pretending.isPossible))
struct DocumentedStepsTests {
  private let ground: Playground
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  init() throws { ground = try Playground() }

  /// The blocks of a page between two headings, with their languages.
  private func blocks(
    _ page: String, from start: String, to end: String
  ) throws -> [(language: String, text: String)] {
    let text = try String(contentsOf: Self.root.appending(path: page), encoding: .utf8)
    let tail = try #require(("\n" + text).components(separatedBy: "\n\(start)\n").dropFirst().first)
    let part = end.isEmpty ? tail : tail.components(separatedBy: "\n\(end)\n")[0]
    return part.components(separatedBy: "\n```").enumerated().filter { $0.offset % 2 == 1 }.map { _, block in
      let lines = block.components(separatedBy: "\n")
      return (lines[0], lines.dropFirst().map { $0 + "\n" }.joined())
    }
  }

  /// Runs a script where /root, /mnt, /tmp, /var/lib and /usr/local/bin are empty, but for the program.
  private func run(_ script: String, _ environment: [String: String] = [:]) throws -> CommandResult {
    try ground.write(
      "all.sh",
      """
      exec 2>&1
      set -euo pipefail
      mkdir bin
      cp '\(ground.binary)' bin/coffer
      mount --bind bin /usr/local/bin
      for folder in /root /mnt /var/lib; do mount -t tmpfs -o mode=700 none $folder; done
      mount -t tmpfs -o mode=1777 none /tmp
      cd /root
      \(script)
      """)
    return try SystemProcessLauncher().run(
      ChildCommand(
        "unshare", ["-m", "bash", "\(ground.folder)/all.sh"],
        environment: ProcessEnvironment(
          ["PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/root"].merging(environment) { $1 }),
        workingDirectory: ground.folder), seconds: 120)
  }

  @Test("README: a first backup and a first restore, also on a bare machine")
  func readme() throws {
    let server = try PostgreSQLServer(1)
    try server.run("DROP DATABASE IF EXISTS users")
    try server.run("DROP ROLE IF EXISTS backup")
    try server.run("CREATE ROLE backup SUPERUSER LOGIN PASSWORD 'first backup'")
    try server.run("CREATE DATABASE users")
    defer {
      _ = try? server.run("DROP DATABASE IF EXISTS users")
      _ = try? server.run("DROP ROLE IF EXISTS backup")
    }
    try server.run("CREATE TABLE people AS SELECT 1 AS id, 'somebody' AS name", in: "users")
    let blocks = try blocks("README.md", from: "## First backup", to: "## More")
    var steps = "mkdir /var/lib/app\n"
    steps += "sqlite3 /var/lib/app/app.db \"CREATE TABLE t(a); INSERT INTO t VALUES ('kept');\"\n"
    for (language, text) in blocks where !text.contains("contrib/package") {
      switch language {
      case "yaml":
        let here = text.replacingOccurrences(
          of: "hostname: 127.0.0.1", with: "hostname: \(server.hostname)\n    port: \(server.port)")
        #expect(here != text)
        steps += "cat > config.yaml <<'YAML'\n\(here)YAML\n"
      case "sh":
        steps += text.replacingOccurrences(of: "PGPASSWORD=...", with: "PGPASSWORD='first backup'")
          .replacingOccurrences(of: "COFFER_PASSPHRASE=...", with: "COFFER_PASSPHRASE=\"$(cat coffer-passphrase)\"")
      default: Issue.record("README has a block of \(language)")
      }
    }
    steps += "sqlite3 /tmp/app.db 'SELECT a FROM t'; cat restored/root/config.yaml | head -n 1\n"
    let outcome = try run(steps)
    #expect(outcome.status == .exited(0), "\(outcome.text)")
    #expect(outcome.text.contains("Restored") && outcome.text.hasSuffix("kept\nrepositories:\n"), "\(outcome.text)")
    #expect(try server.run("SELECT name FROM people", in: "users").trimmed == "somebody")
  }

  @Test("How-to: the crontab's line makes a backup with cron's own environment, and says nothing")
  func crontab() throws {
    let page = "Documentation/how-to/every-day.md"
    let block = try #require(try blocks(page, from: "# Back up every day", to: "## How long archives are kept").first)
    let lines = block.text.components(separatedBy: "\n").filter { !$0.hasPrefix("#") && !$0.isEmpty }
    let settings = lines.filter { $0.contains("PATH=") }
    let entry = try #require(lines.first { $0.hasPrefix("30 2 * * *") })
    let fields = entry.split(separator: " ", maxSplits: 6, omittingEmptySubsequences: true)
    #expect(fields.count == 7 && fields[5] == "root")
    let outcome = try run(
      """
      mkdir -p /root/.config/coffer /mnt/backup
      (umask 077 && echo secret > passphrase)
      cat > /root/.config/coffer/config.yaml <<'YAML'
      repositories: [{path: /mnt/backup/databases}]
      encryption_passcommand: cat /root/passphrase
      source_directories: [/root/passphrase]
      YAML
      coffer repo-create -e repokey >/dev/null
      echo begin
      env -i HOME=/root LOGNAME=root SHELL=/bin/sh \(settings.joined(separator: " ")) /bin/sh -c '\(fields[6])'
      echo end; coffer repo-list --json-lines | grep -c '"archive"'
      """)
    #expect(outcome.status == .exited(0) && outcome.text.hasSuffix("begin\nend\n1\n"), "\(outcome.text)")
  }
}
