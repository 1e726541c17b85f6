import CofferSystem

/// The search for rows that an INSERT of their own values would refuse or change: written before a constraint was there, or
/// by a program that went round it.
struct RowSearch {
  let table: [UInt8]
  /// Those that can be written.
  let columns: [DatabaseReader.Column]
  let isStrict: Bool
  /// The file's size in bytes; small files hold no value that is too long.
  let fileSize: Int64

  /// Bytes; a statement has at most 1,000,000,000 (SQLITE_MAX_SQL_LENGTH), and a blob takes two for each.
  private static let longest: Int64 = 400_000_000

  /// Gives a row if there is such a one; nil where there cannot be.
  var query: [UInt8]? {
    let conditions = columns.flatMap(conditions)
    guard !conditions.isEmpty else { return nil }
    // Not joined by OR: that would nest as deep as there are columns.
    let cases = conditions.flatMap { Array(" WHEN ".utf8) + $0 + Array(" THEN 1".utf8) }
    return Array("SELECT 1 FROM main.".utf8) + Quoting.sqliteIdentifier(table) + Array(" NOT INDEXED WHERE CASE".utf8)
      + cases + Array(" ELSE 0 END LIMIT 1".utf8)
  }

  private func conditions(_ column: DatabaseReader.Column) -> [[UInt8]] {
    let name = Quoting.sqliteIdentifier(column.name)
    func condition(_ parts: String...) -> [UInt8] { Array(parts.map { Array($0.utf8) }.joined(separator: name)) }
    var all: [[UInt8]] = []
    // Not IS NULL, which SQLite takes to be false where the definition says so.
    if column.isNotNull { all.append(condition("typeof(", ") = 'null'")) }
    if fileSize > Self.longest { all.append(condition("length(", ") > \(Self.longest)")) }
    if isStrict {
      if let types = strictTypes(column) { all.append(condition("typeof(", ") NOT IN ('null',\(types))")) }
      return all
    }
    switch Affinity(of: column.type) {
    case .text: all.append(condition("typeof(", ") IN ('integer','real')"))
    case .real: all.append(condition("typeof(", ") = 'text' AND coffer_converts(", ")"))
    case .number: all.append(condition("typeof(", ") IN ('text','real') AND coffer_converts(", ")"))
    case .none: break
    }
    return all
  }

  private func strictTypes(_ column: DatabaseReader.Column) -> String? {
    switch String(decoding: Affinity.upper(column.type), as: UTF8.self) {
    case "INT", "INTEGER": "'integer'"
    case "REAL": "'real'"
    case "TEXT": "'text'"
    case "BLOB": "'blob'"
    default: nil
    }
  }
}
