import CofferRepository
import CofferStorage
import CofferSystem

/// The items of an archive that a command line's paths, patterns and databases choose: everything, or what the paths and
/// databases name that are given. They are read as often as somebody goes through them, and never all in memory.
struct ChosenItems {
  private let archive: Archive
  private let reader: ArchiveReader
  private let context: ActionContext
  private let selection: ItemSelection
  /// Items of dumps that are named.
  private let ofDumps: Set<ItemPath>
  private let takesPaths: Bool
  private let withoutDumps: Bool

  /// Counts what is remembered of them by whoever goes through them.
  var held: HeldItems {
    HeldItems(refusing: reader.cursor(over: archive, cancellation: context.cancellation).tooLong)
  }

  /// Bytes of the items that are held back, from which on no more are.
  private static let heldLimit = 16 << 20

  /// - Throws: `PatternError`; `RestoreSelection.Failure`; `DumpRecord.Unreadable`; what reading the archive throws.
  init(of archive: Archive, _ reader: ArchiveReader, _ context: ActionContext, withoutDumps: Bool = false) throws {
    (self.archive, self.reader, self.context, self.withoutDumps) = (archive, reader, context, withoutDumps)
    selection = try ItemFlags.selection(context)
    let databases = SelectionFlags.selection(context)
    takesPaths = !databases.isNarrow || !context.flags[ItemFlags.path].isEmpty
    guard databases.isNarrow else {
      ofDumps = []
      return
    }
    let dumps = try databases.select(
      from: try ArchiveDump.all(of: archive, reader, context.cancellation), archive: archive.name,
      missing: archive.draft.missingDumps)
    ofDumps = Set(dumps.flatMap { $0.items.map(\.path) })
  }

  /// Goes through them without asking for their content.
  ///
  /// - Parameter body: Given each with the path that it is shown at.
  /// - Returns: Bytes of the content of all of them, and an error for each path that was given and that nothing is at.
  /// - Throws: `UsageError` when there are none; `PatternError.exhausted`; what reading the list and `body` throw.
  func survey(
    _ body: (ArchiveItem, ItemPath) throws -> Void = { _, _ in }
  ) throws -> (size: UInt64, missing: [UsageError]) {
    var size: UInt64 = 0
    var (hasDumps, isEmpty) = (false, true)
    let unmet = try walk { item, path, isOfDump in
      guard !withoutDumps || !isOfDump else {
        hasDumps = true
        return
      }
      isEmpty = false
      size = size.addingClamped(item.content.stream?.size ?? 0)
      try body(item, path)
    }
    if isEmpty { throw nothing(isOfDumps: hasDumps) }
    return (size, unmet.map { path in nothing(at: path) })
  }

  /// Goes through them in the archive's order. A far store is asked ahead for the content of small files. Where the list breaks off,
  /// all that was read of it is given first.
  ///
  /// - Parameter body: Given each with the path that it is shown at.
  /// - Throws: What reading the list and `body` throw.
  func forEach(_ body: (ArchiveItem, ItemPath) throws -> Void) throws {
    var (items, paths): ([ArchiveItem], [ItemPath]) = ([], [])
    var held = 0
    var isGiving = false
    func give() throws {
      isGiving = true
      var expected = 0
      for number in items.indices {
        if number >= expected { expected = try askAhead(for: items, from: number) }
        try body(items[number], paths[number])
      }
      items.removeAll(keepingCapacity: true)
      paths.removeAll(keepingCapacity: true)
      held = 0
      isGiving = false
    }
    do {
      try walk { item, path, isOfDump in
        guard !withoutDumps || !isOfDump else { return }
        items.append(item)
        paths.append(path)
        held += item.heldSize
        if items.count >= ArchiveReader.expectedCount || held >= Self.heldLimit { try give() }
      }
    } catch let error where !isGiving && (error is RepositoryError || error is StorageError) {
      try give()
      throw error
    }
    try give()
  }

  /// - Returns: The number of the next item that is worth another call.
  private func askAhead(for items: [ArchiveItem], from number: Int) throws -> Int {
    do {
      return number + (try reader.expect(items[number...]))
    } catch let error where error is StorageError || error is RepositoryError {
      // It only saves time: whoever reads an item is told what is wrong with it.
      return items.count
    }
  }

  /// - Returns: The paths that were given and that nothing is at.
  @discardableResult
  private func walk(_ body: (ArchiveItem, ItemPath, _ isOfDump: Bool) throws -> Void) throws -> [String] {
    var places = ShownPaths()
    var selection = selection
    try reader.forEachItem(of: archive, cancellation: context.cancellation) { item in
      let (path, isOfDump) = places.place(of: item)
      let isNamed: Bool
      if withoutDumps && isOfDump {
        // What is left out all the same is not what a path was given for.
        var other = selection
        isNamed = try other.contains(item, shownAt: path)
      } else {
        isNamed = try selection.contains(item, shownAt: path)
      }
      guard takesPaths && isNamed || ofDumps.contains(item.path) else { return }
      try body(item, path, isOfDump)
    }
    return selection.unmet
  }

  private func nothing(at path: String) -> UsageError {
    UsageError(
      argument: path,
      problem:
        "Archive \(archive.name) holds nothing\(withoutDumps ? " but dumps, if anything," : "") at that path; what else "
        + "was named is written",
      suggestion: "See what it holds with 'coffer list --archive \(archive.name)'")
  }

  private func nothing(isOfDumps: Bool) -> UsageError {
    let given = context.flags[ItemFlags.path]
    let (argument, problem) =
      isOfDumps
      ? ("--without-dumps", "Nothing of archive \(archive.name) is left but dumps of databases")
      : given.isEmpty
        ? ("--exclude", "Nothing of archive \(archive.name) is left by what was chosen")
        : (given.joined(separator: ", "), "Archive \(archive.name) holds nothing at that path")
    return UsageError(
      argument: argument, problem: problem,
      suggestion: "See what it holds with 'coffer list --archive \(archive.name)'")
  }
}
