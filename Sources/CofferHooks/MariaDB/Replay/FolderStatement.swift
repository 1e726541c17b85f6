import CofferSystem

/// Statements of a log that name folders for the files of a table. A server of MariaDB that has to pass over these calls that an error in its
/// strict modes. What was done once in such a mode is done without it in the same way.
enum FolderStatement {
  /// Bytes of a statement that its settings come behind, and where in these the length of its database's name and of its settings are.
  private static let fixed = 13
  private static let nameLength = 8
  private static let settingsLength = 11
  /// Settings that come before the SQL mode, and their bytes.
  private static let before: [UInt8: Int] = [0: 4]
  private static let mode: UInt8 = 1
  private static let modeSize = 8
  /// Of the mode's third byte the bits of `STRICT_TRANS_TABLES` and `STRICT_ALL_TABLES` (1 << 21 and 1 << 22 of all).
  private static let strictByte = 2
  private static let strictBits: UInt8 = 0x60
  /// Bytes of a statement that are looked at, as of all in a log.
  private static let limit = 1 << 16

  /// The event without strict modes, of the same size.
  ///
  /// - Returns: nil for what is no such statement: it stays as it is.
  static func unstrict(_ event: UnsafeRawBufferPointer, hasChecksum: Bool) -> [UInt8]? {
    let body = BinaryLogEvent.headerSize
    let end = event.count - (hasChecksum ? BinaryLogParser.checksumSize : 0)
    guard BinaryLogEvent(event).kind == BinaryLogEvent.Kind.statement, body + fixed <= end else { return nil }
    let settings = body + fixed
    let count = Int(UInt16(littleEndian: event.loadUnaligned(fromByteOffset: body + settingsLength, as: UInt16.self)))
    let text = settings + count + Int(event[body + nameLength]) + 1
    guard text <= end, let place = place(of: mode, in: settings..<settings + count, event) else { return nil }
    guard event[place + strictByte] & strictBits != 0 else { return nil }
    let statement = MariaDBStatement(unwrapping: Array(event[text..<min(end, text + limit)]), mode: LexicalMode())
    let all = statement.lexemes.all
    // Others, as routines, keep the mode that they were made in.
    guard ![.view, .trigger, .routine, .event].contains(statement.kind), ["CREATE", "ALTER"].contains(all.first?.word),
      all.contains(where: { $0.isWord("TABLE") }), all.contains(where: { $0.isWord("DIRECTORY") })
    else { return nil }
    var bytes = Array(event)
    bytes[place + strictByte] &= ~strictBits
    guard hasChecksum else { return bytes }
    var sum = CRC32()
    bytes[..<end].withUnsafeBytes { sum.update($0) }
    withUnsafeBytes(of: sum.value.littleEndian) { bytes.replaceSubrange(end..., with: $0) }
    return bytes
  }

  /// Where the value of a setting begins.
  private static func place(of code: UInt8, in settings: Range<Int>, _ event: UnsafeRawBufferPointer) -> Int? {
    var place = settings.lowerBound
    while place < settings.upperBound {
      if event[place] == code { return place + 1 + modeSize <= settings.upperBound ? place + 1 : nil }
      guard let size = before[event[place]] else { return nil }
      place += 1 + size
    }
    return nil
  }
}
