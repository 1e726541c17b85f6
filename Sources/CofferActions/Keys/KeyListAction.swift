import CofferRepository
import CofferSystem

/// `key list`: the keys of the repositories.
enum KeyListAction {
  static let declaration = ActionDeclaration(
    "key list", abstract: "Show the keys of the repositories.",
    discussion: """
      A full key reads, deletes and adds keys; a write-only one adds backups and lists archives, and can neither read nor \
      delete. Removed keys are shown, too: what they have signed is still there.
      """,
    flags: [SharedFlags.repository, SharedFlags.json], examples: ["coffer key list"],
    canDoWithoutConfiguration: true, run: run)

  private static func run(_ context: ActionContext) throws {
    try context.forEachRepository { location in
      let access = try context.open(location)
      let keys = try access.repository.keys()
      if context.wantsJSON {
        return context.run.outcomes.add(
          .object([
            "encryption": JSONShapes.encryption(access), "keys": .list(keys.map(JSONShapes.key)),
            "repository": JSONShapes.repository(access, lastModified: nil),
          ]))
      }
      context.tellRepository(location)
      let head = ["key", "role", "made", "on", "label", ""]
      context.console.answer(Formats.table([head] + keys.map(row)), keepingLines: true)
    }
  }

  private static func row(_ key: RepositoryKey) -> [String] {
    let state = key.removed.map { "removed \(Formats.time($0))" } ?? (key.isInUse ? "in use" : "")
    return [key.id, key.role.rawValue, Formats.time(key.created), key.hostname, key.label, state]
  }
}

extension JSONShapes {
  static func key(_ key: RepositoryKey) -> JSONValue {
    .object([
      "id": .text(key.id), "role": .text(key.role.rawValue), "created": .text(Formats.isoTime(key.created)),
      "label": .text(key.label), "hostname": .text(key.hostname), "in_use": .bool(key.isInUse),
      "removed": key.removed.map { .text(Formats.isoTime($0)) } ?? .null,
    ])
  }
}
