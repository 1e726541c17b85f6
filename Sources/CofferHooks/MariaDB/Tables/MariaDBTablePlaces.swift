import CofferSystem

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

/// Sees where the tables of a dump are while it goes by, whether its views come, and whether there is something in it that no dump
/// program writes. A dump that it cannot read is none the worse for it.
final class MariaDBTablePlacesWatch {
  private let walk = MariaDBDumpWalk()
  private let census: MariaDBDumpCensus?
  private var views = MariaDBHeldPlaces()
  private var hasBegun = false
  /// The beginning of the first statement that no dump program writes, and whether nothing was before it.
  private(set) var odd: (head: String, isFirst: Bool)?
  private var isReadable = true
  private var headSize: UInt64?
  private var places: [MariaDBTablePlaces.Place] = []
  /// Of the tables that have a place.
  private var names: Set<ExactName> = []
  private var current: (name: String, start: UInt64, isMade: Bool)?
  private var database: ExactName?

  /// - Parameter census: Counts what goes by, too.
  init(census: MariaDBDumpCensus? = nil) {
    self.census = census
  }

  func take(_ bytes: UnsafeRawBufferPointer) {
    walk.take(bytes) { piece in
      census?.take(piece)
      guard case .statement(let statement) = piece else { return }
      views.take(statement)
      if statement.kind == .unknown, odd == nil { odd = (statement.head, !hasBegun) }
      hasBegun = true
      if isReadable { take(statement) }
    }
    census?.isWhole = walk.isAtEnd
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
        current = (name, walk.statementStart, false)
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
    headSize = headSize ?? walk.statementStart
    close(at: walk.statementStart)
  }

  private func close(at end: UInt64) {
    guard let (name, start, isMade) = current else { return }
    current = nil
    // A view has its place held by a table until all tables are there, and what drops it comes first.
    guard isMade else { return }
    if !names.insert(ExactName(name)).inserted { isReadable = false }
    places.append(.init(name: name, bytes: start..<end))
  }

  /// What the dump lacks of what it holds places for; nil where it lacks nothing, or could not be read to its end.
  var missing: String? {
    walk.isAtEnd ? views.lost.map { "what the program writes last is missing: \($0)" } : nil
  }

  /// nil where the dump could not be read to its end.
  func found() -> MariaDBTablePlaces? {
    guard isReadable, walk.isAtEnd else { return nil }
    close(at: walk.position)
    guard isReadable else { return nil }
    return headSize.map { MariaDBTablePlaces(headSize: $0, places: places) }
  }
}
