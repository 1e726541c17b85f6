import CofferConfiguration
import CofferSystem
import Foundation
import Testing

@testable import CofferHooks

@Suite("Entries of database servers")
struct ServerEntryTests {
  private func sections(_ text: String) throws -> [ConfigurationSection] {
    try makeRoot("postgresql_databases:\n" + text)[PostgreSQLOptions.databases]
  }

  private func found(_ identity: DumpIdentity, in text: String) throws -> Int? {
    let sections = try sections(text)
    let section = try EntryMatching.section(for: identity, in: sections, defaultPort: 5432)
    return sections.firstIndex { $0.mark == section?.mark }
  }

  private func identity(
    _ name: String, host: String? = nil, port: Int? = nil, container: String? = nil, label: String? = nil
  ) -> DumpIdentity {
    DumpIdentity(
      hook: "postgresql_databases", database: name, hostname: host, port: port, container: container, label: label)
  }

  @Test("a dump's entry is the one of its name, then a pattern, then all")
  func names() throws {
    let text = "  - name: all\n    format: custom\n  - name: shop_*\n  - name: shop_a\n"
    #expect(try found(identity("shop_a"), in: text) == 2)
    #expect(try found(identity("shop_b"), in: text) == 1)
    #expect(try found(identity("users"), in: text) == 0)
    #expect(try found(identity("users", host: "elsewhere"), in: text) == nil)
  }

  @Test("the default port is the same as none, and another is another server")
  func ports() throws {
    let text = "  - name: a\n    hostname: db\n    port: 5432\n  - name: a\n    hostname: db\n    port: 5433\n"
    #expect(try found(identity("a", host: "db"), in: text) == 0)
    #expect(try found(identity("a", host: "db", port: 5433), in: text) == 1)
  }

  @Test("a label decides alone while it is configured; without it the place does")
  func labels() throws {
    let text = "  - name: all\n    label: first\n  - name: all\n"
    #expect(try found(identity("users", host: "moved", label: "first"), in: text) == 0)
    #expect(try found(identity("users"), in: text) == 1)
    #expect(try found(identity("users", label: "gone"), in: "  - name: users\n") == 0)
    #expect(try found(identity("users"), in: "  - name: users\n    label: new\n") == 0)
  }

  @Test("two entries that fit equally are refused with their places")
  func ambiguity() throws {
    #expect {
      _ = try found(identity("a"), in: "  - name: a\n  - name: a\n")
    } throws: { error in
      "\((error as? RestoreError)?.diagnosis.problem ?? "")".contains("/c.yaml:4:5, /c.yaml:5:5")
    }
  }

  @Test("every value of a restore's address has its own fallbacks")
  func fallbacks() throws {
    let section = try sections(
      """
        - name: a
          hostname: db
          port: 1
          username: u
          password: p
          restore_port: 2
          restore_username: ru
      """)[0]
    let context = try makeContext()
    let entry = ServerEntry(section, of: PostgreSQLHook(), name: "a")
    #expect(
      try entry.address(context: context) == ServerAddress(hostname: "db", port: 1, username: "u", password: "p"))
    #expect(
      try entry.address(for: RestoreTarget(), context: context)
        == ServerAddress(hostname: "db", port: 2, username: "ru", password: "p"))
    #expect(
      try entry.address(for: RestoreTarget(hostname: "h", username: "x"), context: context)
        == ServerAddress(hostname: "h", port: 2, username: "x", password: "p"))
  }

  @Test("a password comes from a file without its line's end")
  func passwordFile() throws {
    let file = NSTemporaryDirectory() + "/password-\(UInt64.random(in: 0 ... .max))"
    try "p w#\n".write(toFile: file, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: file) }
    let context = try makeContext()
    for line in ["password_file: \(file)", "password: '{credential file \(file)}'"] {
      let section = try sections("  - name: a\n    \(line)\n")[0]
      let entry = ServerEntry(section, of: PostgreSQLHook(), name: "a")
      #expect(try entry.address(context: context).password == "p w#")
    }
  }

  @Test("a container's address is asked of docker, then of podman, and wins over the hostname")
  func containers() throws {
    let folder = NSTemporaryDirectory() + "/engines-\(UInt64.random(in: 0 ... .max))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let context = try makeContext(path: folder + ":/usr/bin:/bin")
    let section = try sections("  - name: a\n    container: box\n    hostname: db\n")[0]
    let entry = ServerEntry(section, of: PostgreSQLHook(), name: "a")
    #expect(entry.identity.place == "box")
    #expect(throws: ContainerError.noEngine("box")) { try entry.address(context: context) }

    try install("docker", "echo 'no such container' >&2; exit 1", in: folder)
    #expect(throws: ContainerError.notFound("box", ["docker: no such container"])) {
      try entry.address(context: context)
    }
    try install(
      "podman",
      "[ \"$*\" = 'container inspect --format={{json .NetworkSettings}} box' ] && "
        + "echo '{\"IPAddress\": \"\", \"Networks\": {\"n\": {\"IPAddress\": \"10.0.0.7\"}}}'", in: folder)
    #expect(try entry.address(context: context).hostname == "10.0.0.7")
    #expect(try entry.address(for: RestoreTarget(hostname: "h"), context: context).hostname == "h")
  }

  private func install(_ program: String, _ script: String, in folder: String) throws {
    try "#!/bin/sh\n\(script)\n".write(toFile: "\(folder)/\(program)", atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: "\(folder)/\(program)")
  }
}
