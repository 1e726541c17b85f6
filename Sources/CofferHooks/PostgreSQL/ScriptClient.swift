import CofferSystem
import Glibc

/// psql with a script on its input, which it runs in one transaction.
///
/// The transaction is begun and committed by us rather than by `--single-transaction`: that one commits at the end of
/// the input, and the end also comes when this program is killed in the middle, or when a wrapper does not pass the
/// input on. For the same reason psql must confirm that it got to the end.
final class ScriptClient {
  private let client: ClientInput
  private var script: RestrictedScript
  /// What is not sent yet: scripts come in single lines too, and a system call for each would be slow.
  private var buffer: [UInt8]
  private let confirmation: String
  private let isInTransaction: Bool

  private static let bufferSize = 1 << 16

  init(
    database: String, options: [String] = [], inTransaction: Bool = true, connection: PostgreSQLConnection,
    of identity: DumpIdentity, watch: (() -> Void)? = nil, context: HookContext
  ) throws {
    isInTransaction = inTransaction
    script = try RestrictedScript(for: connection, of: identity, context: context)
    // The script could guess a fixed one.
    confirmation = "coffer-committed-\(script.key)"
    let session = PostgreSQLSession(database, connection, context)
    client = try ClientInput(
      session.scriptCommand(options: options), of: identity, confirmation: confirmation, watch: watch, context: context)
    buffer = session.opening + "\(inTransaction ? "BEGIN;\n" : "")\(script.beginning)".utf8
  }

  var identity: DumpIdentity { client.identity }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    try script.feed(bytes) { try send($0) }
  }

  /// Commits and waits for the program.
  ///
  /// - Throws: `RestoreError`; `RunCancelled`.
  func finish() throws {
    try script.finish { try send($0) }
    buffer.append(contentsOf: "\n\(script.end)\(isInTransaction ? "COMMIT;\n" : "")\\echo \(confirmation)\n".utf8)
    try flush()
    try client.finish()
  }

  func abandon() {
    client.abandon()
  }

  /// Runs statements in one transaction.
  ///
  /// - Parameter statements: With their semicolons.
  /// - Throws: `RestoreError`; `RunCancelled`.
  static func run(
    _ statements: [ServerText], in database: String, options: [String] = [], connection: PostgreSQLConnection,
    of identity: DumpIdentity, context: HookContext
  ) throws {
    let client = try ScriptClient(
      database: database, options: options, connection: connection, of: identity, context: context)
    for statement in statements {
      try (statement.bytes + "\n".utf8).withUnsafeBytes { try client.write($0) }
    }
    try client.finish()
  }

  private func send(_ bytes: UnsafeRawBufferPointer) throws {
    if buffer.count + bytes.count > Self.bufferSize { try flush() }
    if bytes.count > Self.bufferSize {
      try client.write(bytes)
    } else {
      buffer.append(contentsOf: bytes)
    }
  }

  private func flush() throws {
    try buffer.withUnsafeBytes { try client.write($0) }
    buffer.removeAll(keepingCapacity: true)
  }
}
