import CSQLite
import CofferSystem
import FoundationEssentials

/// What a database holds, counted by the process that has it open; it goes to the starter as one line.
public struct SQLiteContent: Codable, Equatable, Sendable {
  public struct Table: Codable, Equatable, Sendable {
    public let name: String
    /// nil for a virtual one, whose rows are in others, and where they were not counted.
    public let rows: UInt64?
  }

  public var tables: [Table] = []
  /// Of kinds as the schema names them, for example `["index": 2]`.
  public var objects: [String: Int] = [:]
  /// What SQLite's foreign key check says, a line for each pair of tables.
  public var danglingKeys: [String] = []

  private static let mark = "content: "
  private static let hexDigits = Array("0123456789abcdef".utf8)
  private static let keysLimit = 20

  /// What the starter should keep of the lines, in bytes.
  public static let lineLimit = 8 << 20

  /// As a line without anything that would end it or steer a terminal.
  ///
  /// - Throws: `EncodingError`.
  func line() throws -> String {
    let bytes = try JSONEncoder().encode(self).flatMap { [Self.hexDigits[Int($0 >> 4)], Self.hexDigits[Int($0 & 15)]] }
    return Self.mark + String(decoding: bytes, as: UTF8.self)
  }

  /// Whether a line is one of ours, which tells people nothing.
  public static func isOne(_ line: String) -> Bool { line.begins(with: mark) }

  /// - Parameter lines: What the process said on standard error.
  /// - Returns: nil when it has not told.
  public init?(lines: [String]) {
    guard let text = lines.last(where: { $0.begins(with: Self.mark) })?.after(beginning: Self.mark),
      text.utf8.count.isMultiple(of: 2)
    else { return nil }
    let digits = Array(text.utf8)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(digits.count / 2)
    for place in stride(from: 0, to: digits.count, by: 2) {
      guard let high = Self.hexDigits.firstIndex(of: digits[place]),
        let low = Self.hexDigits.firstIndex(of: digits[place + 1])
      else { return nil }
      bytes.append(UInt8(high << 4 | low))
    }
    guard let content = try? JSONDecoder().decode(SQLiteContent.self, from: Data(bytes)) else { return nil }
    self = content
  }

  /// Counts what the connection's transaction sees.
  ///
  /// - Parameters:
  ///   - known: Rows that somebody has counted already, by the names of their tables.
  ///   - countsRows: Whether others are counted.
  init(of connection: SQLiteConnection, known: [[UInt8]: UInt64] = [:], countsRows: Bool = true) throws {
    for entry in try DatabaseReader(connection: connection).entries() {
      guard entry.isTable else {
        // Indexes without a statement are a part of their table.
        if entry.sql != nil { objects[String(decoding: entry.type, as: UTF8.self), default: 0] += 1 }
        continue
      }
      guard !entry.name.starts(with: "sqlite_".utf8) else { continue }
      let name = String(decoding: entry.name, as: UTF8.self)
      let isCounted = countsRows && !entry.isVirtual
      let rows = isCounted ? try known[entry.name] ?? Self.rows(of: entry.name, connection) : nil
      tables.append(Table(name: name, rows: rows))
    }
  }

  private static func rows(of table: [UInt8], _ connection: SQLiteConnection) throws -> UInt64 {
    let query = try connection.prepare(
      Array("SELECT count(*) FROM main.".utf8) + Quoting.sqliteIdentifier(table))
    guard try query.step() else { return 0 }
    return UInt64(clamping: query.integer(0))
  }

  mutating func checkKeys(_ connection: SQLiteConnection) throws {
    let query = try connection.prepare("PRAGMA main.foreign_key_check")
    var seen: Set<ExactName> = []
    while try query.step(), danglingKeys.count < Self.keysLimit {
      let tables = [query.text(0), query.text(2)].map { Quoting.terminal(String(decoding: $0 ?? [], as: UTF8.self)) }
      let line = "rows of \(tables[0]) name rows of \(tables[1]) that are not there"
      if seen.insert(ExactName(line)).inserted { danglingKeys.append(line) }
    }
  }
}
