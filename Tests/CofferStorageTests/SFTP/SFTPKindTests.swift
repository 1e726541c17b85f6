import CofferSystem
import Foundation
import Testing

@testable import CofferStorage

@Suite("Addresses of SFTP servers and of rclone's remotes")
struct SFTPKindTests {
  @Test(
    "The folder is taken from the root on, or from the account's own folder",
    arguments: [
      ("sftp://host/srv/r", "/srv/r"), ("sftp://me@host:2222/srv/r/", "/srv/r"), ("sftp://host/~/r", "r"),
      ("sftp://host/./a/r", "a/r"), ("sftp://[::1]:22/r", "/r"), ("SFTP://host/r", "/r"),
    ])
  func folders(address: String, root: String) throws {
    let store = try #require(try SFTPServers.store(address: address) as? SFTPStore)
    #expect(store.root == root)
    #expect(store.location == address)
    #expect(store.behaviour.naming == .link)
  }

  @Test(
    "What ssh could take for something else, and what names no folder, is refused",
    arguments: [
      "sftp:host/r", "sftp://host", "sftp://host/", "sftp://-oProxyCommand=x/r", "sftp://me@-x/r", "sftp://a b/r",
      "sftp://me:secret@host/r", "sftp://host:0/r", "sftp://host:x/r", "sftp:///r",
    ])
  func refused(address: String) {
    #expect(throws: SSHAddress.Invalid.self) { try SFTPServers.store(address: address) }
  }

  @Test(
    "rclone is given the remote as it is written",
    arguments: ["rclone:remote:", "rclone:b2:bucket/r", "rclone::local:/r"])
  func remotes(address: String) throws {
    let store = try #require(try SFTPServers.store(address: address) as? SFTPStore)
    #expect(store.root == "/" && store.location == address && store.behaviour.naming == .rename)
  }

  @Test(
    "What names no remote is refused", arguments: ["rclone:", "rclone:remote", "rclone:/srv/r", "rclone://remote:r"])
  func noRemotes(address: String) {
    let error = #expect(throws: RcloneKind.InvalidRemote(address: address)) { try SFTPServers.store(address: address) }
    #expect(error?.description.contains("rclone listremotes") == true)
  }

  @Test("What ends a connection is told with what to do about it")
  func advice() throws {
    let address = try SSHAddress(StoreAddress("sftp://me@host/r"), scheme: "sftp")
    let advice = SFTPAdvice(ssh: SSHAdvice(address: address, program: "sftp", installation: SFTPAdvice.noSubsystem))
    let missing = advice.failure(
      ChannelEnd(status: .exited(255), lines: ["subsystem request failed on channel 0"]), wasGreeted: false)
    #expect(missing.kind == .permanent && missing.suggestion == SFTPAdvice.noSubsystem)
    let later = advice.failure(
      ChannelEnd(status: .exited(255), lines: ["subsystem request failed on channel 0"]), wasGreeted: true)
    #expect(later.kind == .transient)
    let rclone = RcloneAdvice(remote: "a b:c")
    let unknown = rclone.failure(
      ChannelEnd(
        status: .exited(1),
        lines: [
          "2026/01/01 NOTICE: Config file not found",
          "2026/01/01 CRITICAL: Failed to create file system for \"a b:c\": didn't find section in config file",
        ]), wasGreeted: false)
    #expect(unknown.kind == .permanent && unknown.suggestion?.contains("rclone listremotes") == true)
    #expect(!unknown.reason.contains("NOTICE"))
    let other = rclone.failure(ChannelEnd(status: .exited(1), lines: ["\u{1b}[1mx"]), wasGreeted: false)
    #expect(other.suggestion?.contains("rclone lsf 'a b:c'") == true)
    #expect(!other.reason.contains("\u{1b}"))
    #expect(rclone.failure(ChannelEnd(status: .exited(0)), wasGreeted: true).kind == .transient)
  }

  @Test("A program that is missing, or is none of the kind, is named with what to do")
  func programs() throws {
    let name = ObjectName(wellFormed: "config")
    func failure(_ store: any ObjectStore) throws -> StorageError {
      try #require(#expect(throws: StorageError.self) { try store.get(name, range: nil, cancellation: nil) })
    }
    let noRclone = try failure(
      try SFTPServers.store(address: "rclone:x:y", options: ["rclone_command": "/nowhere/rclone"]))
    #expect(
      noRclone.kind == .permanent && noRclone.description.contains("Install rclone, or name it by rclone_command"))
    let noSSH = try failure(
      try SFTPServers.store(address: "sftp://host/r", options: ["ssh_command": "/nowhere/ssh"]))
    #expect(noSSH.kind == .permanent && noSSH.description.contains("Install openssh-client"))
    let talker = try failure(
      try SFTPServers.store(
        address: "rclone:x:y", options: ["rclone_command": "sh -c 'echo Welcome to the machine; sleep 5'"]))
    #expect(talker.kind == .permanent && talker.description.contains("Welcome to"))
  }
}

/// What the contract and the tests end to end can be run against; what is missing is skipped, and counted.
@Suite("Servers for the tests of SFTP")
struct SFTPServerTests {
  @Test("OpenSSH's server is installed", .enabled(if: SFTPServers.isInstalled, "openssh-sftp-server is not installed"))
  func program() { #expect(StoreUnderTest.all.contains { $0.testDescription == "SFTP" }) }

  @Test("sshd is running", .enabled(if: SFTPServers.sshd != nil, "contrib/test did not start sshd"))
  func sshd() { #expect(StoreUnderTest.all.contains { $0.testDescription == "SFTP over ssh" }) }

  @Test("rclone is installed", .enabled(if: SFTPServers.rclone != nil, "contrib/test could not install rclone"))
  func rclone() { #expect(StoreUnderTest.all.contains { $0.testDescription == "rclone" }) }
}
