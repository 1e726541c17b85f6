import CofferSystem

/// A plain dump on its way into a database that holds nothing yet: the statements that would make room are left out.
///
/// pg_dump writes them for a database that holds what the dump holds. Most do no harm elsewhere, but some fail where the
/// schemas are missing (a view that is part of a circle is replaced by an empty one rather than dropped).
///
/// What is left out is whole statements: a name may hold a line break and behind it what looks like a line that is kept.
struct PlainScript {
  private let lines = LineSplitter()
  private var scanner = ScriptScanner()
  private var isInPreamble = true
  /// Whether the statement that is being read is run.
  private var isRun = true
  private var hasLeftOut = false

  /// Whether statements were left out, and nothing that pg_dump announces has come: what they were cannot be told.
  var isUnannounced: Bool { isInPreamble && hasLeftOut }

  /// What a preamble needs: settings, psql's own commands, comments.
  private static let kept = ["SET ", "SELECT pg_catalog.set_config(", "\\", "--"]
  /// How pg_dump announces the first object.
  private static let headers = ["-- Name: ", "-- Data for Name: ", "-- TOC entry "]

  /// Takes the next bytes and gives out those to run.
  mutating func feed(_ bytes: UnsafeRawBufferPointer, _ emit: (UnsafeRawBufferPointer) throws -> Void) throws {
    guard isInPreamble else { return try emit(bytes) }
    try lines.feed(bytes) { try take($0, emit) }
    if !isInPreamble { try lines.finish(emit) }
  }

  mutating func finish(_ emit: (UnsafeRawBufferPointer) throws -> Void) throws {
    try lines.finish { try take($0, emit) }
  }

  private mutating func take(_ line: UnsafeRawBufferPointer, _ emit: (UnsafeRawBufferPointer) throws -> Void) throws {
    guard isInPreamble else { return try emit(line) }
    if scanner.isBetweenStatements {
      if Self.headers.contains(where: { line.starts(with: $0.utf8) }) {
        isInPreamble = false
        return try emit(line)
      }
      isRun = Self.kept.contains { line.starts(with: $0.utf8) }
    }
    scanner.take(line)
    if isRun { try emit(line) } else if !line.allSatisfy(\.isBlank) { hasLeftOut = true }
  }

  /// - Throws: `RestoreError.refused` for a script of which nothing can be told.
  func check(_ identity: DumpIdentity) throws {
    guard isUnannounced else { return }
    throw RestoreError.refused(
      identity,
      problem: "nothing in the script is announced as pg_dump does it, so what makes room cannot be told from the "
        + "content",
      suggestion: "Look at it with 'coffer extract'")
  }
}
