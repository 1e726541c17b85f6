import CofferHooks
import CofferRepository
import CofferSystem

/// A dump as an archive holds it: one file, or a folder of files.
struct ArchiveDump: Sendable, Equatable {
  let record: DumpRecord
  /// The file, or the folder first and then what is in it.
  let items: [ArchiveItem]

  var path: String { items.first?.path.text ?? "" }

  var identity: DumpIdentity {
    DumpIdentity(
      hook: record.hook, database: record.database, hostname: record.hostname, port: record.port,
      container: record.container, label: record.label,
      isGlobals: record.format == DumpIdentity.globalsName)
  }

  var facts: DumpFacts {
    DumpFacts(
      identity: identity, format: record.format, clientVersion: record.clientVersion,
      serverVersion: record.serverVersion, details: record.details, content: record.content, base: record.base,
      physical: record.physical, log: record.log, oplog: record.oplog)
  }

  /// Finds the dumps among an archive's items.
  ///
  /// - Throws: `DumpRecord.Unreadable`.
  static func all(in items: [ArchiveItem]) throws(DumpRecord.Unreadable) -> [ArchiveDump] {
    var dumps: [ArchiveDump] = []
    for item in items {
      guard let record = try DumpRecord(of: item) else { continue }
      let below = item.path.bytes + [UInt8(ascii: "/")]
      dumps.append(ArchiveDump(record: record, items: [item] + items.filter { $0.path.bytes.starts(with: below) }))
    }
    return dumps
  }

  /// The dumps of an archive. What else it has is passed over while its list is read, however long that is.
  ///
  /// - Throws: As `all(in:)`, and what reading throws; `RepositoryError` when there are more than are held.
  static func all(
    of archive: Archive, _ reader: ArchiveReader, _ cancellation: Cancellation
  ) throws -> [ArchiveDump] {
    var held = HeldItems(refusing: reader.cursor(over: archive, cancellation: cancellation).tooLong)
    let items = try reader.items(of: archive, cancellation: cancellation) { item in
      guard item.mayBeOfDump else { return false }
      try held.add(item.heldSize)
      return true
    }
    return try all(in: items)
  }

  /// The dumps as a table for people.
  static func table(_ dumps: [ArchiveDump]) -> String {
    let head = [["HOOK", "HOST", "PORT", "DATABASE", "FORMAT", "SIZE", "ROWS"]]
    return Formats.table(
      head
        + dumps.map { dump in
          let record = dump.record
          let hook = record.hook.before(end: "_databases") ?? record.hook
          return [
            hook, record.label ?? record.container ?? record.hostname ?? "localhost",
            record.port.map(String.init) ?? "-", record.database, record.format, Formats.size(record.bytes),
            record.content?.rowCount.map(String.init) ?? "-",
          ]
        })
  }
}

extension ArchiveItem {
  /// Whether it is a dump, or may be in one that is a folder.
  var mayBeOfDump: Bool { dump != nil || path.isOwn }
}

extension DumpContent {
  /// How many of the largest tables are named.
  private static let largest = 10

  /// What was counted.
  var json: JSONValue {
    let counted = tables.filter { $0.rows != nil }.sorted { $0.rows ?? 0 > $1.rows ?? 0 }
    return .object([
      "largest_tables": .list(counted.prefix(Self.largest).map { .text($0.name) }),
      "tables": .list(
        tables.map { table in
          .object(["name": .text(table.name), "rows": JSONValue(table.rows.map { Int(clamping: $0) })])
        }),
      "objects": .object(objects.mapValues { .number($0) }),
      "sequences": .list(
        sequences.map { .object(["name": .text($0.name), "value": .number(Int(clamping: $0.value))]) }),
      "accounts": accounts.map { .list($0.map { .text($0) }) } ?? .null,
      "remark": JSONValue(remark),
    ])
  }
}
