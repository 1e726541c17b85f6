/// A plain dump on its way into a database that holds nothing yet: the statements that would make room are left out.
///
/// pg_dump writes them for a database that holds what the dump holds. Most do no harm elsewhere, but some fail where the
/// schemas are missing (a view that is part of a circle is replaced by an empty one rather than dropped).
struct PlainScript {
  private var lines = LineSplitter()
  private var isInPreamble = true

  /// What a preamble needs: settings, psql's own commands, comments.
  private static let kept = ["SET ", "SELECT pg_catalog.set_config(", "\\", "--"]
  /// How pg_dump announces the first object.
  private static let headers = ["-- Name: ", "-- Data for Name: ", "-- TOC entry "]

  /// Takes the next bytes and gives out those to run.
  mutating func feed(_ bytes: UnsafeRawBufferPointer, _ emit: (UnsafeRawBufferPointer) throws -> Void) throws {
    guard isInPreamble else { return try emit(bytes) }
    var isInPreamble = true
    try lines.feed(bytes) { line in
      if isInPreamble, Self.headers.contains(where: { line.starts(with: $0.utf8) }) { isInPreamble = false }
      guard isInPreamble else { return try emit(line) }
      if Self.kept.contains(where: { line.starts(with: $0.utf8) }) { try emit(line) }
    }
    self.isInPreamble = isInPreamble
    if !isInPreamble { try lines.finish(emit) }
  }

  mutating func finish(_ emit: (UnsafeRawBufferPointer) throws -> Void) throws {
    try lines.finish(emit)
  }
}
