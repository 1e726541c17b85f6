import CofferSystem

/// Which packs are worth giving up.
struct CompactionChoice {
  /// How much is to be gained, and at what price.
  struct Limits {
    /// The percentage of a pack that has to come free.
    var threshold = 10
    /// Bytes of packs that are read and written anew at most; nil for any number.
    var repackSize: Int?
  }

  /// Packs that hold nothing that is needed.
  private(set) var dead: Set<Digest256> = []
  /// Packs of which something is to be moved, those that give most for least first.
  private(set) var moving: [Digest256] = []
  /// Those of them that are written anew for the sake of restores.
  private(set) var refreshed: [Digest256] = []
  /// Bytes that come free by both, as far as that is known beforehand.
  private(set) var gain = 0

  /// Packs that can be given up together only: one, and all that lean on it.
  private struct Group {
    let packs: Set<Digest256>
    let size: Int
    /// Bytes that are written anew, as far as that is known beforehand.
    let moved: Int

    var gain: Int { size - moved }
    var yield: Double { Double(gain) / Double(max(moved, 1)) }
  }

  private let catalogue: PackCatalogue
  private let counting: Set<Digest256>
  private let spared: Set<Digest256>
  private let marks: LiveMarks
  private let context: RepositoryContext
  /// Stored bytes that are needed, as a part of the pack's.
  private var neededShares: [Digest256: Double] = [:]
  /// Stored bytes of a plain byte where nothing leans on anything.
  private let fullRatio: Double

  /// Chooses by what index objects say, and of packs that are to be moved by their own directories.
  ///
  /// - Parameters:
  ///   - counting: The packs that counting index objects name. What is needed of others goes where somebody may lean on it.
  ///   - spared: Packs that are left as they are, whatever is needed of them.
  /// - Throws: `IndexCache.Damaged`; `StorageError`, when the store does not answer.
  init(
    _ catalogue: PackCatalogue, counting: Set<Digest256>, spared: Set<Digest256>, _ marks: LiveMarks, _ limits: Limits,
    _ context: RepositoryContext
  ) throws {
    self.catalogue = catalogue
    self.counting = counting
    self.spared = spared
    self.marks = marks
    self.context = context
    var full = (size: 0.0, plain: 0.0)
    for (digest, pack) in catalogue.packs {
      let needed = try catalogue.neededSize(of: pack, marks)
      neededShares[digest] = pack.plainSize > 0 ? min(Double(needed) / Double(pack.plainSize), 1) : needed > 0 ? 1 : 0
      if pack.bases.isEmpty, pack.kind == .data {
        full.size += Double(pack.size)
        full.plain += Double(pack.plainSize)
      }
    }
    fullRatio = full.plain > 0 ? min(full.size / full.plain, 1) : 1
    try choose(limits)
  }

  private mutating func choose(_ limits: Limits) throws {
    // A pack that nobody can say anything about is left where it is.
    let unneeded = catalogue.packs.keys.filter {
      neededShares[$0] == 0 && !spared.contains($0) && !(catalogue.packs[$0]?.places.isEmpty ?? true)
    }
    dead = catalogue.withoutBasesOfRest(Set(unneeded))
    gain = dead.reduce(0) { $0 + price($1) }
    let leaners = catalogue.leaners()
    var seen: Set<Set<Digest256>> = []
    let promising = catalogue.packs.keys.filter { !dead.contains($0) }.sorted()
      .compactMap { group(of: $0, leaners) }
      .filter { seen.insert($0.packs).inserted && isWorthIt($0, limits) }
    let groups = try promising.compactMap(measured).filter { isWorthIt($0, limits) }
      .sorted { ($0.yield, $0.size) > ($1.yield, $1.size) }
    var chosen: Set<Digest256> = []
    var left = limits.repackSize ?? .max
    for group in groups {
      let new = group.packs.subtracting(chosen)
      let cost = new.reduce(0) { $0 + price($1) }
      guard !new.isEmpty, cost <= left else { continue }
      left -= cost
      gain += max(min(group.gain, cost), 0)
      chosen.formUnion(new)
      moving += new.sorted()
    }
    gatherSmall(leaners, except: chosen.union(dead), left)
  }

  /// Adds packs of which the newest archives' data is written anew, as far as there is room left under the limit.
  mutating func refresh(_ costs: RestoreCosts, _ limits: Limits) {
    let going = dead.union(moving)
    let spent = moving.reduce(0) { $0 + price($1) }
    refreshed =
      RefreshChoice(
        costs, catalogue, counting: counting, going: going, limit: limits.repackSize.map { max($0 - spent, 0) }
      ).packs
    moving += refreshed
  }

  /// Small packs of one kind that are gathered into one when there are so many: years of little backups would leave thousands.
  private static let smallCount = 32
  /// The part of a pack's usual size that small ones are below.
  private static let smallPart = 16

  private mutating func gatherSmall(
    _ leaners: [Digest256: Set<Digest256>], except chosen: Set<Digest256>, _ limit: Int
  ) {
    var left = limit
    for kind in PackKind.allCases {
      let target = PackAssembler.target(kind, context.header)
      let small = catalogue.packs.filter { digest, pack in
        pack.kind == kind && pack.size < target / Self.smallPart && counting.contains(digest)
          && !chosen.contains(digest) && !catalogue.doubtful.contains(digest) && leaners[digest] == nil
          && !pack.places.isEmpty
      }
      let size = small.reduce(0) { $0 + $1.value.size }
      guard small.count >= Self.smallCount, size <= left else { continue }
      left -= size
      moving += small.keys.sorted()
    }
  }

  /// Bytes that count against what may be read and written anew.
  private func price(_ digest: Digest256) -> Int { catalogue.packs[digest]?.size ?? 0 }

  private func isWorthIt(_ group: Group, _ limits: Limits) -> Bool {
    if !group.packs.isSubset(of: counting) { return true }
    return group.gain > 0 && Double(group.gain) * 100 >= Double(group.size) * Double(max(limits.threshold, 0))
  }

  /// Packs that one group may have: one that a whole repository leans on stays.
  private static let groupLimit = 4096

  private func group(of digest: Digest256, _ leaners: [Digest256: Set<Digest256>]) -> Group? {
    guard neededShares[digest] ?? 1 < 1 || !counting.contains(digest) else { return nil }
    var packs: Set<Digest256> = [digest]
    var rest = [digest]
    while let next = rest.popLast() {
      for leaner in leaners[next] ?? [] where !dead.contains(leaner) && packs.insert(leaner).inserted {
        rest.append(leaner)
        guard packs.count <= Self.groupLimit else { return nil }
      }
    }
    var size = 0
    var moved = 0.0
    for member in packs {
      guard let pack = catalogue.packs[member], !pack.places.isEmpty, !spared.contains(member) else { return nil }
      size += pack.size
      let share = neededShares[member] ?? 1
      let losesBase = pack.bases.contains { packs.contains($0) }
      moved += losesBase ? share * Double(pack.plainSize) * fullRatio : share * Double(pack.size)
    }
    return Group(packs: packs, size: size, moved: Int(min(moved, Double(Int64.max / 2))))
  }

  /// The same group by the packs' own directories: index objects do not say what a block takes in the store.
  ///
  /// - Returns: nil when one of the directories does not open.
  private func measured(_ group: Group) throws -> Group? {
    var full = (stored: 0, plain: 0)
    var moved = 0.0
    var losingBase = 0
    for member in group.packs.sorted() {
      let needs = try catalogue.needs(of: member, marks, context)
      guard let directory = needs.reader?.directory else { return nil }
      var needed = [Int](repeating: 0, count: directory.blocks.count)
      for chunk in needs.chunks {
        // What is marked elsewhere is not moved if it is there.
        guard let block = chunk.block,
          chunk.slots.contains(where: { marks.isNeeded($0) && catalogue.place(of: $0).pack == member })
        else { continue }
        needed[block] += chunk.length
      }
      for (block, plain) in zip(directory.blocks, needed) {
        if block.coding != .delta {
          full.stored += block.storedLength
          full.plain += block.plainLength
        }
        if block.prefix.contains(where: { group.packs.contains($0.pack) }) {
          losingBase += plain
        } else if plain > 0 {
          moved += Double(block.storedLength) * Double(min(plain, block.plainLength)) / Double(block.plainLength)
        }
      }
    }
    moved += Double(losingBase) * (full.plain > 0 ? Double(full.stored) / Double(full.plain) : 1)
    return Group(packs: group.packs, size: group.size, moved: Int(moved))
  }
}
