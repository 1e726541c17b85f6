import CofferSystem
import Foundation

/// A session of PostgreSQL that runs some statements and then stays, as an application's does.
public final class HeldSession {
  private let child: ChildProcess
  private let input: FileDescriptor?

  /// - Parameters:
  ///   - sql: Run before this returns; a transaction that it begins stays open.
  ///   - application: What the session calls itself.
  public init(
    _ server: PostgreSQLServer, _ database: String, _ sql: String, application: String = "held",
    username: String? = nil, password: String? = nil
  ) throws {
    let environment = ProcessEnvironment([
      "PATH": "/usr/bin:/bin", "PGPASSWORD": password ?? server.password, "PGAPPNAME": application,
    ])
    var command = ChildCommand(
      "psql",
      [
        "-X", "-q", "-A", "-t", "-h", server.hostname, "-p", String(server.port), "-U", username ?? server.username,
        "-d", PostgreSQLServer.connectionString(database), "-f", "-",
      ], environment: environment)
    command.input = .pipe
    command.output = .pipe
    child = try SystemProcessLauncher().launch(command)
    input = child.takeInput()
    try Array("\(sql);\n\\echo held\n".utf8).withUnsafeBytes { try input?.writeAll($0, subject: "psql") }
    guard let output = child.takeOutput() else { preconditionFailure("output was asked for as a pipe") }
    var said = ""
    var byte: [UInt8] = [0]
    while !said.hasSuffix("held\n") {
      let count = try byte.withUnsafeMutableBytes { try output.read(into: $0, subject: "psql") }
      guard count == 1 else { throw PostgreSQLServer.SQLFailed(description: "the session has ended") }
      said += String(decoding: byte, as: UTF8.self)
    }
  }

  public func end() {
    child.terminate()
  }
}
