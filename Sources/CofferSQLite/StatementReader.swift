import CSQLite
import CofferSystem
import Glibc

/// Cuts a dump into statements, by SQLite's own reading of them.
struct StatementReader {
  private let source: any ByteSource
  /// What is not taken yet stands from `start` to `end`; a NUL follows it.
  private var buffer = [UInt8](repeating: 0, count: portion + 1)
  private var start = 0
  private var end = 0
  private var hasEnded = false
  private var count = 0

  private static let portion = 1 << 20
  /// A statement's longest length (SQLITE_MAX_SQL_LENGTH).
  private static let longestStatement = 1_000_000_000
  /// Beyond this, an error that does not come of the text's end is taken to be one.
  private static let doubt = 64 << 20

  init(_ source: any ByteSource) {
    self.source = source
  }

  private var rest: Int { end - start }

  /// Whether the input begins so; takes nothing.
  mutating func begins(with bytes: [UInt8]) throws -> Bool {
    if rest < bytes.count, !hasEnded { try fill() }
    return rest >= bytes.count && buffer[start...].starts(with: bytes)
  }

  /// Some bytes as they come; nil at the end.
  mutating func nextPiece() throws -> [UInt8]? {
    if rest == 0, !hasEnded { try fill() }
    guard rest > 0 else { return nil }
    let piece = Array(buffer[start..<end])
    start = end
    return piece
  }

  /// The next statement; nil at the end.
  ///
  /// - Throws: `SQLiteFailure`; what the source throws.
  mutating func next(_ connection: SQLiteConnection, _ guardian: StatementGuard) throws -> SQLiteStatement? {
    if count == 0 { try refuseNUL(from: start) }
    while true {
      if rest > 0 {
        do throws(SQLiteFailure) {
          let (statement, taken) = try prepare(connection)
          // Text that ends here could go on: only what something follows is certainly whole.
          if taken < rest || hasEnded {
            start += min(taken, rest)
            if let statement {
              count += 1
              return statement
            }
            if rest > 0 { continue }
          }
        } catch {
          guard !hasEnded && isInDoubt(error) else {
            let reason = guardian.refusal.map { ": \($0)" } ?? ""
            throw SQLiteFailure(code: error.code, "statement \(count + 1) of the dump: \(error)\(reason)")
          }
        }
      }
      if hasEnded { return nil }
      try fill()
      try refuseNUL(from: start)
    }
  }

  private func prepare(_ connection: SQLiteConnection) throws(SQLiteFailure) -> (SQLiteStatement?, Int) {
    let result = buffer.withUnsafeBufferPointer { all in
      // With the NUL, without which SQLite would copy the whole rest for each statement.
      Result { () throws(SQLiteFailure) in
        try connection.prepareFirst(UnsafeBufferPointer(rebasing: all[start...end]))
      }
    }
    return try result.get()
  }

  /// Whether an error can come of a statement's being cut by the end of what was read.
  private func isInDoubt(_ failure: SQLiteFailure) -> Bool {
    guard failure.code == SQLITE_ERROR, rest < Self.longestStatement else { return false }
    let isCut = failure.description.holds("incomplete input") || failure.description.holds("unrecognized token")
    return isCut || rest < Self.doubt
  }

  /// Reads on, at least as much again as there is, so that a long statement is not tried too often.
  private mutating func fill() throws {
    let length = rest
    if start > 0 {
      let from = start
      buffer.withUnsafeMutableBytes { _ = $0.baseAddress.map { memmove($0, $0 + from, length) } }
      (start, end) = (0, length)
    }
    let wanted = max(Self.portion, 2 * length)
    if buffer.count <= wanted {
      var larger = [UInt8](repeating: 0, count: wanted + 1)
      let old = buffer
      larger.withUnsafeMutableBytes { $0.copyBytes(from: old[..<length]) }
      buffer = larger
    }
    while end < wanted {
      let from = end
      let number = try buffer.withUnsafeMutableBytes {
        try source.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[from..<wanted]))
      }
      hasEnded = number == 0
      if hasEnded { break }
      end += number
    }
    buffer[end] = 0
  }

  private func refuseNUL(from position: Int) throws(SQLiteFailure) {
    let length = buffer.withUnsafeBytes { all in
      all.baseAddress.map { strnlen(($0 + position).assumingMemoryBound(to: CChar.self), end - position) }
    }
    if length != end - position { throw SQLiteFailure(code: SQLITE_FORMAT, "the dump is not SQL: it holds a NUL") }
  }
}

/// Decides what a dump's statements may do: anything to the database that they build, nothing else.
final class StatementGuard {
  private var authorizer: Authorizer?
  /// Whether the dump asked for a write-ahead log, which waits until the file has its name.
  private(set) var wantsWriteAheadLog = false
  /// The table that the last statement which was read adds rows to.
  var insertion: String?
  /// What was refused last.
  private(set) var refusal: String?

  private static let settings: Set<String> = [
    "page_size", "encoding", "auto_vacuum", "foreign_keys", "ignore_check_constraints", "writable_schema",
    "user_version", "application_id",
  ]

  init(_ connection: SQLiteConnection) {
    authorizer = Authorizer(connection) { [unowned self] in answer($0, $1, $2) }
  }

  private func answer(_ action: Int32, _ first: String, _ second: String) -> Int32 {
    switch action {
    case SQLITE_INSERT:
      insertion = first
      return SQLITE_OK
    case SQLITE_ATTACH, SQLITE_DETACH: return refuse("other databases are not for it")
    case SQLITE_FUNCTION:
      return Authorizer.isLoader(second) ? refuse("the function \(second) is not for it") : SQLITE_OK
    case SQLITE_PRAGMA:
      let name = first.asciiLowercased
      if Self.settings.contains(name) { return SQLITE_OK }
      guard name == "journal_mode" else { return refuse("the setting \(name) is not for it") }
      wantsWriteAheadLog = second.asciiLowercased == "wal"
      return SQLITE_IGNORE
    default: return SQLITE_OK
    }
  }

  private func refuse(_ reason: String) -> Int32 {
    refusal = reason
    return SQLITE_DENY
  }
}
