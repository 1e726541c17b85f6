import CofferSystem
import Foundation
import Testing

@testable import CofferActions
@testable import CofferHooks

/// With a program that stands in for CockroachDB's: its databases are files in a folder.
@Suite("Databases by commands of one's own")
struct CustomDatabaseTests {
  private let ground: ProgramGround

  init() throws {
    ground = try ProgramGround("custom", remembersKeys: true)
    try FileManager.default.createDirectory(atPath: "\(ground.folder)/data", withIntermediateDirectories: true)
    try ground.write(
      "cockroach",
      """
      #!/bin/sh
      cd '\(ground.folder)' || exit 9
      printf '%s|' "$@" "url=$COCKROACH_URL" >>arguments; echo >>arguments
      case "$1" in
        dump) cat "data/$2" || exit 3; test ! -e broken || { echo 'ERROR: connection lost' >&2; exit 4; };;
        sql) cat >"data/$2" || exit 3; test ! -e broken || { echo 'ERROR: disk is full' >&2; exit 4; };;
      esac

      """, mode: 0o700)
  }

  private static let endCheck = #"end_check: "tail -n 1 | grep -qxe '-- end'""#

  /// Configures one entry.
  private func configure(
    name: String = "shop", dump: String = "cockroach dump {name} && echo '-- end'", end: String = endCheck,
    restore: String? = "cockroach sql {name}", more: String = ""
  ) throws {
    func command(_ option: String, _ text: String) -> String {
      "    \(option): \(Quoting.yaml("PATH=\"$PATH:\(ground.folder)\"; \(text)"))\n"
    }
    try ground.configure(
      "custom_databases:\n  - name: \(Quoting.yaml(name))\n" + command("dump_command", dump) + "    \(end)\n"
        + (restore.map { command("restore_command", $0) } ?? "") + more)
  }

  private func coffer(_ arguments: String...) throws -> (code: Int32, said: String) {
    try ground.coffer(arguments) { surroundings, cancellation, output in
      Program(surroundings: surroundings, cancellation: cancellation, hooks: .standard, output: output)
    }
  }

  private func createRepository() throws {
    #expect(try coffer("repo-create", "--encryption", "repokey").code == 0)
  }

  private var leftovers: [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: "\(ground.folder)/runtime")) ?? ["no folder"]
  }

  private func archives() throws -> Int {
    try coffer("repo-list", "--json").said.parts(by: "\"archive\":").count - 1
  }

  @Test("A dump comes back by name, here or under another name, and values are never run")
  func roundTrip() throws {
    defer { ground.remove() }
    // A quote with the combining mark behind it is one Character.
    let name = "sh'\u{301}op \"$(touch '\(UUID().uuidString)'; kill $$)\" `id`\n;"
    try ground.write("data/\(name)", "one\ntwo\n")
    try configure(
      name: name,
      dump: #"COCKROACH_URL="//$COFFER_USERNAME:$COFFER_PASSWORD@{hostname}:{port}" cockroach dump {name} "#
        + "&& echo '-- end'",
      more: "    hostname: db.example.org\n    port: 26257\n    username: me\n    password: s3cr$t\n")
    #expect(try coffer("config", "validate").code == 0)
    try createRepository()
    let created = try coffer("create")
    #expect(created.code == 0, "\(created.said)")
    #expect(try ground.read("arguments") == "dump|\(name)|url=//me:s3cr$t@db.example.org:26257|\n")
    #expect(try coffer("list", "--archive", "latest").said.contains(/custom +db\.example\.org +26257 .*stream/))
    try ground.write("data/\(name)", "lost")
    let restored = try coffer("restore", "--archive", "latest", "--hook", "custom", "--yes")
    #expect(restored.code == 0, "\(restored.said)")
    #expect(try ground.read("data/\(name)") == "one\ntwo\n-- end\n")
    #expect(try coffer("restore", "--archive", "latest", "--target-name", "copy", "--yes").code == 0)
    #expect(try ground.read("data/copy") == "one\ntwo\n-- end\n")
    // It has no {hostname} to say it in.
    let elsewhere = try coffer("restore", "--archive", "latest", "--hostname", "spare", "--yes")
    #expect(elsewhere.code == 1 && elsewhere.said.contains("another hostname is wanted"))
    #expect(leftovers.isEmpty)
  }

  @Test("A dump that fails, ends early, is killed or is empty makes no archive")
  func halfDumps() throws {
    defer { ground.remove() }
    try ground.write("data/shop", "one\n")
    try ground.write("data/empty", "")
    try ground.write("broken", "")
    let cases: [(dump: String, said: String)] = [
      ("cockroach dump {name}", "dump_command failed with exit status 4: ERROR: connection lost"),
      ("cockroach dump {name}; kill -9 $$", "dump_command was killed by signal 9"),
      // The shell tells how `cat` ended.
      ("cockroach dump {name} | cat", "the dump is not complete: end_check failed with exit status 1"),
      ("true", "dump_command ended without an error, but wrote nothing"),
      ("cockroach dump {name} > {output}", "dump_command failed with exit status 4"),
      ("cockroach dump {name} > {output}; true", "the dump is not complete: end_check failed"),
      ("echo done; : {output}", "dump_command ended without an error, but wrote nothing"),
      (": > {output}", "dump_command ended without an error, but wrote nothing"),
      ("mkdir {output}; echo '-- end' > {output}/part", "something else than a file"),
      ("mkfifo {output}", "something else than a file"),
      ("ln -s \(ground.folder)/data/shop {output}", "something else than a file"),
    ]
    for (dump, said) in cases {
      try configure(dump: dump)
      if dump == cases[0].dump { try createRepository() }
      let created = try coffer("create")
      #expect(created.code == 1, "\(dump)")
      #expect(created.said.contains(said), "\(dump): \(created.said)")
      #expect(leftovers.isEmpty, "\(dump)")
    }
    #expect(try archives() == 0)
  }

  @Test("The next dump does not begin before the check of the one before was content")
  func oneAfterTheOther() throws {
    defer { ground.remove() }
    let entries = ["one", "two"].map { name in
      let dump = "echo 'begin \(name)' >>'\(ground.folder)/log'; echo '-- end'"
      // Longer than the next dump would need to begin.
      let check = "tail -n 1 | grep -qxe '-- end' && sleep 1 && echo 'judged \(name)' >>'\(ground.folder)/log'"
      return "  - name: \(name)\n    dump_command: \(Quoting.yaml(dump))\n    end_check: \(Quoting.yaml(check))\n"
    }
    try ground.configure("parallel_dumps: 1\ncustom_databases:\n\(entries.joined())")
    try createRepository()
    let created = try coffer("create")
    #expect(created.code == 0, "\(created.said)")
    let one = "begin one\njudged one\n"
    let two = "begin two\njudged two\n"
    #expect(try [one + two, two + one].contains(ground.read("log")))
  }

  @Test("A check that fails early, or does not read to the end, lets no dump through")
  func endChecks() throws {
    defer { ground.remove() }
    try ground.write("data/shop", String(repeating: "0123456789abcdef", count: 1 << 16))
    let cases = [
      ("head -c 10 >/dev/null", "end_check ended before it had read the whole dump"),
      ("echo 'this is no dump' >&2; exit 7", "end_check failed with exit status 7: this is no dump"),
      ("cat >/dev/null; kill -9 $$", "end_check was killed by signal 9"),
    ]
    for (number, (check, said)) in cases.enumerated() {
      try configure(end: "end_check: \(Quoting.yaml(check))")
      if number == 0 { try createRepository() }
      let created = try coffer("create")
      #expect(created.code == 1 && created.said.contains(said), "\(check): \(created.said)")
    }
    try configure(end: "end_check: sleep 600", more: "    dump_stall_timeout: 1\n")
    #expect(try coffer("create").said.contains("end_check wrote nothing for 1 seconds and was ended"))
    #expect(try archives() == 0)
  }

  @Test("A dump through a file is tried again, stored, and restored from a file")
  func files() throws {
    defer { ground.remove() }
    try ground.write("data/shop", "one\n")
    let once = "test -e tried || { touch tried; echo half > {output}; exit 5; }"
    try configure(
      dump: "cd \(ground.folder); \(once); { cockroach dump {name}; echo '-- end'; } > {output}",
      restore: "test ! -t 0; read -r line; cockroach sql {name} < {input}",
      more: "    dump_retries: 1\n    dump_retry_wait: 0\n")
    try createRepository()
    let created = try coffer("create")
    #expect(created.code == 0 && created.said.contains("Trying again"), "\(created.said)")
    #expect(try coffer("list", "--archive", "latest").said.contains(/custom .* shop +file/))
    try ground.write("data/shop", "lost")
    let restored = try coffer("restore", "--archive", "latest", "--database", "shop", "--yes")
    #expect(restored.code == 0, "\(restored.said)")
    #expect(try ground.read("data/shop") == "one\n-- end\n")
    #expect(leftovers.isEmpty)
    try ground.write("broken", "")
    let failed = try coffer("restore", "--archive", "latest", "--yes")
    #expect(failed.code == 1)
    #expect(
      failed.said.contains("Restored in part only: restore_command failed with exit status 4: ERROR: disk is full"))
    #expect(leftovers.isEmpty)
  }

  @Test("A restore is refused without today's command, and a command that fails is told")
  func restores() throws {
    defer { ground.remove() }
    try ground.write("data/shop", String(repeating: "0123456789abcdef\n", count: 1 << 16))
    try configure()
    try createRepository()
    #expect(try coffer("create").code == 0)
    try configure(restore: nil)
    #expect(try coffer("restore", "--archive", "latest", "--yes").said.contains("its entry has no restore_command"))
    try configure(name: "all")
    #expect(try coffer("restore", "--archive", "latest", "--yes").said.contains("has no entry of it any more"))
    try configure(restore: "head -c 5 >/dev/null")
    let early = try coffer("restore", "--archive", "latest", "--yes")
    #expect(early.code == 1 && early.said.contains("restore_command ended without having read the whole dump"))
    try configure(restore: "cat >/dev/null; kill -9 $$")
    let killed = try coffer("restore", "--archive", "latest", "--yes")
    #expect(killed.code == 1 && killed.said.contains("Restored in part only: restore_command was killed by signal 9"))
    let rehearsed = try coffer("restore", "--archive", "latest", "--dry-run")
    #expect(rehearsed.code == 0 && rehearsed.said.contains("by the restore_command of "))
  }

  @Test("What is wrong in an entry is refused where it stands")
  func validation() throws {
    defer { ground.remove() }
    func said(_ lines: String) throws -> String {
      try ground.configure("custom_databases:\n  - name: shop\n\(lines)")
      let validated = try coffer("config", "validate")
      #expect(validated.code == 1)
      return validated.said
    }
    let slip = try said("    dump_command: dump {nmae}\n    end_check: cat\n")
    #expect(slip.contains("config.yaml:7:19") && slip.contains("Did you mean 'dump {name}'?"), "\(slip)")
    let password = try said("    dump_command: dump {password}\n    end_check: cat\n")
    #expect(password.contains("the password is in $COFFER_PASSWORD"), "\(password)")
    #expect(try said("    dump_command: dump\n    end_check: cat {output}\n").contains("config.yaml:8:16"))
    #expect(try said("    dump_command: dump\n").contains("Required option 'end_check' is missing"))
    #expect(try said("    end_check: cat\n").contains("Required option 'dump_command' is missing"))
    #expect(try said("    dump_command: ' '\n    end_check: cat\n").contains("must be a shell command"))
    try ground.configure(
      "custom_databases:\n  - name: \"a\\0b\"\n    dump_command: dump\n    end_check: awk '\\{print\\}'\n")
    try createRepository()
    let zero = try coffer("create")
    #expect(zero.code == 1 && zero.said.contains("its name holds a zero byte"), "\(zero.said)")
  }
}
