import CofferSystem

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
      PostgreSQLConnection.connectionString(database),
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

  private func flush() throws {
    try buffer.withUnsafeBytes { try client.write($0) }
    buffer.removeAll(keepingCapacity: true)
  }
}
