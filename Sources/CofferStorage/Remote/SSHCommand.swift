import CofferConfiguration
import CofferSystem

/// The user's own ssh, as it is run to reach a program on another host.
struct SSHCommand: Sendable {
  /// What is run there.
  enum Remote: Sendable, Equatable {
    /// A line for the user's shell there.
    case shellLine(String)
    /// A service that the server has under this name, as `sftp`.
    case subsystem(String)
  }

  /// ssh and its arguments, as configured.
  let words: [String]
  let address: SSHAddress
  let remote: Remote
  let environment: ProcessEnvironment

  init(
    _ configured: CommandWords?, _ address: SSHAddress, _ remote: Remote, environment: ProcessEnvironment
  ) {
    let words = configured?.words ?? []
    self.words = words.isEmpty ? ["ssh"] : words
    self.address = address
    self.remote = remote
    self.environment = environment
  }

  /// Connections to one host at a time; more of them at the same time are what guards of hosts take for an attack (`ufw limit`: six).
  static let connectionLimit = 5

  /// How a channel comes to the server.
  enum Way: Sendable, Equatable {
    /// By a connection of its own.
    case alone
    /// By a connection of its own, which others find at a socket.
    case listening(String)
    /// By the connection of the ssh that listens at a socket, and by no other.
    case beside(String)
  }

  /// What the user's own configuration of ssh says, so far as it matters here.
  struct Settings: Sendable, Equatable {
    /// Whether it says nothing of signs of life.
    var wantsSignsOfLife = false
    /// Whether it says nothing of connections that are shared: what a user has set up for them counts.
    var letsShare = false

    init() {}

    /// - Parameter lines: Of what `ssh -G` has said.
    init(_ lines: [String]) {
      wantsSignsOfLife = lines.contains { $0 == "serveraliveinterval 0" }
      letsShare =
        lines.contains { $0 == "controlmaster false" || $0 == "controlmaster no" }
        && !lines.contains { $0.begins(with: "controlpath ") && $0 != "controlpath none" }
    }
  }

  /// Seconds between two signs of life that ssh asks of the server, where the user has said nothing of them.
  private static let aliveInterval = 60

  /// What is run here.
  ///
  /// - Parameter keepsAlive: Whether ssh is asked to notice by itself that the server is gone.
  func command(keepsAlive: Bool, _ way: Way = .alone) -> ChildCommand {
    var arguments = Array(words.dropFirst())
    if isOpenSSH {
      // Of an option that is given twice ssh takes the first: what the user wrote counts. Nobody could answer a question, and
      // what is sent is compressed.
      arguments += ["-T", "-o", "BatchMode=yes", "-o", "Compression=no"]
      switch way {
      case .alone: break
      case .listening(let socket):
        arguments += ["-o", "ControlMaster=yes", "-o", "ControlPersist=no", "-o", "ControlPath=\(socket)"]
      case .beside(let socket):
        // Where it is refused ssh would make a connection, also through a host that the user's own words name: so it stands first.
        arguments =
          ["-o", "ProxyCommand=false"] + arguments + ["-o", "ControlMaster=no", "-o", "ControlPath=\(socket)"]
      }
      if keepsAlive { arguments += ["-o", "ServerAliveInterval=\(Self.aliveInterval)", "-o", "ServerAliveCountMax=3"] }
    }
    arguments += destination
    switch remote {
    case .shellLine(let line): arguments += [address.login, line]
    case .subsystem(let name): arguments += ["-s", address.login, name]
    }
    return child(arguments)
  }

  /// Whether one of the words is OpenSSH's client; what stands in its place may know none of its options but the port.
  private var isOpenSSH: Bool {
    words.contains { $0.parts(by: "/").last == "ssh" }
  }

  /// Whether a channel can be kept from making a connection: ssh takes no other way beside a `-J`.
  var letsShare: Bool { !words.contains(where: Self.namesJumpHost) }

  /// ssh's flags that take no value (ssh(1), its synopsis): of one word, others may follow them.
  private static let switches = Set("46AaCfGgKkMNnqsTtVvXxYy".utf8)

  /// Whether a word is `-J`, alone or behind other flags, as in `-4J`.
  private static func namesJumpHost(_ word: String) -> Bool {
    guard word.begins(with: "-") else { return false }
    return word.utf8.dropFirst().drop { switches.contains($0) }.first == UInt8(ascii: "J")
  }

  private var destination: [String] { address.port.map { ["-p", "\($0)"] } ?? [] }

  private func child(_ arguments: [String]) -> ChildCommand {
    ChildCommand(words[0], arguments, environment: environment)
      .installed(by: ["ssh": "Install openssh-client, or name another program by ssh_command"])
  }

  /// Returns what the user's own configuration says, asked where that is not known yet.
  ///
  /// - Throws: `RemoteError`.
  @discardableResult
  func getReady(
    _ launcher: any ProcessLauncher, _ sockets: SSHSockets, _ cancellation: Cancellation?
  ) throws(RemoteError) -> Settings {
    try sockets.settings { () throws(RemoteError) in try ownSettings(launcher, cancellation) }
  }

  /// Starts ssh.
  ///
  /// - Parameter sockets: Where other channels of the connection are asked for.
  /// - Throws: `RemoteError.broken`.
  func start(
    _ launcher: any ProcessLauncher, _ sockets: SSHSockets, _ cancellation: Cancellation?
  ) throws(RemoteError) -> ProgramChannel {
    let settings = try getReady(launcher, sockets, cancellation)
    guard settings.letsShare, letsShare, let socket = sockets.newPath() else {
      return try start(command(keepsAlive: settings.wantsSignsOfLife), launcher)
    }
    return try start(command(keepsAlive: settings.wantsSignsOfLife, .listening(socket)), launcher, socket) {
      (_) throws(RemoteError) in
      try SSHSockets.isThere(socket) ? start(command(keepsAlive: false, .beside(socket)), launcher) : nil
    }
  }

  private func start(
    _ command: ChildCommand, _ launcher: any ProcessLauncher, _ socket: String? = nil,
    another: ProgramChannel.Another? = nil
  ) throws(RemoteError) -> ProgramChannel {
    do {
      return try ProgramChannel(command, launcher: launcher, socket: socket, another: another)
    } catch {
      throw Self.failure(error)
    }
  }

  /// What counts for a host ssh itself tells.
  private func ownSettings(
    _ launcher: any ProcessLauncher, _ cancellation: Cancellation?
  ) throws(RemoteError) -> Settings {
    guard words[0].parts(by: "/").last == "ssh" else { return Settings() }
    do {
      let question = child(["-G"] + words.dropFirst() + destination + [address.login])
      let answer = try launcher.run(question, outputLimit: 1 << 20, seconds: 20, cancellation: cancellation)
      let lines = String(decoding: answer.output, as: UTF8.self).lines()
      return answer.status.isSuccess ? Settings(lines) : Settings()
    } catch is CommandTimedOut {
      return Settings()
    } catch {
      throw Self.failure(error)
    }
  }

  private static func failure(_ error: any Error) -> RemoteError {
    if error is RunCancelled { return .cancelled }
    let diagnosis = Diagnosis(of: error)
    return .broken(
      StorageFailure(
        .permanent, "starting \(diagnosis.subject)", reason: diagnosis.problem, suggestion: diagnosis.suggestion))
  }
}
