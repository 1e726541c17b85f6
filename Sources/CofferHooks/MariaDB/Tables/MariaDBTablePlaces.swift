import CofferSystem
import Glibc

/// Where the tables of a dump are, seen as it goes by: a dump of MariaDB's programs is read from its beginning to its end otherwise.
///
/// An archive keeps it with the dump, as the size of what stands before all tables, and each table's name in hexadecimal digits, its place and
/// size: `1203 6f7264657273:1203:48213`.
struct MariaDBTablePlaces: Equatable {
  struct Place: Equatable {
    let name: String
    let bytes: Range<UInt64>
  }

  /// Bytes of the settings before the first table, and of what says which database it is.
  let headSize: UInt64
  let places: [Place]

  /// Among a dump's facts.
  static let key = "table_places"

  init(headSize: UInt64, places: [Place]) {
    self.headSize = headSize
    self.places = places
  }

  /// Reads what an archive has kept.
  ///
  /// - Returns: nil where it has not, or nothing that fits a dump of that size.
  init?(_ facts: DumpFacts, dumpSize: UInt64) {
    guard let words = facts.details[Self.key]?.words, let head = words.first.flatMap({ UInt64($0) }), head <= dumpSize
    else { return nil }
    var places: [Place] = []
    var end = head
    for word in words.dropFirst() {
      let parts = word.parts(by: ":")
      guard parts.count == 3, let name = ServerText(hex: parts[0].utf8)?.text, let start = UInt64(parts[1]),
        let size = UInt64(parts[2]), start >= end
      else { return nil }
      let (sum, isTooMuch) = start.addingReportingOverflow(size)
      guard !isTooMuch, sum <= dumpSize else { return nil }
      end = sum
      places.append(Place(name: name, bytes: start..<sum))
    }
    self.init(headSize: head, places: places)
  }

  var text: String {
    let words = places.map { "\(ServerText($0.name).hex):\($0.bytes.lowerBound):\($0.bytes.count)" }
    return ([String(headSize)] + words).joined(separator: " ")
  }

  /// What has to be read for some tables: what stands before all of them, and each, neighbours together.
  func stretches(of names: Set<ExactName>) -> [Range<UInt64>] {
    var stretches = [0..<headSize]
    for place in places where names.contains(ExactName(place.name)) {
      stretches.append(joining: place.bytes)
    }
    return stretches
  }
}

/// Sees where the tables of a dump are while it goes by. A dump that it cannot read is none the worse for it.
///
/// Rows are by far the most of a dump, and are passed over line by line: the dump programs write line breaks within a value as `\n`, so
/// that a line of rows which ends in a semicolon is the statement's last.
final class MariaDBTablePlacesWatch {
  private var splitter = StatementSplitter()
  private var isReadable = true
  private var isInRows = false
  /// The beginning of the line that goes by, as far as it is not rows.
  private var line: [UInt8] = []
  /// Of the line.
  private var start: UInt64 = 0
  private var position: UInt64 = 0
  private var lastByte: UInt8 = 0
  /// Where the statement begins that is being read.
  private var statementStart: UInt64 = 0
  private var headSize: UInt64?
  private var places: [MariaDBTablePlaces.Place] = []
  /// Of the tables that have a place.
  private var names: Set<ExactName> = []
  private var current: (name: String, start: UInt64, isMade: Bool)?
  private var database: ExactName?

  /// Of a definition.
  private static let lineLimit = 1 << 26
  private static let beginnings = ["INSERT ", "REPLACE "].map { Array($0.utf8) }

  func take(_ bytes: UnsafeRawBufferPointer) {
    var rest = bytes
    while isReadable, let base = rest.baseAddress, !rest.isEmpty {
      let found = memchr(base, Int32(UInt8(ascii: "\n")), rest.count)
      let count = found.map { $0 - UnsafeMutableRawPointer(mutating: base) + 1 } ?? rest.count
      take(UnsafeRawBufferPointer(rebasing: rest[..<count]), isLast: found != nil)
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
  }

  /// - Parameter isLast: Whether the line ends with it.
  private func take(_ piece: UnsafeRawBufferPointer, isLast: Bool) {
    if !isInRows {
      line += piece
      isInRows = splitter.isBetweenStatements && Self.beginnings.contains { line.starts(with: $0) }
    }
    position += UInt64(piece.count)
    let ending = piece.count > 1 ? piece[piece.count - 2] : lastByte
    lastByte = piece.last ?? lastByte
    if isInRows {
      line = []
      if isLast, ending == UInt8(ascii: ";") { isInRows = false }
    } else if isLast {
      readLine()
    } else if line.count > Self.lineLimit {
      isReadable = false
    }
    if isLast { start = position }
  }

  private func readLine() {
    let text = line
    line = []
    if splitter.isBetweenStatements { statementStart = start }
    do {
      try text.withUnsafeBytes { bytes in
        try splitter.feed(bytes) { piece in
          if case .statement(let statement) = piece { take(statement) }
        }
      }
    } catch {
      isReadable = false
    }
  }

  private func take(_ statement: MariaDBStatement) {
    switch statement.kind {
    case .table:
      let words = statement.lexemes.all.prefix(2)
      guard let verb = words.first?.word, ["DROP", "CREATE"].contains(verb) else { return }
      guard words.last?.isWord("TABLE") == true, let name = statement.objectName(after: ["TABLE"]) else {
        // Of a sequence.
        return end()
      }
      if verb == "DROP" {
        end()
        current = (name, statementStart, false)
      } else if current?.name.isSame(as: name) == true {
        current?.isMade = true
      } else {
        // Without what drops it, it cannot be told where it begins.
        isReadable = false
      }
    case .view, .routine, .event: end()
    case .database(.use, let name):
      if headSize != nil { end() }
      if database.map({ $0 != name }) == true { isReadable = false }
      database = name
    case .database: if headSize != nil { isReadable = false }
    case .trigger, .setting, .account, .omitted, .unknown: return
    }
  }

  /// Ends what is before the statement that is being read.
  private func end() {
    headSize = headSize ?? statementStart
    close(at: statementStart)
  }

  private func close(at end: UInt64) {
    guard let (name, start, isMade) = current else { return }
    current = nil
    // A view has its place held by a table until all tables are there, and what drops it comes first.
    guard isMade else { return }
    if !names.insert(ExactName(name)).inserted { isReadable = false }
    places.append(.init(name: name, bytes: start..<end))
  }

  /// nil where the dump could not be read to its end.
  func found() -> MariaDBTablePlaces? {
    guard isReadable, !isInRows, line.isEmpty, splitter.isBetweenStatements, splitter.isComplete else { return nil }
    close(at: position)
    return headSize.map { MariaDBTablePlaces(headSize: $0, places: places) }
  }
}
