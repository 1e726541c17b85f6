import CofferSystem

/// A restore that is a client program's work and nothing more.
final class ClientRestore: RunningRestore {
  private let client: ClientInput
  private let passesWarnings: Bool
  private let saying: (() throws -> Void) throws -> Void

  /// - Parameters:
  ///   - passesWarnings: Whether what the client says on standard error is told.
  ///   - saying: Calls what it is given, and says of its failure what the system it is for can say.
  init(
    _ client: ClientInput, passesWarnings: Bool = false,
    saying: @escaping (() throws -> Void) throws -> Void = { try $0() }
  ) {
    self.client = client
    self.passesWarnings = passesWarnings
    self.saying = saying
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    try saying { try client.write(bytes) }
  }

  func finish() throws -> [String] {
    try saying { try client.finish() }
    guard passesWarnings else { return [] }
    return ClientFailure.warnings(client.child.lastErrorLines).map { $0.after(beginning: "warning: ") ?? $0 }
  }

  func abandon() { client.abandon() }
}
