import CofferSystem

/// What it means that ssh, or what it ran, came to its end.
struct SSHAdvice: Sendable {
  let address: SSHAddress
  /// What was to be run on the host, and what to do where it is not there.
  let program: String
  let installation: String

  /// ssh's own exit status, when it could not connect or the connection broke.
  private static let sshFailed: Int32 = 255
  /// A shell's, when it does not find the program.
  private static let notFound: Int32 = 127

  /// - Parameter wasGreeted: Whether the other side had answered before.
  func failure(_ end: ChannelEnd, wasGreeted: Bool) -> StorageFailure {
    let said = end.lines.suffix(3).map { Quoting.terminal($0) }.joined(separator: "; ")
    let reason = said.isEmpty ? Self.words(end) : said
    func failure(_ kind: StorageFailure.Kind, _ suggestion: String?) -> StorageFailure {
      StorageFailure(
        kind, wasGreeted ? "the connection to \(address.host)" : "connecting to \(address.host)", reason: reason,
        suggestion: suggestion)
    }
    func says(_ text: String) -> Bool { end.lines.contains { $0.holds(text) } }
    let login = Quoting.pastedWord(address.login)
    let port = address.port.map { "-p \($0) " } ?? ""
    guard !wasGreeted else { return failure(.transient, nil) }
    if says("Host key verification failed") || says("HOST IDENTIFICATION HAS CHANGED") || says("host key is known") {
      return failure(
        .permanent,
        "The host's key is not known here, or is another one than it was. Run 'ssh \(port)\(login)' once as the user who "
          + "runs this, and compare the fingerprint with the host's own; ~/.ssh/known_hosts keeps it")
    }
    if says("Permission denied (") || says("Too many authentication failures") {
      return failure(
        .denied,
        "Put the public key of the user who runs this into ~/.ssh/authorized_keys of \(login), or name the key: "
          + "ssh_command: ssh -i FILE. 'ssh -v \(port)\(login)' shows which keys are tried")
    }
    if end.status == .exited(Self.notFound) || says("command not found") || says(": not found") {
      return failure(.permanent, installation)
    }
    if says("Could not resolve hostname") { return failure(.transient, "Check the spelling of the host's name") }
    switch end.status {
    case .exited(Self.sshFailed), .signalled, nil:
      return failure(.transient, "Try 'ssh \(port)\(login)' by hand to see whether the host can be reached")
    case .exited:
      return failure(.permanent, "Try 'ssh \(port)\(login)' by hand; there, \(program) must start without a question")
    }
  }

  /// - Parameter wasGreeted: Whether the other side had answered before.
  func failure(_ malformed: FrameParser.Malformed, wasGreeted: Bool) -> StorageFailure {
    let text = Quoting.terminal(String(decoding: malformed.beginning.prefix(80), as: UTF8.self))
    return StorageFailure(
      wasGreeted ? .transient : .permanent, "connecting to \(address.host)",
      reason: "what arrived is not of \(program): '\(text)'",
      suggestion:
        "If a start-up file of the shell there prints this (.bashrc, .profile), let it do so for terminals only")
  }

  private static func words(_ end: ChannelEnd) -> String {
    switch end.status {
    case .exited(let code)?: "it ended with exit code \(code)"
    case .signalled(let signal)?: "it was ended by signal \(signal)"
    case nil: "it ended"
    }
  }
}
