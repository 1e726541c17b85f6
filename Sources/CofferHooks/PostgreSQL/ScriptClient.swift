import CofferSystem
import Foundation

/// psql with a script on its input, which it runs in one transaction.
///
/// The transaction is begun and committed by us rather than by `--single-transaction`: that one commits at the end of
/// the input, and the end also comes when this program is killed in the middle, or when a wrapper does not pass the
/// input on. For the same reason psql must confirm that it got to the end.
final class ScriptClient {
  private let client: ClientInput
  /// What is not sent yet: scripts come in single lines too, and a system call for each would be slow.
  private var buffer = Array("BEGIN;\n".utf8)

  private static let bufferSize = 1 << 16
  private static let confirmation = "coffer-committed"

  init(
    database: String, options: [String] = [], connection: PostgreSQLConnection, of identity: DumpIdentity,
    context: HookContext
  ) throws {
    let arguments = [
      "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--output", "/dev/null", "--dbname",
      PostgreSQLText.connectionString(database),
    ]
    client = try ClientInput(
      connection.command(.psql, arguments + options, context: context), of: identity,
      confirmation: Self.confirmation, context: context)
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    if buffer.count + bytes.count > Self.bufferSize { try flush() }
    if bytes.count > Self.bufferSize {
      try client.write(bytes)
    } else {
      buffer.append(contentsOf: bytes)
    }
  }

  /// Commits and waits for the program.
  ///
  /// - Throws: `RestoreError`; `RunCancelled`.
  func finish() throws {
    buffer.append(contentsOf: "\nCOMMIT;\n\\echo \(Self.confirmation)\n".utf8)
    try flush()
    try client.finish()
  }

  func abandon() {
    client.abandon()
  }

  /// Runs statements in one transaction.
  ///
  /// - Throws: `RestoreError`; `RunCancelled`.
  static func run(
    _ statements: [String], in database: String, options: [String] = [], connection: PostgreSQLConnection,
    of identity: DumpIdentity, context: HookContext
  ) throws {
    let client = try ScriptClient(
      database: database, options: options, connection: connection, of: identity, context: context)
    try Array(statements.joined(separator: "\n").utf8).withUnsafeBytes { try client.write($0) }
    try client.finish()
  }

  private func flush() throws {
    try buffer.withUnsafeBytes { try client.write($0) }
    buffer.removeAll(keepingCapacity: true)
  }
}

extension PostgreSQLConnection {
  /// Runs statements each by itself: one that fails does not keep the others from working.
  ///
  /// - Returns: What failed, in the server's words.
  func runEach(_ statements: [String], database: String, context: HookContext) -> [String] {
    guard !statements.isEmpty else { return [] }
    let end = "coffer-done"
    let arguments = ["--no-psqlrc", "--quiet", "--dbname", PostgreSQLText.connectionString(database)]
    let text = statements.map { $0 + ";\n" }.joined() + "\\echo \(end)\n"
    let result = try? context.launcher.run(
      command(.psql, arguments, context: context), input: Array(text.utf8), cancellation: context.cancellation)
    guard let result, result.text.hasSuffix(end + "\n") else { return [result?.errorLines.last ?? "psql failed"] }
    return result.errorLines.compactMap { line in
      line.range(of: "ERROR:").map { line[$0.upperBound...].trimmingCharacters(in: .whitespaces) }
    }
  }
}
