import CSQLite
import CofferSystem

/// Writes rows as INSERT statements whose values come back exactly.
final class RowWriter {
  private let encoding: SQLiteSettings.TextEncoding
  /// Reads a number as SQLite does; made for the first one that is to be tried.
  private var check: SQLiteStatement?
  private(set) var bytes: [UInt8] = []

  init(_ encoding: SQLiteSettings.TextEncoding) {
    self.encoding = encoding
  }

  /// The statement's beginning, up to the first value; and the query that gives the values.
  static func texts(for table: SQLiteTable) -> (head: [UInt8], query: [UInt8])? {
    var names = table.columns.map { Quoting.sqliteIdentifier($0) }
    if table.keepsRowID, let rowID = table.rowIDName { names.insert(Array(rowID.utf8), at: 0) }
    guard !names.isEmpty else { return nil }
    let list = Array(names.joined(separator: [UInt8(ascii: ",")]))
    let name = Quoting.sqliteIdentifier(table.name)
    return (
      Array("INSERT INTO ".utf8) + name + [UInt8(ascii: "(")] + list + Array(") VALUES(".utf8),
      // Not by an index, which an application's own collation may have sorted.
      Array("SELECT ".utf8) + list + Array(" FROM main.".utf8) + name + Array(" NOT INDEXED".utf8)
    )
  }

  /// Appends the row that the statement is at.
  func append(_ head: [UInt8], _ row: SQLiteStatement) throws(SQLiteFailure) {
    bytes.append(contentsOf: head)
    for column in 0..<row.columnCount {
      if column > 0 { bytes.append(UInt8(ascii: ",")) }
      try append(row, column)
    }
    bytes.append(contentsOf: [UInt8(ascii: ")"), UInt8(ascii: ";"), UInt8(ascii: "\n")])
  }

  func append(_ text: [UInt8]) {
    bytes.append(contentsOf: text)
    bytes.append(UInt8(ascii: "\n"))
  }

  func removeAll() {
    bytes.removeAll(keepingCapacity: true)
  }

  private func append(_ row: SQLiteStatement, _ column: Int32) throws(SQLiteFailure) {
    switch row.type(column) {
    case SQLITE_INTEGER: append(String(row.integer(column)))
    case SQLITE_FLOAT: try append(row.number(column))
    case SQLITE_TEXT: appendText(try row.bytes(column, isWide: encoding != .utf8))
    case SQLITE_BLOB:
      bytes.append(contentsOf: [UInt8(ascii: "X"), Self.quote])
      appendHex(try row.bytes(column))
      bytes.append(Self.quote)
    default: append("NULL")
    }
  }

  private func append(_ text: String) {
    bytes.append(contentsOf: text.utf8)
  }

  private static let quote = UInt8(ascii: "'")

  /// Texts of the database's encoding as they are, where that is possible; else cast from their bytes.
  private func appendText(_ raw: UnsafeRawBufferPointer) {
    let start = bytes.count
    bytes.append(Self.quote)
    let isPlain =
      encoding == .utf8 ? appendPlain(raw) : appendPlain(Self.units(raw, encoding), isWhole: raw.count % 2 == 0)
    if isPlain {
      bytes.append(Self.quote)
    } else {
      bytes.removeSubrange(start...)
      append("CAST(X'")
      appendHex(raw)
      append("' AS TEXT)")
    }
  }

  /// - Returns: false for what must not stand in a line of SQL: NUL, carriage returns, and what is no text.
  private func appendPlain(_ text: UnsafeRawBufferPointer) -> Bool {
    guard String(validating: text, as: UTF8.self) != nil else { return false }
    for byte in text {
      if byte == 0 || byte == 13 { return false }
      bytes.append(byte)
      if byte == Self.quote { bytes.append(byte) }
    }
    return true
  }

  private func appendPlain(_ units: [UInt16], isWhole: Bool) -> Bool {
    guard isWhole, let text = String(validating: units, as: UTF16.self) else { return false }
    return Array(text.utf8).withUnsafeBytes(appendPlain)
  }

  private static func units(
    _ raw: UnsafeRawBufferPointer, _ encoding: SQLiteSettings.TextEncoding
  ) -> [UInt16] {
    (0..<raw.count / 2).map { index in
      let unit = raw.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self)
      return encoding == .utf16BigEndian ? UInt16(bigEndian: unit) : UInt16(littleEndian: unit)
    }
  }

  private static let digits = Array("0123456789ABCDEF".utf8)

  private func appendHex(_ raw: UnsafeRawBufferPointer) {
    bytes.reserveCapacity(bytes.count + raw.count * 2 + 16)
    for byte in raw {
      bytes.append(Self.digits[Int(byte >> 4)])
      bytes.append(Self.digits[Int(byte & 15)])
    }
  }

  /// SQLite's versions differ in the last bit when they read long or extreme numbers. Numbers that few digits tell are
  /// written in decimal; all others as a whole number and a power of two, by a function that the program sqlite3 has.
  private func append(_ number: Double) throws(SQLiteFailure) {
    if number.isInfinite { return append(number < 0 ? "-9e999" : "9e999") }
    if number == 0 { return append(number.sign == .minus ? "-0.0" : "0.0") }
    if abs(number) < 1e15 && abs(number) > 1e-9 {
      let start = bytes.count
      appendDecimal(number)
      if Self.isExact(number) { return }
      if try reads(bytes[start...]) == number { return }
      bytes.removeSubrange(start...)
    }
    var mantissa = Int64(number.significand * 0x1p52)
    var exponent = Int(number.exponent) - 52
    while mantissa % 2 == 0 {
      mantissa /= 2
      exponent += 1
    }
    append("ieee754(\(number.sign == .minus ? -mantissa : mantissa),\(exponent))")
  }

  /// Whether fifteen digits tell a number without rounding, so that every way to read them leads to it: whole ones below 1e15, and
  /// with at most eight binary digits behind the point, which are as many decimal ones, below 1e7.
  private static func isExact(_ number: Double) -> Bool {
    let scaled = abs(number) < 1e7 ? number * 256 : number
    return scaled == scaled.rounded(.towardZero)
  }

  /// - Returns: The number that SQLite takes a text for.
  private func reads(_ decimal: ArraySlice<UInt8>) throws(SQLiteFailure) -> Double? {
    let check: SQLiteStatement
    if let known = self.check {
      check = known
    } else {
      let scratch = try SQLiteConnection(":memory:", flags: SQLITE_OPEN_READWRITE, isDefensive: true)
      check = try scratch.prepare("SELECT CAST(?1 AS REAL)")
      self.check = check
    }
    check.reset()
    try check.bind(1, text: Array(decimal))
    return try check.step() ? check.number(0) : nil
  }

  private func appendDecimal(_ number: Double) {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { text in
      let count = coffer_sqlite_decimal(number, text.baseAddress, Int32(text.count))
      bytes.append(contentsOf: UnsafeRawBufferPointer(start: text.baseAddress, count: Int(count)))
    }
  }
}
