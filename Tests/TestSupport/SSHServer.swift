import CofferSystem
import Foundation

/// An sshd on a loopback port, with keys of its own, that admits whoever runs the test. It ends with the value.
public final class SSHServer {
  public let port: Int
  /// Where its keys and settings are.
  public let folder: String
  private let child: ChildProcess

  public struct NotStarted: Error, CustomStringConvertible {
    public let description: String
  }

  /// - Parameters:
  ///   - folder: An empty one, which stays.
  ///   - more: Lines of its settings.
  public init(in folder: String, settings more: String = "") throws {
    self.folder = folder
    port = try Self.freePort()
    try Self.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "\(folder)/host")
    // Where sshd of root's separates its rights; packages make it when the service is started.
    if geteuid() == 0 { mkdir("/run/sshd", 0o755) }
    let settings = """
      Port \(port)
      ListenAddress 127.0.0.1
      HostKey \(folder)/host
      AuthorizedKeysFile \(folder)/authorized_keys
      PidFile none
      UsePAM no
      StrictModes no
      PasswordAuthentication no
      PermitRootLogin yes
      MaxStartups 100
      Subsystem sftp internal-sftp
      \(more)
      """
    try Data((settings + "\n").utf8).write(to: URL(filePath: "\(folder)/sshd_config"))
    try Data().write(to: URL(filePath: "\(folder)/authorized_keys"))
    let hostKey = try String(contentsOfFile: "\(folder)/host.pub", encoding: .utf8)
    try Data("[127.0.0.1]:\(port) \(hostKey)".utf8).write(to: URL(filePath: "\(folder)/known_hosts"))
    let command = ChildCommand(
      "/usr/sbin/sshd", ["-D", "-e", "-f", "\(folder)/sshd_config"],
      environment: ProcessEnvironment(["PATH": "/usr/local/bin:/usr/bin:/bin"]))
    child = try SystemProcessLauncher().launch(command)
    let deadline = ContinuousClock.now + .seconds(60)
    while !Self.answers(port) {
      guard child.wait(seconds: 0.02) == nil, ContinuousClock.now < deadline else {
        throw NotStarted(description: child.lastErrorLines.joined(separator: "\n"))
      }
    }
  }

  deinit {
    child.terminate()
  }

  /// Makes a key that the server admits.
  ///
  /// - Parameters:
  ///   - name: Of its file in the folder.
  ///   - options: What stands in front of it in `authorized_keys`.
  ///   - isAdmitted: Whether it is admitted at all.
  /// - Returns: What ssh is given to use it, and no other.
  public func key(_ name: String, options: String = "", isAdmitted: Bool = true) throws -> [String] {
    let path = "\(folder)/\(name)"
    try Self.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path)
    if isAdmitted {
      let line = (options.isEmpty ? "" : options + " ") + (try String(contentsOfFile: path + ".pub", encoding: .utf8))
      let file = try FileHandle(forWritingTo: URL(filePath: "\(folder)/authorized_keys"))
      try file.seekToEnd()
      try file.write(contentsOf: Data(line.utf8))
      try file.close()
    }
    return arguments(key: path)
  }

  /// - Parameter knownHosts: The file with the hosts' keys; nil for the right one.
  public func arguments(key: String, knownHosts: String? = nil) -> [String] {
    [
      "-F", "none", "-i", key, "-o", "IdentitiesOnly=yes", "-o",
      "UserKnownHostsFile=\(knownHosts ?? folder + "/known_hosts")",
      "-o", "GlobalKnownHostsFile=none", "-o", "StrictHostKeyChecking=yes",
    ]
  }

  /// As an address has it.
  public var login: String { "\(NSUserName())@127.0.0.1:\(port)" }

  private static func run(_ program: String, _ arguments: String...) throws {
    let environment = ProcessEnvironment(["PATH": "/usr/local/bin:/usr/bin:/bin"])
    let result = try SystemProcessLauncher().run(ChildCommand(program, arguments, environment: environment))
    guard result.status.isSuccess else { throw NotStarted(description: result.errorLines.joined(separator: "\n")) }
  }

  /// Calls `body` with a TCP socket and the address of a loopback port.
  private static func withSocket<Result>(
    _ port: Int, _ body: (Int32, UnsafeMutablePointer<sockaddr>, inout socklen_t) -> Result
  ) -> Result {
    let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    defer { close(number) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    return withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body(number, $0, &length) }
    }
  }

  private static func freePort() throws -> Int {
    let port = withSocket(0) { number, address, length -> Int? in
      guard bind(number, address, length) == 0, getsockname(number, address, &length) == 0 else { return nil }
      return address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
        Int(in_port_t(bigEndian: $0.pointee.sin_port))
      }
    }
    guard let port else { throw NotStarted(description: "no port is free") }
    return port
  }

  private static func answers(_ port: Int) -> Bool {
    withSocket(port) { number, address, length in connect(number, address, length) == 0 }
  }
}
