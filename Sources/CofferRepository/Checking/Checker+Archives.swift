import CofferStorage
import CofferSystem

// Whether every archive finds all it needs.
extension Checker {
  /// - Returns: Whether all archives were followed before the time was over.
  mutating func checkRecipes() throws -> Bool {
    let reader = try StreamReader(context: context, index: RenewedIndex(fixed: index))
    let streams = ArchiveReader(reader)
    var isBegun = false
    let left = archives.suffix(newestArchives ?? .max)
      .filter { progress.lastArchive.isEmpty || $0.id > progress.lastArchive }
    watch?.begins(.archives, total: left.reduce(0) { $0.addingClamped($1.statistics.originalSize) })
    for archive in left {
      if isBegun, isOver { return false }
      isBegun = true
      try follow(archive, streams)
      watch?.isThrough(archive.statistics.originalSize)
      progress.lastArchive = archive.id
    }
    return true
  }

  private mutating func follow(_ archive: Archive, _ streams: ArchiveReader) throws {
    var outcome = try examine(archive, streams)
    // Somebody may have moved what it needs to other packs since the check began, or have deleted it.
    if !outcome.isWhole, try takeNewPacks() { outcome = try examine(archive, streams) }
    if !outcome.isWhole, try isGone(archive) { return }
    report.healed += outcome.items.filter { $0.lost.isEmpty }
    guard !outcome.isWhole else { return }
    isArchiveDamaged = true
    for (object, problem) in outcome.problems { found(object, problem) }
    for item in outcome.items where !item.lost.isEmpty {
      found("archive \(archive.name), \(item.item.path)", Self.problem(of: item), item)
    }
  }

  private static func problem(of item: DamagedItem) -> String {
    "Of its \(item.item.size) bytes, these are in no pack that is whole: \(ByteRanges.text(item.lost))"
  }

  /// What became of an archive's files.
  private struct Outcome {
    /// Why its list of files, or a file in it, cannot be followed.
    var problems: [(object: String, problem: String)] = []
    /// Those that something happened to.
    var items: [DamagedItem] = []

    var isWhole: Bool { problems.isEmpty && items.allSatisfy(\.lost.isEmpty) }

    /// - Returns: nil when something is wrong with what was read.
    /// - Throws: What says nothing of the archive.
    mutating func noting<Value>(_ object: String, _ read: () throws -> Value) throws -> Value? {
      do {
        return try read()
      } catch let error where !RunStore.concernsObject(error) {
        throw error
      } catch {
        problems.append((object, Diagnosis(of: error).problem))
        return nil
      }
    }
  }

  private func examine(_ archive: Archive, _ streams: ArchiveReader) throws -> Outcome {
    let name = "archive \(archive.name)"
    var outcome = Outcome()
    do {
      try streams.forEachItem(of: archive, cancellation: cancellation) { item in
        guard case .file(let stream) = item.content else { return }
        var damaged = DamagedItem(archive: archive, item: item)
        _ = try outcome.noting("\(name), \(item.path)") { try follow(stream, streams, &damaged) }
        if !damaged.lost.isEmpty || !damaged.healed.isEmpty { outcome.items.append(damaged) }
      }
    } catch let error where RunStore.concernsObject(error) {
      // What concerns a file was noted with it.
      outcome.problems.append((name, Diagnosis(of: error).problem))
    }
    return outcome
  }

  private var notWhatWasStored: RepositoryError {
    .damaged(
      object: "recipe", location: context.location, detail: "the stream is not the one that was stored")
  }

  private func follow(_ stream: StreamReference, _ reader: ArchiveReader, _ item: inout DamagedItem) throws {
    var hasher = try StreamHasher()
    var size: UInt64 = 0
    func next(_ entry: RecipeReader.Entry) -> Range<UInt64> {
      let start = size
      size = size.addingClamped(entry.size)
      return start..<size
    }
    try reader.forEachChunk(
      of: stream,
      { entry in
        try cancellation.check()
        let range = next(entry)
        switch try state(of: entry.id) {
        case .whole: break
        case .healed: item.healed.append(joining: range)
        case .lost: item.lost.append(joining: range)
        }
        try hasher.append(entry.id, length: Int(clamping: entry.size))
      },
      unreadable: { entry in item.lost.append(joining: next(entry)) })
    // What is lost is known; the rest cannot be compared without it.
    guard item.lost.isEmpty else { return }
    guard try hasher.finish() == stream.hash, size == stream.size else {
      throw notWhatWasStored
    }
  }

  private enum ChunkState {
    case whole, healed, lost
  }

  /// Whether there is a copy of the chunk that nothing was found to be wrong with, and whether another is damaged.
  private func state(of id: ChunkID) throws -> ChunkState {
    guard !damage.isEmpty else { return index.location(of: id) == nil ? .lost : .whole }
    let copies = try index.copies(of: id)
    func isGood(_ place: BlockPlace) -> Bool {
      !damage.blocks.contains(place) && !damage.unreadable.contains(place.pack)
        && (blocks != nil || !damage.packs.contains(place.pack))
    }
    let good = copies.filter(isGood)
    if good.isEmpty { return index.furtherCopies(of: id).contains(where: isGood) ? .healed : .lost }
    return good.count == copies.count ? .whole : .healed
  }

  private mutating func takeNewPacks() throws -> Bool {
    let packs = try newPacks().filter { taken.insert($0.digest).inserted }
    for pack in packs { try index.add(pack) }
    try index.knowEveryCopy()
    return !packs.isEmpty
  }
}
