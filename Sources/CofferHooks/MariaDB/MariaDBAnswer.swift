import CofferSystem

/// What a query gave.
struct MariaDBAnswer {
  let status: ExitStatus
  let errorLines: [String]
  /// Fields of rows; NULL is the text `NULL`.
  let rows: [[String]]

  /// An answer that is not what was asked for: a client that prints something else among the rows, or a server that lies.
  struct Odd: Error, Equatable {}

  init(_ result: CommandResult) {
    status = result.status
    errorLines = result.errorLines
    rows = result.output.split(separator: UInt8(ascii: "\n")).map { line in
      line.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false).map { Self.unescaped($0) }
    }
  }

  /// - Throws: `Odd` when a row has another number of fields.
  func rows(of fields: Int) throws(Odd) -> [[String]] {
    guard rows.allSatisfy({ $0.count == fields }) else { throw Odd() }
    return rows
  }

  /// In batch mode the client writes what would end a field or a row with a backslash.
  private static func unescaped(_ field: ArraySlice<UInt8>) -> String {
    guard field.contains(UInt8(ascii: "\\")) else { return String(decoding: field, as: UTF8.self) }
    var text: [UInt8] = []
    var rest = field
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\"), let escaped = rest.popFirst() else {
        text.append(byte)
        continue
      }
      switch escaped {
      case UInt8(ascii: "n"): text.append(UInt8(ascii: "\n"))
      case UInt8(ascii: "t"): text.append(UInt8(ascii: "\t"))
      case UInt8(ascii: "0"): text.append(0)
      default: text.append(escaped)
      }
    }
    return String(decoding: text, as: UTF8.self)
  }
}
