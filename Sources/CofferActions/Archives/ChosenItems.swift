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
    let found: [ArchiveItem]
    if selection.isNarrow {
      let dumps = try selection.select(
        from: try ArchiveDump.all(in: items), archive: archive.name, missing: archive.draft.missingDumps)
      let ofDumps = Set(dumps.flatMap { $0.items.map(\.path) })
      let takesPaths = !context.flags[ItemFlags.path].isEmpty
      found = try items.filter { item in
        let isNamed = try paths.contains(item)
        return ofDumps.contains(item.path) || takesPaths && isNamed
      }
    } else {
      found = try items.filter { try paths.contains($0) }
    }
    guard !found.isEmpty else {
      guard !context.flags[ItemFlags.path].isEmpty else {
        throw UsageError(
          argument: "--exclude", problem: "Nothing of archive \(archive.name) is left by what was chosen",
          suggestion: "See what it holds with 'coffer list --archive \(archive.name)'")
      }
      throw UsageError(
        argument: context.flags[ItemFlags.path].joined(separator: ", "),
        problem: "Archive \(archive.name) holds nothing at that path",
        suggestion: "See what it holds with 'coffer list --archive \(archive.name)'")
    }
    return found
  }
}
