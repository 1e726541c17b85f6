import CofferSystem

/// What a database held at the moment of its dump, or holds where the dump was restored: what tells a restore that brought
/// everything back from one that did not.
public struct DumpContent: Sendable, Equatable, Codable {
  public struct Table: Sendable, Equatable, Codable {
    /// With its schema where the system has such, quoted where it has to be.
    public let name: String
    /// nil where they were not counted.
    public var rows: UInt64?

    public init(name: String, rows: UInt64?) {
      self.name = name
      self.rows = rows
    }
  }

  public struct Sequence: Sendable, Equatable, Codable {
    public let name: String
    public let value: Int64

    public init(name: String, value: Int64) {
      self.name = name
      self.value = value
    }
  }

  /// Those that have rows of their own.
  public var tables: [Table]
  /// How many objects of each kind there are, for example `["index": 3]`; a kind that nobody has counted is missing.
  public var objects: [String: Int]
  /// Those that stood still while the dump was made.
  public var sequences: [Sequence]
  /// Roles, or accounts, of a dump that holds what belongs to a server; nil for others.
  public var accounts: [String]?
  /// What a server must have before the database can be restored there.
  var needs = Needs()
  /// Why something was not counted; nil when everything was.
  public var remark: String?

  /// What is outside of the database.
  struct Needs: Sendable, Equatable, Codable {
    /// Of them that are no superusers.
    var roles: [ServerText] = []
    var superusers: [ServerText] = []
    var tablespaces: [ServerText] = []
    var extensions: [ServerText] = []
  }

  public init(
    tables: [Table] = [], objects: [String: Int] = [:], sequences: [Sequence] = [], remark: String? = nil
  ) {
    self.tables = tables
    self.objects = objects
    self.sequences = sequences
    self.remark = remark
  }

  /// Adds what another database of the same server holds.
  mutating func add(_ other: DumpContent) {
    tables += other.tables
    sequences += other.sequences
    objects.merge(other.objects, uniquingKeysWith: +)
  }

  /// Of the tables that were counted; nil when that are none.
  public var rowCount: UInt64? {
    let counted = tables.compactMap(\.rows)
    guard !counted.isEmpty else { return nil }
    return counted.reduce(0) { sum, rows in
      let (result, isTooMuch) = sum.addingReportingOverflow(rows)
      return isTooMuch ? .max : result
    }
  }

  /// What a restored database has otherwise than it was dumped, a line each.
  ///
  /// What either of them has not counted is not compared.
  public func differences(in restored: DumpContent) -> [String] {
    tableDifferences(in: restored) + objectDifferences(in: restored) + sequenceDifferences(in: restored)
      + accountDifferences(in: restored)
  }

  /// Of how many tables both have counted the rows.
  public func countedTables(in restored: DumpContent) -> Int {
    let counted = Set(restored.tables.filter { $0.rows != nil }.map { ExactName($0.name) })
    return tables.count { $0.rows != nil && counted.contains(ExactName($0.name)) }
  }

  private func tableDifferences(in restored: DumpContent) -> [String] {
    let found = Dictionary(restored.tables.map { (ExactName($0.name), $0.rows) }) { first, _ in first }
    let known = Set(tables.map { ExactName($0.name) })
    let lost = tables.compactMap { table -> String? in
      let name = Quoting.terminal(table.name)
      guard let rows = found[ExactName(table.name)] else { return "table \(name) is missing" }
      guard let rows, let wanted = table.rows, rows != wanted else { return nil }
      return "table \(name) has \(Self.count(rows, "row")), and had \(wanted) when it was dumped"
    }
    let added = restored.tables.filter { !known.contains(ExactName($0.name)) }
    return lost + added.map { "table \(Quoting.terminal($0.name)) is there, and was not when it was dumped" }
  }

  private func objectDifferences(in restored: DumpContent) -> [String] {
    // Tables are told by their names.
    objects.keys.sorted().compactMap { kind in
      guard let wanted = objects[kind], let found = restored.objects[kind], wanted != found else { return nil }
      let objects = Self.count(UInt64(clamping: found), "object")
      return "\(objects) of kind '\(Quoting.terminal(kind))', and \(wanted) when it was dumped"
    }
  }

  private func sequenceDifferences(in restored: DumpContent) -> [String] {
    let found = Dictionary(restored.sequences.map { (ExactName($0.name), $0.value) }) { first, _ in first }
    return sequences.compactMap { sequence in
      guard let value = found[ExactName(sequence.name)] else {
        return "sequence \(Quoting.terminal(sequence.name)) has no value, and had \(sequence.value) when it was dumped"
      }
      guard value != sequence.value else { return nil }
      return "sequence \(Quoting.terminal(sequence.name)) stands at \(value), and stood at \(sequence.value)"
    }
  }

  /// A server has more than a dump makes there.
  private func accountDifferences(in restored: DumpContent) -> [String] {
    guard let accounts, let found = restored.accounts.map({ Set($0.map { ExactName($0) }) }) else { return [] }
    return accounts.filter { !found.contains(ExactName($0)) }
      .map { "the role or account \(Quoting.terminal($0)) is missing" }
  }

  private static func count(_ number: UInt64, _ word: String) -> String {
    "\(number) \(word)\(number == 1 ? "" : "s")"
  }
}
