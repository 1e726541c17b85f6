import CofferHooks
import CofferRepository
import CofferSystem

/// What a restore has brought back: a line for each database where somebody looks, and the run's outcome for programs.
final class RestoreTally {
  private let archive: Archive
  private let replayed: JSONValue?
  private let context: ActionContext
  private var databases: [JSONValue] = []

  /// - Parameter replayed: What is told of the log by which dumps were brought forward; nil where none was.
  init(of archive: Archive, replayed: JSONValue? = nil, _ context: ActionContext) {
    self.archive = archive
    self.replayed = replayed
    self.context = context
  }

  func add(_ dump: ArchiveDump, _ restore: any PlannedRestore, seconds: Double) {
    let content = dump.record.content.flatMap(restore.content(of:)).flatMap { $0.tables.isEmpty ? nil : $0 }
    context.console.remark(Self.line(dump.identity.title, content, seconds: seconds))
    databases.append(
      .object([
        "dump": JSONShapes.dump(dump.record), "restored": .text(restore.summary), "duration": .real(seconds),
        "tables": JSONValue(content.map(\.tables.count)),
        "rows": JSONValue(content?.rowCount.map { Int(clamping: $0) }),
      ]))
  }

  /// - Parameter content: What was counted when the dump was made; nil where nothing was.
  static func line(_ title: String, _ content: DumpContent?, seconds: Double) -> String {
    let rows = content?.rowCount.map { "\($0) \($0 == 1 ? "row" : "rows") in " }
    let count = content.map(\.tables.count)
    let tables = count.map { "\(rows ?? "")\($0) \($0 == 1 ? "table" : "tables") when it was dumped, " }
    return "\(title): \(tables ?? "")\(Formats.duration(seconds))"
  }

  /// Hands over what was restored, also when a later database could not be.
  func end() {
    guard context.wantsJSON else { return }
    context.run.outcomes.add(
      .object([
        "archive": .text(archive.name), "id": .text(archive.id), "partial": .bool(archive.isPartial),
        "missing_dumps": .list(archive.draft.missingDumps.map { .text($0) }), "databases": .list(databases),
        "replayed": replayed ?? .null,
      ]))
  }
}
