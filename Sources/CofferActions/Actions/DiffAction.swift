import CofferRepository
import CofferSystem

/// `diff`: what changed between two archives.
enum DiffAction {
  static let from = Flag<String>(
    "--from", required: "FROM", help: "The earlier archive's name, its id, or 'latest'.")
  static let to = Flag<String>("--to", required: "TO", help: "The later archive's name, its id, or 'latest'.")

  static let declaration = ActionDeclaration(
    "diff", abstract: "Show which databases and files changed between two archives, and by how much.",
    discussion: """
      ADDED are the bytes that only the later archive has, REMOVED those that only the earlier one has, told by what \
      archives remember: no data is read. Of a dump that is compressed by its own program nearly all bytes change.
      """,
    flags: [SharedFlags.repository, SharedFlags.matchArchives, SharedFlags.json], operands: [from, to],
    examples: ["coffer diff db1-2026-01-30T03:00:00 latest", "coffer diff --from 3f2a9c --to latest --json"], run: run)

  private static func run(_ context: ActionContext) throws {
    try context.forEachRepository { location in
      let access = try context.open(location)
      let filter = try context.archiveFilter()
      let archives = try [from, to].map { try access.archive(context.flags[$0], filter) }
      let reader = try access.repository.reader()
      for archive in archives { context.tellMissing(from: archive) }
      let difference = try ArchiveDifference(
        from: archives[0], to: archives[1], by: reader, cancellation: context.cancellation)
      if context.wantsJSON {
        let proofs = ProofHistory(try access.repository.proofs(of: archives))
        let pins = try access.repository.pins(of: archives)
        return context.run.outcomes.add(
          .object([
            "from": JSONShapes.listed(archives[0], proofs, pins), "to": JSONShapes.listed(archives[1], proofs, pins),
            "repository": JSONShapes.repository(access, lastModified: nil),
            "changes": .list(difference.changes.map(json)),
          ]))
      }
      context.tellRepository(location)
      guard !difference.changes.isEmpty else {
        return context.console.answer("Archives \(archives[0].name) and \(archives[1].name) hold the same")
      }
      let head = [["CHANGE", "ADDED", "REMOVED", "WHAT"]]
      context.console.answer(Formats.table(head + difference.changes.map(row)), keepingLines: true)
    }
  }

  private static func row(_ change: ArchiveDifference.Change) -> [String] {
    let what = change.dump.map { title(of: $0) } ?? change.path.text
    let facts = change.facts.map { "\($0.name) \($0.old) -> \($0.new)" }.joined(separator: ", ")
    return [
      change.kind.rawValue, Formats.size(change.bytes.added), Formats.size(change.bytes.removed),
      facts.isEmpty ? what : "\(what) (\(facts))",
    ]
  }

  private static func title(of dump: DumpRecord) -> String {
    let server = dump.label ?? dump.container ?? dump.hostname
    let place = server.map { $0 + (dump.port.map { ":\($0)" } ?? "") + "/" } ?? ""
    return "\(dump.hook.before(end: "_databases") ?? dump.hook) \(place)\(dump.database)"
  }

  private static func json(_ change: ArchiveDifference.Change) -> JSONValue {
    var object: [String: JSONValue] = [
      "type": .text(change.kind.rawValue), "path": .text(change.path.text),
      "added": .number(Int(clamping: change.bytes.added)), "removed": .number(Int(clamping: change.bytes.removed)),
    ]
    for fact in change.facts { object[fact.name] = .object(["from": .text(fact.old), "to": .text(fact.new)]) }
    if let dump = change.dump { object["dump"] = JSONShapes.dump(dump) }
    return .object(object)
  }
}
