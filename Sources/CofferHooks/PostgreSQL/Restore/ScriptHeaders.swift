import CofferSystem

/// How pg_dump announces what follows in a script: `-- Name: doc; Type: TABLE; Schema: public; Owner: app`, and
/// `-- Data for Name: ...`. No name in it has a line's end.
struct ScriptHeaders {
  struct Header: Equatable {
    let title: String
    let kind: LostEntry.Kind
    /// Whether it is of what is made of rows, or does something with those that come after it.
    let looksAtRows: Bool
  }

  /// Each with the number of the first part that it announces; only the last one may announce none.
  private var headers: [(first: Int, header: Header)] = []

  /// Whether what is announced last looks at rows.
  var looksAtRows: Bool { headers.last?.header.looksAtRows == true }

  /// - Parameter number: Of the part that comes next.
  mutating func take(_ line: UnsafeRawBufferPointer, before number: Int) {
    guard line.starts(with: "-- ".utf8), let header = Header(String(decoding: line, as: UTF8.self)) else { return }
    if headers.last?.first == number { headers.removeLast() }
    headers.append((number, header))
  }

  /// - Returns: nil for a part that comes before everything that is announced.
  func header(of number: Int) -> Header? {
    var (low, high) = (0, headers.count)
    while low < high {
      let middle = (low + high) / 2
      if headers[middle].first <= number { low = middle + 1 } else { high = middle }
    }
    return low == 0 ? nil : headers[low - 1].header
  }

  /// Whether a statement, announced or not, is one that rows must come before.
  static func looksAtRows(_ statement: [UInt8]) -> Bool {
    let beginnings = [
      "CREATE TRIGGER ", "CREATE CONSTRAINT TRIGGER ", "CREATE EVENT TRIGGER ", "REFRESH MATERIALIZED VIEW ",
    ]
    let text = statement.drop(while: \.isBlank)
    return beginnings.contains { text.starts(with: $0.utf8) }
  }
}

extension ScriptHeaders.Header {
  /// The sorts of what pg_dump puts behind the rows (`SECTION_POST_DATA` in pg_dump.c).
  private static let behindRows: Set = [
    "CONSTRAINT", "FK CONSTRAINT", "CHECK CONSTRAINT", "INDEX", "INDEX ATTACH", "STATISTICS", "RULE", "TRIGGER",
    "EVENT TRIGGER", "POLICY", "ROW SECURITY", "MATERIALIZED VIEW DATA", "PUBLICATION", "PUBLICATION TABLE",
    "PUBLICATION TABLES IN SCHEMA", "SUBSCRIPTION", "DEFAULT ACL",
  ]

  init?(_ text: String) {
    let isData = text.begins(with: "-- Data for Name: ")
    guard let rest = text.after(beginning: isData ? "-- Data for Name: " : "-- Name: ") else { return nil }
    let parts = rest.parts(by: "; Type: ")
    guard parts.count > 1, let facts = parts.last?.parts(by: "; Schema: "), facts.count == 2 else { return nil }
    let name = parts.dropLast().joined(separator: "; Type: ")
    let sort = facts[0]
    let schema = facts[1].parts(by: "; Owner:")[0]
    let hasSchema = !schema.isSame(as: "-")
    let whole = hasSchema ? "\(schema).\(name)" : name
    looksAtRows = !isData && Self.behindRows.contains(sort)
    if isData {
      kind = .rows
      title = sort.begins(with: "BLOB") ? "large objects" : "rows of table \"\(whole)\""
    } else {
      let isOfExtension = sort.isSame(as: "COMMENT") && !hasSchema && name.begins(with: "EXTENSION ")
      kind = isOfExtension ? .extensionComment : .other
      title = "\(sort) \"\(whole)\""
    }
  }
}
