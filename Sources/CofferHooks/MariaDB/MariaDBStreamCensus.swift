import CofferSystem

/// Counts what a dump holds while it is restored: each row as the server reads it.
///
/// What cannot be told apart is not counted: the restore then says better what is wrong with it.
final class MariaDBStreamCensus: ByteSink {
  private var splitter = StatementSplitter()
  private var isReadable = true
  /// The beginning of the INSERT that goes by.
  private var head: [UInt8] = []
  private var mode = LexicalMode()
  private var counts = MariaDBCounts()

  /// Names are at most 64 characters long.
  static let headLimit = 1024

  func write(_ bytes: UnsafeRawBufferPointer) {
    guard isReadable else { return }
    do {
      try splitter.feed(bytes) { piece in take(piece) }
    } catch {
      isReadable = false
    }
  }

  private func take(_ piece: StatementSplitter.Piece) {
    switch piece {
    case .rows(let text, let mode):
      self.mode = mode
      head.append(contentsOf: text.prefix(Self.headLimit - min(head.count, Self.headLimit)))
    case .endOfRows(let count):
      counts.add(rows: count, to: head, mode)
      head = []
    case .statement(let statement): counts.take(statement)
    }
  }

  /// A table, as both sides of a comparison name it.
  static func shown(_ database: String, _ name: String) -> String {
    Quoting.mariadbIdentifier(database) + "." + Quoting.mariadbIdentifier(name)
  }

  /// nil when the dump could not be read.
  var content: DumpContent? { isReadable && counts.isReadable ? counts.content : nil }
}
