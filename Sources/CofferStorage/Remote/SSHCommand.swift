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

  /// Connections to one host at a time. With two MiB on the way on each they come near to filling a line of 1 Gbit/s that takes
  /// 100 ms there and back; more of them at the same time are what guards of hosts take for an attack (`ufw limit`: six).
  static let connectionLimit = 4
  /// Seconds between two signs of life that ssh asks of the server, where the user has said nothing of them.
  private static let aliveInterval = 60

  /// What is run here.
  ///
  /// - Parameter keepsAlive: Whether ssh is asked to notice by itself that the server is gone.
  func command(keepsAlive: Bool) -> ChildCommand {
    var arguments = Array(words.dropFirst())
    if isOpenSSH {
      // Of an option that is given twice ssh takes the first: what the user wrote counts. Nobody could answer a question, and
      // what is sent is compressed.
      arguments += ["-T", "-o", "BatchMode=yes", "-o", "Compression=no"]
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

  private var destination: [String] { address.port.map { ["-p", "\($0)"] } ?? [] }

  private func child(_ arguments: [String]) -> ChildCommand {
    ChildCommand(words[0], arguments, environment: environment)
      .installed(by: ["ssh": "Install openssh-client, or name another program by ssh_command"])
  }

  /// Starts ssh.
  ///
  /// - Throws: `RemoteError.broken`.
  func start(_ launcher: any ProcessLauncher, _ cancellation: Cancellation?) throws(RemoteError) -> ProgramChannel {
    let command = command(keepsAlive: try wantsSignsOfLife(launcher, cancellation))
    do {
      return try ProgramChannel(command, launcher: launcher)
    } catch {
      throw Self.failure(error)
    }
  }

  /// Whether the user's configuration of ssh says nothing of signs of life: ssh itself tells what counts for a host.
  private func wantsSignsOfLife(
    _ launcher: any ProcessLauncher, _ cancellation: Cancellation?
  ) throws(RemoteError) -> Bool {
    guard words[0].parts(by: "/").last == "ssh" else { return false }
    do {
      let question = child(["-G"] + words.dropFirst() + destination + [address.login])
      let answer = try launcher.run(question, outputLimit: 1 << 20, seconds: 20, cancellation: cancellation)
      let lines = String(decoding: answer.output, as: UTF8.self).lines()
      return answer.status.isSuccess && lines.contains { $0 == "serveraliveinterval 0" }
    } catch is CommandTimedOut {
      return false
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
