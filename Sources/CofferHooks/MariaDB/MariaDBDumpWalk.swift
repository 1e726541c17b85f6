import CofferSystem
import Glibc

/// Goes through a dump of MariaDB's programs while it is made, statement by statement.
///
/// Rows are by far the most of a dump, and are passed over line by line: the dump programs write line breaks within a value as `\n`, so
/// that a line of rows which ends in a semicolon is the statement's last.
final class MariaDBDumpWalk {
  enum Piece {
    case statement(MariaDBStatement)
    /// The end of an INSERT, with its beginning, and how many rows it had; nil where there may be several on a line.
    case rows(head: [UInt8], count: UInt64?)
  }

  /// Where the statement begins that is being read.
  private(set) var statementStart: UInt64 = 0
  /// Bytes that went by.
  private(set) var position: UInt64 = 0
  private var splitter = StatementSplitter()
  private var isReadable = true
  /// The beginning of the INSERT that goes by.
  private var head: [UInt8] = []
  private var isInRows = false
  /// Whether its first line has ended before its rows, and how many lines came behind it.
  private var lines: UInt64?
  private var isFirstLine = false
  /// The beginning of the line that goes by, as far as it is not rows.
  private var line: [UInt8] = []
  /// Of the line.
  private var start: UInt64 = 0
  private var lastByte: UInt8 = 0

  /// Of a definition.
  private static let lineLimit = 1 << 26
  private static let beginnings = ["INSERT ", "REPLACE "].map { Array($0.utf8) }
  private static let values = Array(" VALUES\n".utf8)

  /// Whether all that came is whole, and the dump is.
  var isAtEnd: Bool {
    isReadable && !isInRows && line.isEmpty && splitter.isBetweenStatements && splitter.isComplete
  }

  /// Takes the next bytes and gives out what is complete.
  func take(_ bytes: UnsafeRawBufferPointer, _ found: (Piece) -> Void) {
    var rest = bytes
    while isReadable, let base = rest.baseAddress, !rest.isEmpty {
      let end = memchr(base, Int32(UInt8(ascii: "\n")), rest.count)
      let count = end.map { $0 - UnsafeMutableRawPointer(mutating: base) + 1 } ?? rest.count
      take(UnsafeRawBufferPointer(rebasing: rest[..<count]), isLast: end != nil, found)
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
  }

  /// - Parameter isLast: Whether the line ends with it.
  private func take(_ piece: UnsafeRawBufferPointer, isLast: Bool, _ found: (Piece) -> Void) {
    position += UInt64(piece.count)
    let ending = piece.count > 1 ? piece[piece.count - 2] : lastByte
    lastByte = piece.last ?? lastByte
    if isInRows {
      if isFirstLine { head += piece.prefix(MariaDBStreamCensus.headLimit - head.count) }
    } else {
      line += piece
      if splitter.isBetweenStatements, Self.beginnings.contains(where: { line.starts(with: $0) }) { beginRows() }
    }
    if isInRows {
      if isLast { endLine(ending, found) }
    } else if isLast {
      readLine(found)
    } else if line.count > Self.lineLimit {
      isReadable = false
    }
    if isLast { start = position }
  }

  private func beginRows() {
    isInRows = true
    isFirstLine = true
    head = Array(line.prefix(MariaDBStreamCensus.headLimit))
    line = []
  }

  /// - Parameter ending: The byte before the line's end.
  private func endLine(_ ending: UInt8, _ found: (Piece) -> Void) {
    if isFirstLine {
      isFirstLine = false
      // One that is cut off here has more before its rows than names.
      lines = head.suffix(Self.values.count).elementsEqual(Self.values) ? 0 : nil
    } else {
      lines = lines.map { $0 + 1 }
    }
    guard ending == UInt8(ascii: ";") else { return }
    isInRows = false
    endRows(lines, found)
  }

  private func endRows(_ count: UInt64?, _ found: (Piece) -> Void) {
    found(.rows(head: head, count: count))
    head = []
  }

  private func readLine(_ found: (Piece) -> Void) {
    let text = line
    line = []
    if splitter.isBetweenStatements { statementStart = start }
    do {
      try text.withUnsafeBytes { bytes in
        try splitter.feed(bytes) { piece in
          switch piece {
          case .statement(let statement): found(.statement(statement))
          // Those whose statement was not seen to begin with its line.
          case .rows(let rows, _): head += rows.prefix(MariaDBStreamCensus.headLimit - head.count)
          case .endOfRows(let count): endRows(count, found)
          }
        }
      }
    } catch {
      isReadable = false
    }
  }
}
