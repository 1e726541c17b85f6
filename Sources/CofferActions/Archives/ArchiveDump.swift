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
      serverVersion: record.serverVersion, details: record.details)
  }

  /// Finds the dumps among an archive's items.
  static func all(in items: [ArchiveItem]) -> [ArchiveDump] {
    items.compactMap { item in
      guard let record = item.dump else { return nil }
      let below = item.path.bytes + [UInt8(ascii: "/")]
      return ArchiveDump(record: record, items: [item] + items.filter { $0.path.bytes.starts(with: below) })
    }
  }

  /// The dumps as a table for people.
  static func table(_ dumps: [ArchiveDump]) -> String {
    let head = [["HOOK", "HOST", "PORT", "DATABASE", "FORMAT", "SIZE"]]
    return Formats.table(
      head
        + dumps.map { dump in
          let record = dump.record
          let hook = record.hook.before(end: "_databases") ?? record.hook
          return [
            hook, record.label ?? record.container ?? record.hostname ?? "localhost",
            record.port.map(String.init) ?? "-", record.database, record.format, Formats.size(record.bytes),
          ]
        })
  }
}
