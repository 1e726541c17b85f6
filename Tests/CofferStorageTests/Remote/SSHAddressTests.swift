import CofferConfiguration
import CofferSystem
import Foundation
import Testing

@testable import CofferStorage

@Suite("Folders on other hosts, and ssh's command line for them")
struct SSHAddressTests {
  private func address(_ text: String) throws -> SSHAddress { try SSHAddress(StoreAddress(text), scheme: "ssh") }

  @Test(
    "User, host, port and path are told apart in every spelling",
    arguments: [
      ("ssh://backup@vault:2222/srv/r", "backup", "vault", 2222, "/srv/r"),
      ("ssh://vault/srv/r/", nil, "vault", nil, "/srv/r"),
      ("SSH://Me@Vault/srv", "Me", "Vault", nil, "/srv"),
      ("ssh://me@vault/~/r", "me", "vault", nil, "r"), ("ssh://me@vault/./a/r", "me", "vault", nil, "a/r"),
      ("ssh://me@[fe80::1%eth0]:22/r", "me", "fe80::1%eth0", 22, "/r"), ("ssh://[::1]/r", nil, "::1", nil, "/r"),
      ("ssh://me@corp.example@vault/r", "me@corp.example", "vault", nil, "/r"),
      ("me@vault:/srv/r", "me", "vault", nil, "/srv/r"), ("Me@vault:r", "Me", "vault", nil, "r"),
      ("me@vault:~/r//", "me", "vault", nil, "r"), ("me@vault:./r", "me", "vault", nil, "r"),
      ("ssh://vault/a%20b", nil, "vault", nil, "/a%20b"),
      ("ssh://vault/a b'\u{301}", nil, "vault", nil, "/a b'\u{301}"),
      ("me@vault:a:b@c", "me", "vault", nil, "a:b@c"), ("ssh://vault//r", nil, "vault", nil, "//r"),
    ] as [(String, String?, String, Int?, String)])
  func parts(text: String, user: String?, host: String, port: Int?, path: String) throws {
    let address = try address(text)
    #expect(address.user == user && address.host == host && address.port == port && address.path == path, "\(address)")
    #expect(address.login == (user.map { $0 + "@" } ?? "") + host)
  }

  @Test(
    "What ssh would take for something else, and what names no folder, is refused with what to write",
    arguments: [
      "ssh://-oProxyCommand=x/r", "ssh://-l@host/r", "-oProxyCommand=x@host:r", "ssh://me@-host/r", "ssh:///r",
      "ssh://me@/r", "ssh://@host/r", "ssh://host", "ssh:host/r", "ssh://me:secret@host/r", "ssh://host:0/r",
      "ssh://host:65536/r", "ssh://host:+22/r", "ssh://host:/r", "ssh://host:2 2/r", "ssh://ho st/r", "ssh://h`id`/r",
      "ssh://h$(id)/r", "ssh://h;id/r", "ssh://a'b@h/r", "ssh://a\nb@h/r", "ssh://h\u{301}/r", "ssh://host/",
      "ssh://host/~", "ssh://host/~other/r", "me@host:", "me@host:.", "me@host:~/", "ssh://host/r\0x", "ssh://[::1/r",
    ])
  func refused(text: String) throws {
    let error = #expect(throws: SSHAddress.Invalid.self) { try address(text) }
    #expect(error?.diagnosis.suggestion?.isEmpty == false)
  }

  @Test(
    "A password in an address is shown in no message, with a slash in it neither",
    arguments: [
      "ssh://me:SECRET@host/r", "ssh://me:SEC/RET@host/r", "ssh://me:SEC@RET@host/r", "ssh://me:SECRET@host",
      "ssh://me:1SEC/RET@host:x/r",
    ])
  func passwords(text: String) throws {
    let error = try #require(throws: SSHAddress.Invalid.self) { try address(text) }
    #expect(error.diagnosis.subject == "repository ssh://***@" + (text.components(separatedBy: "@").last ?? ""))
    for part in ["SEC", "RET"] { #expect(!"\(error.diagnosis)".contains(part), "\(error.diagnosis)") }
  }

  private func command(
    _ ssh: String?, _ text: String = "ssh://me@vault:2222/r", _ remote: SSHCommand.Remote = .shellLine("coffer serve"),
    keepsAlive: Bool = true, _ way: SSHCommand.Way = .alone
  ) throws -> [String] {
    let command = SSHCommand(
      try ssh.map { try #require(CommandWords($0)) }, try address(text), remote, environment: ProcessEnvironment([:])
    ).command(keepsAlive: keepsAlive, way)
    return [command.executable] + command.arguments
  }

  @Test("What the user says of ssh comes first, and counts; another program is given only what it knows")
  func commands() throws {
    let ours = ["-T", "-o", "BatchMode=yes", "-o", "Compression=no"]
    let alive = ["-o", "ServerAliveInterval=60", "-o", "ServerAliveCountMax=3"]
    let end = ["-p", "2222", "me@vault", "coffer serve"]
    #expect(try command(nil) == ["ssh"] + ours + alive + end)
    #expect(try command("", keepsAlive: false) == ["ssh"] + ours + end)
    #expect(
      try command("/opt/ssh -C -i 'a key'", keepsAlive: false) == ["/opt/ssh", "-C", "-i", "a key"] + ours + end)
    #expect(try command("sshpass -e ssh", keepsAlive: false) == ["sshpass", "-e", "ssh"] + ours + end)
    #expect(try command("dbclient -y", keepsAlive: false) == ["dbclient", "-y"] + end)
    #expect(
      try command(nil, "vault@there:x", .subsystem("sftp"), keepsAlive: false) == ["ssh"] + ours
        + ["-s", "vault@there", "sftp"])
  }

  @Test("One ssh listens for others that want a channel, and those make no connection of their own")
  func sharedConnections() throws {
    func options(_ way: SSHCommand.Way, _ ssh: String? = nil) throws -> [String] {
      try command(ssh, keepsAlive: false, way).filter { $0.hasPrefix("Control") || $0.hasPrefix("Proxy") }
    }
    #expect(try options(.alone).isEmpty)
    #expect(try options(.listening("/s")) == ["ControlMaster=yes", "ControlPersist=no", "ControlPath=/s"])
    #expect(try options(.beside("/s")) == ["ProxyCommand=false", "ControlMaster=no", "ControlPath=/s"])
    #expect(try options(.listening("/s"), "dbclient").isEmpty)
    // Of two ways to the server ssh takes the first.
    #expect(
      try command("ssh -o ProxyJump=door", keepsAlive: false, .beside("/s")).prefix(5) == [
        "ssh", "-o", "ProxyCommand=false", "-o", "ProxyJump=door",
      ])
    func letsShare(_ words: String) throws -> Bool {
      SSHCommand(
        CommandWords(words), try address("ssh://vault/r"), .subsystem("sftp"),
        environment: ProcessEnvironment([:])
      ).letsShare
    }
    #expect(try letsShare("ssh -o ProxyJump=door"))
    #expect(try !letsShare("ssh -J door") && !letsShare("ssh -i key -Jdoor"))
    #expect(try !letsShare("ssh -4J door") && !letsShare("ssh -vvCJdoor"))
    // What follows a flag that takes a value is that.
    #expect(try letsShare("ssh -iJ") && letsShare("ssh -4p22"))
  }

  @Test(
    "Connections are shared where the user's configuration says nothing of that",
    arguments: [
      (["controlmaster false"], true), (["controlmaster false", "controlpath none"], true),
      (["controlmaster false", "controlpath /run/me"], false), (["controlmaster auto"], false),
      (["controlmaster auto", "controlpath /run/me"], false), ([], false),
    ])
  func settings(lines: [String], share: Bool) {
    let settings = SSHCommand.Settings(["user me"] + lines + ["serveraliveinterval 0"])
    #expect(settings.letsShare == share && settings.wantsSignsOfLife)
    #expect(!SSHCommand.Settings(lines + ["serveraliveinterval 5"]).wantsSignsOfLife)
  }

  @Test(
    "What ssh's end means is told with what to do about it",
    arguments: [
      ("root@vault: Permission denied (publickey).", 255, .denied, "authorized_keys"),
      ("Host key verification failed.", 255, .permanent, "known_hosts"),
      ("sh: 1: coffer: not found", 127, .permanent, "remote_path"),
      ("ssh: Could not resolve hostname vault: Name or service not known", 255, .transient, "spelling"),
      ("ssh: connect to host vault port 22: Connection refused", 255, .transient, "by hand"),
      ("coffer: no such thing", 1, .permanent, "by hand"),
      ("", 255, .transient, "by hand"),
    ] as [(String, Int32, StorageFailure.Kind, String)])
  func advice(line: String, code: Int32, kind: StorageFailure.Kind, word: String) throws {
    let advice = SSHAdvice(
      address: try address("ssh://me@vault:2222/r"), program: "coffer serve", installation: "set remote_path")
    let end = ChannelEnd(status: .exited(code), lines: line.isEmpty ? [] : ["Warning: something", line])
    let failure = advice.failure(end, wasGreeted: false)
    #expect(failure.kind == kind && failure.suggestion?.contains(word) == true, "\(failure)")
    #expect(line.isEmpty ? failure.reason.contains("exit code 255") : failure.reason.contains(line))
    // In the midst of it, the line is what broke.
    #expect(advice.failure(end, wasGreeted: true).kind == .transient)
  }
}
