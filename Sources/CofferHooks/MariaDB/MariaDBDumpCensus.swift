import CofferSystem

/// Counts what a dump holds while it is made, by what the walk through it sees.
///
/// It is to be shown. What a restore has to bring back is counted from the dump itself, row by row (`MariaDBStreamCensus`).
final class MariaDBDumpCensus: ContentSource {
  private var counts = MariaDBCounts()
  /// Whether what went by was read to its end.
  var isWhole = false

  /// Nobody waits for it, and it keeps no dump from being made.
  let isCounting = false

  func close() {}

  func take(_ piece: MariaDBDumpWalk.Piece) {
    switch piece {
    case .statement(let statement): counts.take(statement)
    case .rows(let head, let count): counts.add(rows: count, to: head, LexicalMode())
    }
  }

  func content() -> DumpContent? {
    guard isWhole, counts.isReadable else { return nil }
    var content = counts.content
    let missing = content.tables.count { $0.rows == nil }
    if missing > 0 {
      content.remark =
        "the rows of \(missing) of \(content.tables.count) tables were not counted: the dump program writes several on a line"
    }
    return content
  }
}
