import CofferConfiguration
import CofferSystem

/// Whatever rclone knows: `rclone:remote:path`. rclone itself is the SFTP server, on its standard input and output.
struct RcloneKind: StoreKind {
  let schemes: [String?] = ["rclone"]
  let spellings = ["rclone:remote:path"]
  let options = [command.option]

  static let command = OptionKey<CommandWords>(
    "rclone_command", "What to run in place of rclone, for repositories at 'rclone:'; may have arguments.",
    default: "rclone", support: .own)

  func store(for request: StoreRequest) throws -> any ObjectStore {
    let remote = request.address.rest
    guard remote.holds(":"), !remote.begins(with: "/"), !remote.utf8.contains(0) else {
      throw InvalidRemote(address: request.address.text)
    }
    let (launcher, clock) = (request.surroundings.launcher, request.surroundings.clock)
    let stall = max(request.stallSeconds, Self.silence)
    let command = Self.command(
      request.options[Self.command].words, remote, environment: request.surroundings.environment)
    let advice = RcloneAdvice(remote: remote)
    let rules = FrameConnection.Rules(
      greetingID: SFTPLink.greeting.id, meaning: { advice.failure($0, wasGreeted: $1) },
      nonsense: { advice.failure($0, wasGreeted: $1) })
    let link = RemoteLink(
      { (_) throws(RemoteError) in
        do { return try ProgramChannel(command, launcher: launcher) } catch { throw Self.failure(error) }
      },
      speak: { (channel) throws(RemoteError) in
        try FrameConnection(
          channel, greeting: SFTPLink.greeting,
          limits: FrameConnection.Limits(payload: SFTPLink.payloadLimit, stall: stall), rules: rules, clock: clock)
      })
    // What rclone hands on is to come in its order, so only one piece of a file is on the way: that way is short.
    return SFTPStore(
      location: request.address.text, root: "/", link: SFTPLink(link, window: 1),
      behaviour: SFTPStore.Behaviour(naming: .rename, failure: .transient, isRemarkedOn: false), warn: request.warn)
  }

  /// Seconds for which rclone may be silent at least: it answers a write only when its cloud has the piece that the write is in,
  /// which may be all of a pack, and notices by itself when a cloud is gone.
  static let silence = 900.0

  /// Nothing is kept on this machine that is said to be stored, what others store is seen at once, times are the store's own, and
  /// nobody is asked for a password where the protocol is spoken. (Of 0s for the folders rclone 1.75 makes seconds for each
  /// request, in which it forgets them again and again.)
  private static let arguments = [
    "serve", "sftp", "--stdio", "--vfs-cache-mode", "off", "--dir-cache-time", "1ms", "--poll-interval", "0s",
    "--use-server-modtime", "--vfs-read-wait", "1ms", "--ask-password=false", "--",
  ]

  private static func command(
    _ words: [String], _ remote: String, environment: ProcessEnvironment
  ) -> ChildCommand {
    let words = words.isEmpty ? ["rclone"] : words
    return ChildCommand(words[0], words.dropFirst() + arguments + [remote], environment: environment)
      .installed(by: [words[0].parts(by: "/").last ?? words[0]: "Install rclone, or name it by rclone_command"])
  }

  private static func failure(_ error: any Error) -> RemoteError {
    let diagnosis = Diagnosis(of: error)
    return .broken(
      StorageFailure(
        .permanent, "starting \(diagnosis.subject)", reason: diagnosis.problem, suggestion: diagnosis.suggestion))
  }

  /// An address that names no place of rclone's.
  struct InvalidRemote: DiagnosableError, Equatable {
    let address: String

    var diagnosis: Diagnosis {
      Diagnosis(
        subject: "repository \(address)", problem: "It names no remote of rclone's",
        suggestion:
          "Write rclone:REMOTE:PATH, with a remote that 'rclone listremotes' shows; for a folder of this machine "
          + "write its path alone")
    }
  }
}

/// What it means that rclone came to its end.
struct RcloneAdvice: Sendable {
  let remote: String

  /// - Parameter wasGreeted: Whether rclone had answered before.
  func failure(_ end: ChannelEnd, wasGreeted: Bool) -> StorageFailure {
    // Notices are no reasons.
    let lines = end.lines.filter { !$0.holds("NOTICE:") }
    let said = (lines.isEmpty ? end.lines : lines).suffix(3).map { Quoting.terminal($0) }.joined(separator: "; ")
    func says(_ text: String) -> Bool { end.lines.contains { $0.holds(text) } }
    func failure(_ kind: StorageFailure.Kind, _ suggestion: String?) -> StorageFailure {
      StorageFailure(
        kind, wasGreeted ? "rclone" : "starting rclone", reason: said.isEmpty ? "it ended" : said,
        suggestion: suggestion)
    }
    guard !wasGreeted else { return failure(.transient, nil) }
    if says("didn't find section in config file") {
      return failure(
        .permanent,
        "'rclone listremotes', run as the user who runs this, shows the remotes that it knows; 'rclone config' makes one"
      )
    }
    if says("unable to decrypt configuration") || says("Failed to load config file") {
      return failure(.permanent, "Give rclone the password of its configuration in RCLONE_CONFIG_PASS")
    }
    let word = Quoting.pastedWord(remote)
    return failure(.permanent, "Try 'rclone lsf \(word)' as the user who runs this; rclone must be 1.58 or newer")
  }

  func failure(_ malformed: FrameParser.Malformed, wasGreeted: Bool) -> StorageFailure {
    let text = Quoting.terminal(String(decoding: malformed.beginning.prefix(80), as: UTF8.self))
    return StorageFailure(
      wasGreeted ? .transient : .permanent, "starting rclone", reason: "what it wrote is no SFTP: '\(text)'",
      suggestion: "Let rclone_command name rclone and its options only")
  }
}
