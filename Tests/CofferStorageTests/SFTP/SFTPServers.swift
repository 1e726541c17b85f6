import CofferSystem
import Foundation
import TestSupport

@testable import CofferConfiguration
@testable import CofferStorage

/// SFTP servers that tests can have.
enum SFTPServers {
  /// OpenSSH's, which speaks with whoever starts it.
  static let program = "/usr/lib/openssh/sftp-server"
  static let isInstalled = FileManager.default.isExecutableFile(atPath: program)

  /// Where contrib/test has put rclone.
  static let rclone = ProcessInfo.processInfo.environment["COFFER_TEST_RCLONE"]

  /// The sshd that contrib/test has started.
  static let sshd = ProcessInfo.processInfo.environment["COFFER_TEST_SSHD"].flatMap { SSHServer($0) }

  static let environment = ProcessEnvironment.current()

  static let rules = FrameConnection.Rules(
    greetingID: SFTPLink.greeting.id,
    meaning: { end, _ in
      StorageFailure(.transient, "sftp-server", reason: end.lines.last ?? "the connection ended")
    },
    nonsense: { _, _ in StorageFailure(.permanent, "sftp-server", reason: "nonsense") })

  /// A link whose connections are made like this.
  static func link(
    window: Int = 4 << 20, ignoring ignored: Set<SFTPExtension> = [], stall: Double = 60,
    _ channel: @escaping @Sendable () throws -> any ByteChannel
  ) -> SFTPLink {
    // As the program does.
    signal(SIGPIPE, SIG_IGN)
    return SFTPLink(
      RemoteLink(
        { (_) throws(RemoteError) in
          do { return try channel() } catch {
            throw .broken(StorageFailure(.permanent, "start", reason: "\(error)"))
          }
        },
        speak: { (channel) throws(RemoteError) in
          try FrameConnection(
            channel, greeting: SFTPLink.greeting,
            limits: FrameConnection.Limits(payload: SFTPLink.payloadLimit, stall: stall), rules: rules, clock: .system)
        }), window: window, ignoring: ignored)
  }

  /// A store over OpenSSH's server, which is started without ssh.
  static func store(
    _ root: String, ignoring ignored: Set<SFTPExtension> = [], behaviour: SFTPStore.Behaviour = .init(),
    warn: @escaping @Sendable (Diagnosis) -> Void = { _ in }
  ) -> SFTPStore {
    SFTPStore(
      location: "sftp://test\(root)", root: root,
      link: link(ignoring: ignored) {
        try ProgramChannel(
          ChildCommand(program, environment: environment), launcher: SystemProcessLauncher())
      }, behaviour: behaviour, warn: warn)
  }

  /// The store that an address stands for, as the program itself makes it.
  static func store(
    address: String, options: [String: String] = [:], environment: ProcessEnvironment = environment,
    warn: @escaping @Sendable (Diagnosis) -> Void = { _ in }
  ) throws -> any ObjectStore {
    let surroundings = Surroundings(
      environment: environment, clock: .system, random: RandomSource { _ in }, launcher: SystemProcessLauncher(),
      secretKeeper: KernelKeyring(), currentFolder: "/", hostname: "here", username: "me", processors: 1)
    return try StoreRegistry.standard.store(
      for: StoreRequest(
        address: address, options: ConfigurationSection(texts: options), secret: { $0 }, surroundings: surroundings,
        warn: warn))
  }

  /// A folder of this machine through rclone; only where there is rclone.
  static func rcloneStore(_ folder: String) throws -> any ObjectStore {
    try store(
      address: "rclone:local:\(folder)", options: ["rclone_command": rclone ?? "rclone"],
      environment: rcloneEnvironment())
  }

  /// With a remote 'local' and no configuration file.
  static func rcloneEnvironment() -> ProcessEnvironment {
    var values = ProcessInfo.processInfo.environment
    values["RCLONE_CONFIG"] = "/dev/null"
    values["RCLONE_CONFIG_LOCAL_TYPE"] = "local"
    return ProcessEnvironment(values)
  }
}

extension ConfigurationSection {
  /// Options that are texts.
  init(texts: [String: String]) {
    let mark = SourceMark(file: "test", line: 1, column: 1)
    self.init(
      node: YAMLNode(
        .mapping(
          texts.map {
            .init(key: $0.key, keyMark: mark, value: YAMLNode(.scalar($0.value, isPlain: false), mark: mark))
          }),
        mark: mark))
  }
}

extension StoreUnderTest {
  /// What contrib/test has started or installed, and OpenSSH's server wherever it is installed. `SFTPServerTests` says what of it is
  /// missing.
  static let overSFTP: [StoreUnderTest] =
    (SFTPServers.isInstalled
      ? [
        StoreUnderTest("SFTP") { SFTPServers.store($0, ignoring: [.sync]) },
        StoreUnderTest("SFTP without links") { SFTPServers.store($0, ignoring: [.sync, .link]) },
        StoreUnderTest("SFTP without anything beyond version 3") {
          SFTPServers.store($0, ignoring: Set(SFTPExtension.allCases))
        },
        StoreUnderTest("SFTP where every third call fails") {
          RetryingStore(
            FlakyStore(SFTPServers.store($0, ignoring: [.sync])),
            RetryPolicy(retries: 20, firstWait: 0, longestWait: 0))
        },
      ] : [])
    + (SFTPServers.sshd.map { server in
      [
        StoreUnderTest("SFTP over ssh", isQuick: false) {
          try SFTPServers.store(address: server.address($0), options: server.options)
        }
      ]
    } ?? [])
    + (SFTPServers.rclone == nil
      ? []
      : [
        // rclone lists neither links nor pipes, and keeps for a while what it has listed.
        StoreUnderTest("rclone", isQuick: false, showsAll: false) { try SFTPServers.rcloneStore($0) }
      ])
}

/// A server as contrib/test tells of it: `hostname:port:user:identity file:known hosts file`.
struct SSHServer: Sendable {
  let hostname: String
  let port: String
  let user: String
  let identity: String
  let knownHosts: String

  init?(_ text: String) {
    let parts = text.split(separator: ":").map(String.init)
    guard parts.count == 5 else { return nil }
    (hostname, port, user, identity, knownHosts) = (parts[0], parts[1], parts[2], parts[3], parts[4])
  }

  /// For `ssh_command`.
  var command: String {
    "ssh -F none -i \(identity) -o IdentitiesOnly=yes -o UserKnownHostsFile=\(knownHosts) -o StrictHostKeyChecking=yes"
  }

  var options: [String: String] { ["ssh_command": command] }

  func address(_ path: String, scheme: String = "sftp") -> String { "\(scheme)://\(user)@\(hostname):\(port)\(path)" }
}
