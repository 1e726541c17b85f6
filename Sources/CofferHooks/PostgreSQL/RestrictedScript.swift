import CofferSystem

/// A script of others on its way to psql, in which none of psql's own commands does anything.
///
/// What a dump holds comes from a server, and `\!` in it would be a command for this machine. psql obeys nothing but SQL
/// between `\restrict` and `\unrestrict` with the same key, so the script is put between those of ours; its own, whose
/// keys are known to whoever wrote it, are left out. A psql that is too old for that gets no script with commands in it.
struct RestrictedScript {
  /// Of 32 hexadecimal digits.
  let key: String
  private let isRestricted: Bool
  private let identity: DumpIdentity
  private let lines = LineSplitter()
  private var scanner = ScriptScanner()

  /// - Throws: `LaunchError`; `CommandTimedOut`; `RunCancelled`.
  init(for connection: PostgreSQLConnection, of identity: DumpIdentity, context: HookContext) throws {
    let answer = try context.versions.answer(to: connection.versionCommand(.psql, context: context), context)
    // One that does not tell its version refuses the command if it does not know it.
    self.init(isRestricted: PostgreSQLVersion.psqlRestricts(answer.text) ?? true, of: identity)
  }

  /// - Parameter isRestricted: Whether psql knows `\restrict`.
  init(isRestricted: Bool, of identity: DumpIdentity) {
    self.isRestricted = isRestricted
    self.identity = identity
    key = Self.makeKey()
  }

  static func makeKey() -> String {
    (0..<2).map { _ in
      let digits = String(UInt64.random(in: 0 ... .max), radix: 16)
      return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }.joined()
  }

  /// What psql is told before the script.
  var beginning: String { isRestricted ? "\\restrict \(key)\n" : "" }

  /// What psql is told after it.
  var end: String { isRestricted ? "\\unrestrict \(key)\n" : "" }

  /// Takes the next bytes and gives out those to run.
  ///
  /// - Throws: `RestoreError.refused`.
  mutating func feed(_ bytes: UnsafeRawBufferPointer, _ emit: (UnsafeRawBufferPointer) throws -> Void) throws {
    try lines.feed(bytes) { try take($0, emit) }
  }

  mutating func finish(_ emit: (UnsafeRawBufferPointer) throws -> Void) throws {
    try lines.finish { try take($0, emit) }
  }

  private mutating func take(_ line: UnsafeRawBufferPointer, _ emit: (UnsafeRawBufferPointer) throws -> Void) throws {
    if scanner.isBetweenStatements, Self.isRestriction(line) { return }
    scanner.take(line)
    if scanner.finding == .zeroByte { throw Self.refusalOfZeroByte(identity) }
    if !isRestricted, let finding = scanner.finding { throw refusal(finding) }
    try emit(line)
  }

  /// Whether a line at the beginning of a statement is one that pg_dump guards its script with.
  static func isRestriction(_ line: UnsafeRawBufferPointer) -> Bool {
    line.starts(with: "\\restrict ".utf8) || line.starts(with: "\\unrestrict ".utf8)
  }

  static func refusalOfZeroByte(_ identity: DumpIdentity) -> RestoreError {
    .refused(
      identity, problem: "the script holds a zero byte, which none that pg_dump wrote does, and psql would misread it",
      suggestion: "Look at it with 'coffer extract'")
  }

  private func refusal(_ finding: ScriptScanner.Finding) -> RestoreError {
    .refused(
      identity,
      problem:
        "the script holds what \(finding == .metaCommand ? "is" : "could hide") a command for psql itself, which "
        + "could run programs here, and this psql cannot be kept from that",
      suggestion:
        "Install a psql that knows \\restrict (13.22, 14.19, 15.14, 16.10, 17.6 and newer), or set psql_command")
  }
}
