/// Lets a dump run with the search path of its session rather than with an empty one.
///
/// pg_dump names everything with its schema, and has its script empty the search path first. Functions that look things up
/// by bare names, as they could in the database in use, then fail when something that is restored calls them: a
/// materialized view, an index, a generated column, a check, a trigger's condition. The statement is replaced by one of the
/// same length, so that nothing else of the dump moves.
enum SearchPathPatch {
  /// How many bytes at a dump's beginning surely hold the statement; in archives it is one of the first three entries.
  static let headSize = 1 << 16

  /// The statement that empties it.
  static let empty = Array("SELECT pg_catalog.set_config('search_path', '', false);\n".utf8)
  private static let sessions: [UInt8] = {
    let statement = Array("SET search_path TO DEFAULT;".utf8)
    let spaces = [UInt8](repeating: UInt8(ascii: " "), count: empty.count - statement.count - 1)
    return statement + spaces + [UInt8(ascii: "\n")]
  }()

  /// Replaces the statement in the table of contents of an archive, where a text follows its length: a sign and four
  /// bytes (pg_backup_archiver.c, WriteStr). No name in it can look like that.
  ///
  /// - Returns: Whether it was found.
  static func apply(toArchive head: inout [UInt8]) -> Bool {
    let length: [UInt8] = [0, UInt8(empty.count), 0, 0, 0]
    // A folder of files may have been through a restore before.
    return replace(length + empty, by: length + sessions, in: &head)
      || replace(length + sessions, by: length + sessions, in: &head)
  }

  /// Replaces it in the preamble of a script.
  ///
  /// - Returns: Whether it was found.
  static func apply(toScript head: inout [UInt8]) -> Bool {
    replace([UInt8(ascii: "\n")] + empty, by: [UInt8(ascii: "\n")] + sessions, in: &head)
  }

  private static func replace(_ text: [UInt8], by other: [UInt8], in bytes: inout [UInt8]) -> Bool {
    guard bytes.count >= text.count else { return false }
    for start in 0...(bytes.count - text.count) where bytes[start...].starts(with: text) {
      bytes.replaceSubrange(start..<start + text.count, with: other)
      return true
    }
    return false
  }
}

/// Bytes on their way whose beginning is changed.
struct PatchedHead {
  private let patch: (inout [UInt8]) -> Bool
  private var head: [UInt8] = []
  private var isThrough = false

  init(_ patch: @escaping (inout [UInt8]) -> Bool) {
    self.patch = patch
  }

  mutating func feed(
    _ bytes: UnsafeRawBufferPointer, _ emit: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    guard !isThrough else { return try emit(bytes) }
    head += bytes
    if head.count >= SearchPathPatch.headSize { try finish(emit) }
  }

  mutating func finish(_ emit: (UnsafeRawBufferPointer) throws -> Void) throws {
    guard !isThrough else { return }
    isThrough = true
    _ = patch(&head)
    try head.withUnsafeBytes { try emit($0) }
    head = []
  }
}
