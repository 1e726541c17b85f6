import CofferSystem

/// Which archives need the chunks of packs that go: the first one and the last, by their age.
///
/// What is laid together by that is needed together, so a restore decodes little else. It is only told what is likely: whoever finds nothing
/// here moves a chunk all the same.
struct NeededAges {
  /// The numbers of two of the archives that were walked, the oldest of which is 1.
  struct Ages: Comparable {
    var first: UInt8 = 0
    var last: UInt8 = 0

    static func < (left: Ages, right: Ages) -> Bool { (left.first, left.last) < (right.first, right.last) }
  }

  private struct Page: Hashable {
    let run: Int
    let number: Int
  }

  private var pages: [Page: [Ages]] = [:]
  private static let pageBits = 10

  /// Archives that are walked: of more, so many that lie between the oldest and the newest one at the same distances.
  static let archiveLimit = 64

  /// The numbers of archives that are worth a walk.
  static func chosen(of count: Int) -> [Int] {
    guard count > archiveLimit else { return Array(0..<count) }
    return (0..<archiveLimit).map { $0 * (count - 1) / (archiveLimit - 1) }
  }

  subscript(slot: IndexSlot) -> Ages {
    get {
      let page = Page(run: slot.run, number: slot.number >> Self.pageBits)
      return pages[page]?[slot.number & (1 << Self.pageBits - 1)] ?? Ages()
    }
    set {
      let page = Page(run: slot.run, number: slot.number >> Self.pageBits)
      pages[page, default: [Ages](repeating: Ages(), count: 1 << Self.pageBits)][
        slot.number & (1 << Self.pageBits - 1)] = newValue
    }
  }
}

extension NewestArchives {
  /// Walks archives' recipes, each node once from the oldest archive on and once from the newest.
  ///
  /// - Parameter going: The packs whose chunks are of interest.
  /// - Throws: `RunCancelled`, and what says that the store does not answer. What cannot be read is passed over.
  func ages(_ archives: [Archive], of going: Set<Digest256>) throws -> NeededAges {
    var ages = NeededAges()
    let own = archives.filter { $0.writeOnlyKey == nil && $0.items.size <= NewestStreams.itemListLimit }
      .sorted { $0.order < $1.order }
    let chosen = NeededAges.chosen(of: own.count)
    try walk(chosen.map { own[$0] }, going) { slot, number in
      if ages[slot].first == 0 { ages[slot].first = UInt8(clamping: number + 1) }
    }
    try walk(chosen.reversed().map { own[$0] }, going) { slot, number in
      if ages[slot].last == 0 { ages[slot].last = UInt8(clamping: chosen.count - number) }
    }
    return ages
  }

  private func walk(
    _ archives: [Archive], _ going: Set<Digest256>, _ body: (IndexSlot, _ archive: Int) -> Void
  ) throws {
    var walked = SlotMarks(runs)
    var locator = ChunkLocator(runs)
    for (number, archive) in archives.enumerated() {
      for stream in try NewestStreams(context, reader, cancellation).streams(of: [archive]) {
        try reader.forEachChunk(
          of: stream, entersNode: { node in runs.slots(of: node).first.map { walked.insert($0) } ?? true },
          expects: { node in runs.slots(of: node).first.map { !walked.contains($0) } ?? true },
          { entry in
            try cancellation.check()
            guard let slot = locator.slot(of: entry.id),
              going.contains(runs[slot.run].location(ofNumber: slot.number).pack)
            else { return }
            body(slot, number)
          }, unreadable: { _ in })
      }
    }
  }
}
