import CofferConfiguration
import CofferSystem

/// Folders of other hosts that have an SFTP server: `sftp://user@host:port/path`. The user's own ssh makes the connection.
struct SFTPKind: StoreKind {
  let schemes: [String?] = ["sftp"]
  let spellings = ["sftp://user@host/path"]

  /// Bytes that may be on the way for one file without an answer. OpenSSH lets a channel have 2 MiB on the way.
  private static let window = 4 << 20

  func store(for request: StoreRequest) throws -> any ObjectStore {
    let address = try SSHAddress(request.address, scheme: "sftp")
    let (launcher, clock, stall) = (request.surroundings.launcher, request.surroundings.clock, request.stallSeconds)
    let sockets = SSHSockets(request.surroundings)
    let ssh = SSHCommand(
      request.options[SSHOptions.command], address, .subsystem("sftp"), environment: request.surroundings.environment
    )
    let advice = SFTPAdvice(ssh: SSHAdvice(address: address, program: "sftp", installation: SFTPAdvice.noSubsystem))
    let rules = FrameConnection.Rules(
      greetingID: SFTPLink.greeting.id, meaning: { advice.failure($0, wasGreeted: $1) },
      nonsense: { advice.ssh.failure($0, wasGreeted: $1) })
    let link = RemoteLink(
      limit: SSHCommand.connectionLimit,
      getReady: { (cancellation) throws(RemoteError) in try ssh.getReady(launcher, sockets, cancellation) },
      { (cancellation) throws(RemoteError) in try ssh.start(launcher, sockets, cancellation) },
      speak: { (channel) throws(RemoteError) in
        try FrameConnection(
          channel, greeting: SFTPLink.greeting,
          limits: FrameConnection.Limits(payload: SFTPLink.payloadLimit, stall: stall), rules: rules, clock: clock)
      })
    return SFTPStore(
      location: request.address.text, root: address.path, link: SFTPLink(link, window: Self.window),
      warn: request.warn)
  }
}

/// What it means that the connection to an SFTP server came to its end.
struct SFTPAdvice: Sendable {
  let ssh: SSHAdvice

  static let noSubsystem =
    "The host has no SFTP server: install openssh-sftp-server there, and have 'Subsystem sftp' in its sshd_config"

  /// - Parameter wasGreeted: Whether the server had answered before.
  func failure(_ end: ChannelEnd, wasGreeted: Bool) -> StorageFailure {
    guard !wasGreeted, end.lines.contains(where: { $0.holds("subsystem request failed") }) else {
      return ssh.failure(end, wasGreeted: wasGreeted)
    }
    return StorageFailure(
      .permanent, "connecting to \(ssh.address.host)", reason: "the host offers no sftp", suggestion: Self.noSubsystem)
  }
}
