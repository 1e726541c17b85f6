import CofferSystem
import Glibc

/// A session that holds a lock for as long as a restore is on its way, so that no other run takes its databases for left
/// behind. It ends with this program, however that ends, because its input does.
final class RestoreKeeper {
  private let child: ChildProcess
  private let input: FileDescriptor?

  private static let sign = "coffer-holds"
  private static let patience: Double = 20

  /// - Returns: nil where psql cannot be kept waiting for input, as when it is run elsewhere without one; the sessions
  ///   that fill the database then have to speak for it.
  init?(_ token: RestoreToken, in database: String, _ connection: PostgreSQLConnection, _ context: HookContext) {
    var command = PostgreSQLSession(database, connection, context).command([
      .statement("SELECT pg_catalog.pg_advisory_lock(\(token.lock))"), .end, .sign(Self.sign), .input,
    ])
    command.input = .pipe
    command.output = .pipe
    guard let child = try? context.launcher.launch(command) else { return nil }
    self.child = child
    input = child.takeInput()
    guard let output = child.takeOutput(), Self.awaitSign(output, context) else {
      child.terminate()
      return nil
    }
  }

  deinit {
    release()
  }

  func release() {
    child.terminate()
  }

  private static func awaitSign(_ output: borrowing FileDescriptor, _ context: HookContext) -> Bool {
    let reader = PolledReader(output.number, cancellation: context.cancellation)
    let deadline = context.clock.steadySeconds() + patience
    var said: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1024)
    while said.count < piece.count * 4 {
      let left = deadline - context.clock.steadySeconds()
      let outcome = try? piece.withUnsafeMutableBytes { try reader.read(into: $0, seconds: left, subject: "psql") }
      guard case .bytes(let count)? = outcome else { return false }
      said += piece[..<count]
      if said.ends(with: Array((sign + "\n").utf8)) { return true }
    }
    return false
  }
}

extension [UInt8] {
  fileprivate func ends(with end: [UInt8]) -> Bool { suffix(end.count).elementsEqual(end) }
}
