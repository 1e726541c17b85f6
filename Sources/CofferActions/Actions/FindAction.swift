import CofferRepository
import CofferSystem
import FoundationEssentials

/// `find`: which archives hold a path, and when what is there changed.
enum FindAction {
  static let find = Flag<[String]>(
    "--find", value: "PATTERN",
    help:
      "A part of a path, in which wildcards may stand, a whole one with a slash before it, or a pattern with its style "
      + "before it (fm, sh, re, pp, pf); may be repeated.")
  private static let archive = Flag<String?>(
    "--archive", value: "NAME", help: "Look into this archive only: its name, its id, or 'latest'.")

  static let declaration = ActionDeclaration(
    "find", abstract: "Find files and dumps in all archives, and when they changed.",
    discussion: """
      A row for each version of a path: its size, when it was modified, how many archives that follow each other hold it, \
      and the first and the last of these. No data is read.
      """,
    flags: [archive, SharedFlags.repository, ItemFlags.path] + ItemFlags.exclusion + ArchiveListing.flags
      + [RepoListAction.short, SharedFlags.json, SharedFlags.jsonLines],
    operands: [find],
    examples: [
      "coffer find nginx.conf", "coffer find '/etc/*.conf' --last 10", "coffer find 're:invoice-[0-9]+\\.pdf$' --short",
    ], run: { try run($0, in: $0.flags[archive]) })

  static func run(_ context: ActionContext, in name: String?) throws {
    let texts = context.flags[find]
    guard !texts.isEmpty else {
      throw UsageError(
        argument: "find", problem: "It is not said what to look for", suggestion: "Write 'coffer find PATTERN'")
    }
    let patterns = try texts.map(pattern)
    let chosen = try ItemFlags.selection(context)
    try context.forEachRepository { location in
      let access = try context.open(location)
      let archives = try ArchiveListing.readable(of: access, named: name, context)
      let reader = try access.repository.reader()
      var found = FoundItems()
      for archive in archives {
        try context.cancellation.check()
        var places = ShownPaths()
        var selection = chosen
        found.add(
          try reader.items(of: archive, cancellation: context.cancellation) { item in
            let shown = places.place(of: item).path
            guard try selection.contains(item, shownAt: shown) else { return false }
            let texts = [PathText(item.path)] + (shown == item.path ? [] : [PathText(shown)])
            return try patterns.contains { pattern in try texts.contains { try pattern.matches($0) } }
          }, in: archive)
      }
      try tell(found, in: archives, of: access, context)
    }
  }

  /// What is no whole path is found anywhere in one, as borgmatic's `list --find` does it.
  private static func pattern(_ text: String) throws(PatternError) -> PathPattern {
    let isWhole = text.begins(with: "/") || PathPattern.Style(before: text) != nil
    return try PathPattern(isWhole || text.isEmpty ? text : "**/*\(text)*", style: .shell)
  }

  private static func tell(
    _ found: FoundItems, in archives: [Archive], of access: OpenRepository, _ context: ActionContext
  ) throws {
    if context.flags.contains(SharedFlags.jsonLines) {
      return try found.places.forEach { context.tellLine(try json($0.place, $0.versions, of: found), in: access) }
    }
    if context.wantsJSON {
      return context.run.outcomes.add(
        .object([
          "archives": .list(archives.map { .text($0.name) }),
          "found": .list(try found.places.map { try json($0.place, $0.versions, of: found) }),
          "repository": JSONShapes.repository(access, lastModified: nil),
        ]))
    }
    context.tellRepository(access.location)
    guard !found.places.isEmpty else {
      return context.console.remark("\(access.location.path): Nothing of the kind in \(archives.count) archives")
    }
    guard !context.flags.contains(RepoListAction.short) else {
      var told: Set<ItemPath> = []
      return found.places.filter { told.insert($0.place.path).inserted }
        .forEach { context.console.answer($0.place.path.text) }
    }
    let head = [["SIZE", "MODIFIED", "ARCHIVES", "FIRST", "LAST", "PATH"]]
    let rows = found.places.flatMap { place, versions in
      versions.map { version in
        let archives = found.archives(of: version, at: place)
        return [
          Formats.size(version.item.size), Formats.time(modified(version.item)), String(archives.count),
          archives.first?.name ?? "", archives.last?.name ?? "",
          (found.hasSeveralHosts ? "\(place.hostname.text): " : "") + place.path.text,
        ]
      }
    }
    context.console.answer(Formats.table(head + rows), keepingLines: true)
  }

  private static func modified(_ item: ArchiveItem) -> Date { Date(timeIntervalSince1970: Double(item.modified) / 1e9) }

  private static func json(
    _ place: FoundItems.Place, _ versions: [FoundItems.Version], of found: FoundItems
  ) throws -> JSONValue {
    .object([
      "path": .text(place.path.text), "hostname": .text(place.hostname.text),
      "versions": .list(
        try versions.map { version in
          let archives = found.archives(of: version, at: place)
          return .object([
            "archives": .list(archives.map { .text($0.name) }),
            "first": reference(archives.first), "last": reference(archives.last),
            "item": try ListAction.json(version.item),
          ])
        }),
    ])
  }

  private static func reference(_ archive: Archive?) -> JSONValue {
    archive.map {
      .object(["archive": .text($0.name), "id": .text($0.id), "time": .text(Formats.isoTime($0.draft.start))])
    } ?? .null
  }
}
