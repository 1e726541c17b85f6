import CofferSystem

/// The rows of an answer. A server may say anything: what is no such answer, as a whole, is none.
struct PostgreSQLAnswer {
  /// A field is nil where the server has none. Texts are as `text` asked for them, others as psql prints them.
  typealias Row = [ServerText?]

  let rows: [Row]

  /// What an answer may have at most.
  static let limit = 16 << 20

  private static let fieldSeparator: UInt8 = 0x1f
  private static let newline = UInt8(ascii: "\n")
  private static let mark = UInt8(ascii: "x")

  /// The expression that gives a text so that it comes whole, whatever it holds and whatever the encodings are.
  static func text(_ expression: PostgreSQLStatement) -> PostgreSQLStatement {
    """
    ('x' OPERATOR(pg_catalog.||) pg_catalog.encode(pg_catalog.textsend((\(expression))::pg_catalog.text), 'hex'))
    """
  }

  /// - Parameter columns: How many the question has.
  /// - Returns: nil for what is no answer to it.
  init?(_ result: CommandResult, columns: Int) {
    guard result.status.isSuccess else { return nil }
    self.init(result.output, columns: columns)
  }

  /// - Parameter output: What psql has printed.
  init?(_ output: [UInt8], columns: Int) {
    guard output.count < Self.limit else { return nil }
    var rows: [Row] = []
    var rest = output[...]
    while !rest.isEmpty {
      guard let end = rest.firstIndex(of: Self.newline) else { return nil }
      let fields = rest[..<end].split(  // of bytes
        separator: Self.fieldSeparator, omittingEmptySubsequences: false)
      guard fields.count == columns else { return nil }
      var row: Row = []
      for field in fields {
        guard let value = Self.field(field) else { return nil }
        row.append(value)
      }
      rows.append(row)
      rest = rest[(end + 1)...]
    }
    self.rows = rows
  }

  private static func field(_ bytes: ArraySlice<UInt8>) -> ServerText?? {
    if bytes.isEmpty { return .some(nil) }
    guard bytes.first == mark else { return .some(ServerText(Array(bytes))) }
    return ServerText(hex: bytes.dropFirst()).map { .some($0) }
  }
}
