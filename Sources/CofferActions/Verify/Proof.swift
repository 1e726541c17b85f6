import CofferHooks
import CofferRepository
import CofferSystem
import FoundationEssentials

/// What came of a drill: whether a dump restores.
struct Proof: Codable, Equatable, Sendable {
  /// The dump's place below `coffer/` in its archive, which is that of its database.
  let dump: String
  let archive: String
  let archiveID: String
  let time: Date
  /// Whether the dump was restored, and nothing was otherwise than when it was dumped.
  var isProven: Bool
  /// What kept it from being so.
  var problem: String?
  /// What restored it.
  var server: String?
  /// How long the restore took.
  var seconds: Double?
  /// Of the dump.
  let bytes: UInt64
  /// As they were restored; nil where nobody counted.
  var tables: Int?
  var rows: UInt64?
  /// Whether they were compared with what was counted when it was dumped.
  var isCompared = false
  /// Of how many tables the rows were.
  var comparedTables: Int?

  var json: JSONValue {
    .object([
      "dump": .text(dump), "archive": .text(archive), "archive_id": .text(archiveID),
      "time": .text(Formats.isoTime(time)), "proven": .bool(isProven), "problem": JSONValue(problem),
      "server": JSONValue(server), "seconds": seconds.map { .real($0) } ?? .null,
      "size": .number(Int(clamping: bytes)), "tables": JSONValue(tables),
      "rows": JSONValue(rows.map { Int(clamping: $0) }), "compared": .bool(isCompared),
      "compared_tables": JSONValue(comparedTables),
    ])
  }

  /// What proofs say of an archive; nil when nothing of it was tried.
  static func summary(of archive: Archive, _ proofs: [Proof], at now: Date) -> String? {
    let own = proofs.filter { $0.archiveID == archive.id }
    guard let newest = own.max(by: { $0.time < $1.time }) else { return nil }
    guard own.allSatisfy(\.isProven) else { return "\(own.count { !$0.isProven }) not proven" }
    return "\(own.count) dump\(own.count == 1 ? "" : "s") proven, \(newest.age(at: now)) ago"
  }

  /// How long ago, as people say it.
  func age(at now: Date) -> String { Formats.duration(max(now.timeIntervalSince(time), 0)) }
}
