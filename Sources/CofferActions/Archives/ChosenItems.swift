import CofferRepository
import CofferSystem

/// The items of an archive that a command line's paths, patterns and databases choose.
enum ChosenItems {
  /// Everything, or what the paths and databases name that are given, in the archive's order.
  ///
  /// - Throws: `PatternError`; `RestoreSelection.Failure`; `DumpRecord.Unreadable`; `UsageError` when that is nothing.
  static func all(
    from items: [ArchiveItem], of archive: Archive, _ context: ActionContext
  ) throws -> [ArchiveItem] {
    let selection = SelectionFlags.selection(context)
    var paths = try ItemFlags.selection(context)
    let given = context.flags[ItemFlags.path]
    var ofDumps: Set<ItemPath> = []
    if selection.isNarrow {
      let dumps = try selection.select(
        from: try ArchiveDump.all(in: items), archive: archive.name, missing: archive.draft.missingDumps)
      ofDumps = Set(dumps.flatMap { $0.items.map(\.path) })
    }
    let takesPaths = !selection.isNarrow || !given.isEmpty
    let found = try items.filter { item in
      let isNamed = try paths.contains(item)
      return ofDumps.contains(item.path) || takesPaths && isNamed
    }
    guard !found.isEmpty else {
      throw UsageError(
        argument: given.isEmpty ? "--exclude" : given.joined(separator: ", "),
        problem: given.isEmpty
          ? "Nothing of archive \(archive.name) is left by what was chosen"
          : "Archive \(archive.name) holds nothing at that path",
        suggestion: "See what it holds with 'coffer list --archive \(archive.name)'")
    }
    return found
  }
}
