import CofferSystem
import Foundation
import Testing

@testable import CofferConfiguration

@Suite("Who else can get at configuration files")
struct FileAccessTests {
  private let folder: String

  init() throws {
    var template = Array("/tmp/coffer-access-XXXXXX".utf8CString)
    _ = try #require(mkdtemp(&template))
    folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private func write(_ name: String, _ text: String, mode: mode_t) throws -> String {
    let path = "\(folder)/\(name)"
    try text.write(toFile: path, atomically: false, encoding: .utf8)
    #expect(chmod(path, mode) == 0)
    return path
  }

  private func clean() { try? FileManager.default.removeItem(atPath: folder) }

  private func load(_ path: String) throws -> Configuration {
    try ConfigurationLoader(environment: ProcessEnvironment([:]), currentFolder: "/").load(path)
  }

  private func danger(_ path: String) -> UntrustedPlace? {
    do {
      _ = try load(path)
      return nil
    } catch {
      guard case .untrusted(let place)? = error as? ConfigurationError else { return nil }
      return place
    }
  }

  /// A group that is no user's own, which the process may give files to; nil where it has none.
  private static let sharedGroup: gid_t? = {
    var groups = [gid_t](repeating: 0, count: Int(max(getgroups(0, nil), 0)))
    let count = getgroups(Int32(groups.count), &groups)
    let all = geteuid() == 0 ? [65534] : groups.prefix(Int(max(count, 0))) + []
    return all.first { !PrivateGroup.system.isPrivate($0, of: geteuid()) }
  }()

  @Test("What a user's own group can write, as with the umask 002, is the user's own")
  func ownGroup() throws {
    defer { clean() }
    guard PrivateGroup.system.isPrivate(getegid(), of: geteuid()) else { return }
    let path = try write("c.yaml", minimal, mode: 0o664)
    chown(path, geteuid(), getegid())
    _ = try load(path)
  }

  @Test("A file that others can write is refused with the command that mends it", arguments: [0o620, 0o602, 0o666])
  func writable(mode: mode_t) throws {
    defer { clean() }
    let path = try write("it's.yaml", minimal, mode: mode)
    if let group = Self.sharedGroup { #expect(chown(path, geteuid(), group) == 0) } else if mode == 0o620 { return }
    chmod(path, mode)
    #expect(
      danger(path)
        == UntrustedPlace(
          path: path, problem: "Other users may write to the file, and could change what it says",
          suggestion: "chmod go-w '\(folder)/it'\\''s.yaml'"))
    chmod(path, 0o600)
    _ = try load(path)
  }

  @Test("What is included is looked at in the same way")
  func included() throws {
    defer { clean() }
    let common = try write("common.yaml", minimal, mode: 0o666)
    let path = try write("c.yaml", "<<: !include common.yaml\n", mode: 0o600)
    #expect(danger(path)?.path == common)
    chmod(common, 0o644)
    _ = try load(path)
  }

  @Test("A file of another user is refused, whatever its mode", .enabled(if: geteuid() == 0))
  func others() throws {
    defer { clean() }
    let path = try write("c.yaml", minimal, mode: 0o400)
    chown(path, 65534, 65534)
    #expect(danger(path)?.problem.hasPrefix("The file belongs to user nobody") == true)
  }

  @Test("Of a file with secrets in it that others can read is warned, of another not")
  func readable() throws {
    defer { clean() }
    let secret = "encryption_passphrase: hunter2\n"
    let path = try write("c.yaml", minimal + secret, mode: 0o644)
    let warnings = try load(path).notices.warnings(for: path)
    #expect(
      warnings == [
        "\(path): It holds passwords or other secrets, and other users can read it\n  chmod go-r \(path)"
      ])
    for (text, mode) in [
      (minimal + secret, 0o600), (minimal, 0o644),
      (minimal + "encryption_passphrase: \"{credential file /x}\"\n", 0o644),
    ] as [(String, mode_t)] {
      let path = try write("d.yaml", text, mode: mode)
      #expect(try load(path).notices.warnings(for: path).isEmpty)
    }
    // The secret stands in the included file, which is private.
    _ = try write("inner.yaml", "postgresql_databases: [{name: a, password: x}]\n", mode: 0o600)
    let outer = try write("outer.yaml", minimal + "<<: !include inner.yaml\n", mode: 0o644)
    #expect(try load(outer).notices.exposed == [])
    chmod("\(folder)/inner.yaml", 0o644)
    #expect(try load(outer).notices.exposed == ["\(folder)/inner.yaml"])
  }

  @Test(
    "Secrets in old spellings, and those that a constant stands for, are found where they are",
    arguments: [
      "hooks: {postgresql_databases: [{name: a, password: x}]}\n", "storage: {encryption_passphrase: hunter2}\n",
      "pagerduty: a177cad45bd374409f78906a810a3074\n",
      "constants: {pw: hunter2}\nencryption_passphrase: \"{pw}\"\n",
    ])
  func oldSpellings(text: String) throws {
    defer { clean() }
    let path = try write("c.yaml", minimal + text, mode: 0o644)
    #expect(try load(path).notices.exposed == [path])
    chmod(path, 0o600)
    #expect(try load(path).notices.exposed == [])
  }

  @Test("The file that a secret constant stands in is told of, though it is used in another")
  func constants() throws {
    defer { clean() }
    let inner = try write("inner.yaml", "constants: {pw: hunter2, other: y}\n", mode: 0o644)
    let outer = try write(
      "outer.yaml", minimal + "<<: !include inner.yaml\nencryption_passphrase: \"{pw}\"\n", mode: 0o600)
    #expect(try load(outer).notices.exposed == [inner])
  }

  @Test("A password file that others can write is refused, and of one that they can read is warned, once")
  func passwords() throws {
    defer { clean() }
    let said = Monitor<[String]>([])
    let resolver = CredentialResolver(
      environment: ProcessEnvironment(["CREDENTIALS_DIRECTORY": folder]), folder: "/",
      warn: { text in said.update { $0.append(text) } })
    let path = try write("password", "hunter2\n", mode: 0o622)
    #expect {
      try resolver.value("{credential file \(path)}")
    } throws: { error in
      guard case .untrusted(_, let place)? = error as? CredentialError else { return false }
      return place.suggestion == "chmod go-w \(path)"
    }
    chmod(path, 0o604)
    for _ in 0..<2 { #expect(try resolver.value("{credential file \(path)}") == "hunter2") }
    #expect(
      said.update { $0 } == ["{credential file \(path)}: Other users can read it\n  chmod go-r \(path)"])
    // What systemd hands over is readable for the service only, whatever the mode says.
    _ = try write("handed", "x", mode: 0o444)
    #expect(try resolver.value("{credential systemd handed}") == "x")
    #expect(said.update { $0.count } == 1)
  }

  @Test("A FIFO is read when its writer has come, and one that nobody writes to is not waited for without an end")
  func pipes() throws {
    defer { clean() }
    let path = "\(folder)/pipe"
    #expect(mkfifo(path, 0o600) == 0)
    let error = #expect(throws: SystemError.self) {
      let file = try FileReader.opened(path, patience: 0)
      _ = file.number
    }
    #expect(error?.code == ETIMEDOUT)
    let resolver = CredentialResolver(environment: ProcessEnvironment([:]), folder: "/")
    Thread.detachNewThread { FileHandle(forWritingAtPath: path)?.write(Data("hunter2\n".utf8)) }
    #expect(try resolver.value("{credential file \(path)}") == "hunter2")
    // What a shell makes of <(program).
    var ends: [Int32] = [0, 0]
    let made = pipe(&ends)
    #expect(made == 0)
    let writer = FileHandle(fileDescriptor: ends[1], closeOnDealloc: true)
    writer.write(Data("other\n".utf8))
    try writer.close()
    #expect(try resolver.value("{credential file /dev/fd/\(ends[0])}") == "other")
    close(ends[0])
  }

  @Test("What is included is a file: of a FIFO or a device nothing is waited for, nor read")
  func includedNoFile() throws {
    defer { clean() }
    let pipe = "\(folder)/pipe"
    #expect(mkfifo(pipe, 0o600) == 0)
    // Somebody has it open who writes nothing.
    let holder = open(pipe, O_RDWR)
    defer { close(holder) }
    #expect(symlink("pipe", "\(folder)/link") == 0)
    for name in ["pipe", "link", "/dev/null", "/dev/fd/\(holder)"] {
      let path = try write("c.yaml", "repositories: [{path: /r}]\n<<: !include \(name)\n", mode: 0o600)
      let error = #expect(throws: ConfigurationError.self, "\(name)") { try load(path) }
      guard case .invalid(let file, let problems)? = error, let problem = problems.first else {
        Issue.record("\(name): \(String(describing: error))")
        continue
      }
      #expect(file == path && problem.mark.line == 2 && problem.message.contains("no file"), "\(problem)")
    }
  }
}
