import CofferSystem
import Glibc

/// Cuts what the dump programs write into statements while it streams by, as the server that wrote it reads it: with
/// regard to quotes, comments, the session's modes and character set, and DELIMITER lines.
///
/// Rows are by far the most of a dump and may be long; they are passed on in pieces, and only what the dump programs
/// write of rows is. Any other statement is gathered.
struct StatementSplitter {
  enum Piece {
    /// A statement without its delimiter.
    case statement(MariaDBStatement)
    /// A part of an INSERT, and how it is to be read.
    case rows(UnsafeRawBufferPointer, LexicalMode)
    /// The end of an INSERT, and how many rows it had.
    case endOfRows(UInt64)
  }

  /// Text that no dump program writes, or that a client and a server would read differently.
  struct Unreadable: Error, Equatable {
    let problem: String
  }

  private enum State {
    /// Before a statement.
    case between
    case comment
    case blockComment
    /// In a statement, and there in quotes or in a comment.
    case plain
    case quoted(UInt8)
    case lineComment
    case innerComment
  }

  /// How the last line of a whole dump begins.
  static let endMark = "-- Dump completed"

  /// Whether the last line that came is the end mark.
  private(set) var isComplete = false

  /// How the line begins in which dump programs write, as it is, what a broken view is made by; behind an empty one, which a name in
  /// another comment cannot bring about.
  private static let failedView = "-- failed on view "

  /// Whether such a line has come.
  private(set) var holdsFailedView = false

  /// Whether all that came is whole statements and comments.
  var isBetweenStatements: Bool { if case .between = state { carry.isEmpty } else { false } }

  private var state = State.between
  private var delimiter = Array(";".utf8)
  private var settings = SessionSettings()
  /// Whether the line before is a comment.
  private var isBehindComment = false
  /// The beginning of the comment that is being read.
  private var comment: [UInt8] = []
  private var statement: [UInt8] = []
  private var rows: RowCheck?
  /// Bytes that cannot be understood without those that follow.
  private var carry: [UInt8] = []

  private var mode: LexicalMode { settings.mode }

  /// More than any sign that has to be looked at as a whole, but for DELIMITER lines.
  private static let lookahead = 16
  private static let commentLimit = 64

  /// Takes the next bytes and gives out what is complete.
  ///
  /// - Throws: `Unreadable`; what `emit` throws.
  mutating func feed(_ bytes: UnsafeRawBufferPointer, _ emit: (Piece) throws -> Void) throws {
    guard carry.isEmpty else {
      let joined = carry + bytes
      carry = []
      return try joined.withUnsafeBytes { try take($0, emit) }
    }
    try take(bytes, emit)
  }

  private mutating func take(_ bytes: UnsafeRawBufferPointer, _ emit: (Piece) throws -> Void) throws {
    var scan = Scan(bytes: bytes)
    while scan.position < bytes.count {
      guard try step(&scan, emit) else { break }
    }
    try flush(scan.position, &scan, emit)
    carry = Array(bytes[scan.position...])
  }

  /// Where a piece of input is read, and from where on a statement in it was not given out yet.
  private struct Scan {
    let bytes: UnsafeRawBufferPointer
    var position = 0
    var start = 0

    var rest: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[position...]) }

    /// Moves behind the next `byte`; to the end when there is none.
    mutating func skip(past byte: UInt8) -> Bool {
      guard let base = rest.baseAddress, let found = memchr(base, Int32(byte), rest.count) else {
        position = bytes.count
        return false
      }
      position += found - UnsafeMutableRawPointer(mutating: base) + 1
      return true
    }
  }

  /// Reads on by at least a byte.
  ///
  /// - Returns: false when more input is needed.
  private mutating func step(_ scan: inout Scan, _ emit: (Piece) throws -> Void) throws -> Bool {
    switch state {
    case .between: return try begin(&scan)
    case .comment:
      let start = scan.position
      let hasEnd = scan.skip(past: UInt8(ascii: "\n"))
      comment.append(contentsOf: scan.bytes[start..<scan.position].prefix(Self.commentLimit - comment.count))
      if hasEnd {
        isComplete = comment.starts(with: Self.endMark.utf8)
        holdsFailedView = holdsFailedView || !isBehindComment && comment.starts(with: Self.failedView.utf8)
        isBehindComment = true
        state = .between
      }
    case .lineComment: if scan.skip(past: UInt8(ascii: "\n")) { state = .plain }
    case .blockComment, .innerComment:
      guard scan.skip(past: UInt8(ascii: "*")) else { return true }
      guard scan.position < scan.bytes.count else {
        scan.position -= 1
        return false
      }
      if scan.bytes[scan.position] == UInt8(ascii: "/") {
        scan.position += 1
        if case .blockComment = state { state = .between } else { state = .plain }
      }
    case .quoted(let quote): return readQuoted(quote, &scan)
    case .plain: return try readPlain(&scan, emit)
    }
    return true
  }

  // MARK: - Between statements

  private mutating func begin(_ scan: inout Scan) throws -> Bool {
    let first = scan.bytes[scan.position]
    if first == UInt8(ascii: " ") || (9...13).contains(first) {
      if first == UInt8(ascii: "\n") { isBehindComment = false }
      scan.position += 1
      return true
    }
    let rest = scan.rest
    // Too short to tell what it is, unless it is the last line.
    guard rest.count >= Self.lookahead || rest.contains(UInt8(ascii: "\n")) else { return false }
    if rest.starts(with: "--".utf8) || first == UInt8(ascii: "#") {
      comment = []
      state = .comment
    } else if Self.isComment(rest) || rest.starts(with: "/*M!999999\\-".utf8) {
      // The second is how newer dumps tell the client to run no commands of its own; ours is told otherwise.
      scan.position += 2
      state = .blockComment
    } else if rest.starts(with: "DELIMITER ".utf8) {
      guard scan.skip(past: UInt8(ascii: "\n")) else {
        scan.position -= rest.count
        return false
      }
      let line = rest[..<(rest.count - scan.rest.count)]
      delimiter = line.dropFirst("DELIMITER ".utf8.count).filter { $0 > UInt8(ascii: " ") }
      guard !delimiter.isEmpty else { throw Unreadable(problem: "it sets an empty delimiter") }
    } else if rest.starts(with: delimiter) {
      scan.position += delimiter.count
    } else {
      isComplete = false
      let isRows = rest.starts(with: "INSERT ".utf8) || rest.starts(with: "REPLACE ".utf8)
      if isRows, !settings.isKnown { throw Self.unknownMode }
      rows = isRows ? RowCheck() : nil
      statement = []
      scan.start = scan.position
      state = .plain
    }
    return true
  }

  private static let unknownMode = Unreadable(
    problem: "it sets a mode or a character set to what cannot be told, and with it how it is to be read")

  /// Comments that are for the server are none.
  private static func isComment(_ rest: UnsafeRawBufferPointer) -> Bool {
    rest.starts(with: "/*".utf8) && !rest.starts(with: "/*!".utf8) && !rest.starts(with: "/*M!".utf8)
  }

  // MARK: - In a statement

  private mutating func readQuoted(_ quote: UInt8, _ scan: inout Scan) -> Bool {
    let isEscaping = mode.isEscaping(in: quote)
    let isWide = mode.charset != .none
    while scan.position < scan.bytes.count {
      let byte = scan.bytes[scan.position]
      if byte == quote {
        scan.position += 1
        state = .plain
        return true
      }
      if isWide, byte >= 0x80 {
        guard scan.bytes.count - scan.position >= 4 else { return false }
        scan.position += mode.charset.length(at: scan.position, of: scan.bytes)
        continue
      }
      if byte == UInt8(ascii: "\\") && isEscaping {
        guard scan.position + 1 < scan.bytes.count else { return false }
        scan.position += 1
      }
      scan.position += 1
    }
    return true
  }

  private mutating func readPlain(_ scan: inout Scan, _ emit: (Piece) throws -> Void) throws -> Bool {
    let first = delimiter.first ?? UInt8(ascii: ";")
    let isUTF8 = mode.isUTF8
    while scan.position < scan.bytes.count {
      let byte = scan.bytes[scan.position]
      switch byte {
      case first:
        guard scan.bytes.count - scan.position >= delimiter.count else { return false }
        if scan.rest.starts(with: delimiter) {
          try end(&scan, emit)
          return true
        }
      case UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: "`"):
        try rows?.take(quote: byte)
        scan.position += 1
        state = .quoted(byte)
        return true
      case UInt8(ascii: "#"):
        try rows?.refuseComment()
        state = .lineComment
        return true
      case UInt8(ascii: "-"), UInt8(ascii: "/"):
        guard scan.rest.count >= 4 else { return false }
        if try beginComment(&scan) { return true }
      case 0: throw Unreadable(problem: "a statement holds the byte 0")
      // A name of a function, or what to the server is a blank.
      case 0x80... where rows?.isInValues == true || rows != nil && !isUTF8:
        throw Unreadable(problem: "rows hold a sign beyond ASCII outside of quotes, which dump programs do not write")
      case 0x80... where mode.charset != .none:
        guard scan.rest.count >= 4 else { return false }
        scan.position += mode.charset.length(at: scan.position, of: scan.bytes)
        continue
      default: break
      }
      if rows != nil {
        guard let length = try rows?.take(scan.rest, isUTF8: isUTF8) else { return false }
        scan.position += length
      } else {
        scan.position += 1
      }
    }
    return true
  }

  /// - Returns: Whether a comment begins here.
  private mutating func beginComment(_ scan: inout Scan) throws -> Bool {
    let rest = scan.rest
    if rest.starts(with: "--".utf8) {
      // Other character sets have blanks and control characters of their own there.
      if rest[2] >= 0x80, !mode.isUTF8 { throw Unreadable(problem: "it cannot be told where a comment begins") }
      if SQLLexemes.endsDashes(rest[2]) {
        try rows?.refuseComment()
        state = .lineComment
        return true
      }
    }
    if Self.isComment(rest) {
      try rows?.refuseComment()
      scan.position += 2
      state = .innerComment
      return true
    }
    return false
  }

  private mutating func end(_ scan: inout Scan, _ emit: (Piece) throws -> Void) throws {
    try flush(scan.position, &scan, emit)
    scan.position += delimiter.count
    state = .between
    if let check = rows {
      rows = nil
      return try emit(.endOfRows(check.rowCount))
    }
    let isSameInAllModes = statement.allSatisfy { $0 < 0x80 && $0 != UInt8(ascii: "\\") && $0 != UInt8(ascii: "\"") }
    let complete = MariaDBStatement(unwrapping: statement, mode: mode)
    statement = []
    // It may be what makes the mode known again.
    guard settings.isKnown || (complete.kind == .setting && isSameInAllModes) else { throw Self.unknownMode }
    if complete.kind == .setting { settings.take(complete.lexemes) }
    try emit(.statement(complete))
  }

  private mutating func flush(_ end: Int, _ scan: inout Scan, _ emit: (Piece) throws -> Void) throws {
    defer { scan.start = end }
    switch state {
    case .between, .comment, .blockComment: return
    case .plain, .quoted, .lineComment, .innerComment: break
    }
    let slice = UnsafeRawBufferPointer(rebasing: scan.bytes[scan.start..<end])
    guard !slice.isEmpty else { return }
    if rows != nil { try emit(.rows(slice, mode)) } else { statement.append(contentsOf: slice) }
  }
}
