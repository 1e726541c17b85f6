import CofferSystem
import Synchronization

/// Which chunk is in which block of which pack: a cache of the packs' directories.
///
/// What was there when it was loaded is in runs, which take little memory; what the session adds is in a table, and when
/// that has grown large, in a further run. Safe to use from several threads.
package final class ChunkIndex: Sendable {
  /// What the index knows of a chunk id.
  package enum Presence: Equatable {
    case unknown
    /// Handed to the session's writer, not yet durable.
    case pending
    case stored(BlockPlace)
  }

  private struct State: ~Copyable {
    var runs: [IndexCache.Entry]
    var table = IndexTable()
    /// How many of the runs were there from the beginning.
    var loadedCount: Int
    var reload: (@Sendable () throws -> [IndexRun])?
  }

  private let state: Mutex<State>
  private let cache: IndexCache
  private let owner: KeyID
  private let tableLimit: Int

  /// - Parameters:
  ///   - runs: Those to be asked first come first.
  ///   - cache: Where runs are made when the table has grown large.
  ///   - owner: The key that adds to the index.
  ///   - tableLimit: How many chunks the table may hold.
  ///   - reload: Gives the runs anew, from the repository, when the file of one turns out to be damaged.
  package init(
    runs: [IndexRun] = [], cache: IndexCache = .inMemory(),
    owner: KeyID = KeyID([UInt8](repeating: 0, count: KeyID.size)), tableLimit: Int = 1 << 20,
    reload: (@Sendable () throws -> [IndexRun])? = nil
  ) {
    self.cache = cache
    self.owner = owner
    self.tableLimit = tableLimit
    state = Mutex(
      State(runs: runs.map { .init(run: $0, name: nil) }, loadedCount: runs.count, reload: reload))
  }

  var chunkCount: Int {
    state.withLock { state in state.table.count + state.runs.reduce(0) { $0 + $1.run.layout.chunkCount } }
  }

  /// Adds all chunks of a pack, unless the pack is known already. The first pack that holds a chunk wins.
  func add(_ pack: IndexedPack) throws {
    try state.withLock { state in
      state.table.add(pack)
      if state.table.count > tableLimit, !state.table.packs.isEmpty { try spill(&state) }
    }
  }

  /// Makes every copy of a chunk known that was added, not only the first.
  func knowEveryCopy() throws {
    try state.withLock { if !$0.table.packs.isEmpty { try spill(&$0) } }
  }

  private func spill(_ state: inout State) throws {
    let packs = state.table.removePacks()
    guard let entry = try cache.make(of: packs, signer: owner, sources: [], isLasting: false) else { return }
    state.runs.append(entry)
    let own = state.runs[state.loadedCount...].map(\.run)
    let chosen = IndexCache.worthMerging(own.map(\.layout.chunkCount))
    guard !chosen.isEmpty, let merged = try cache.merge(chosen.sorted().map { own[$0] }, isLasting: false) else {
      return
    }
    let kept = own.indices.filter { !chosen.contains($0) }.map { IndexCache.Entry(run: own[$0], name: nil) }
    state.runs = Array(state.runs[..<state.loadedCount]) + kept + [merged]
  }

  package func presence(of id: ChunkID) -> Presence {
    state.withLock { state in
      let own = state.table.presence(of: id)
      guard own == .unknown, let (run, number) = Self.find(id, in: state.runs) else { return own }
      return .stored(run.location(ofNumber: number))
    }
  }

  /// What became of a chunk that a session has come upon.
  package enum Claim {
    /// It is unknown to all, and the caller's to store from now on.
    case new
    /// It is being stored, or was by this session.
    case taken
    case stored(IndexPlace)
  }

  /// Marks a chunk as being stored by this session if nobody has it.
  package func claim(_ id: ChunkID) -> Claim {
    state.withLock { state in
      if let (run, number) = Self.find(id, in: state.runs) { return .stored(IndexPlace(run: run, number: number)) }
      return state.table.claim(id) ? .new : .taken
    }
  }

  /// The packs that were there when it was loaded, and of which chunks are to be leaned on.
  func leanablePacks() -> Set<Digest256> {
    let runs = state.withLock { state in state.runs[..<state.loadedCount].map(\.run) }
    return Set(runs.flatMap(\.leanablePacks))
  }

  func location(of id: ChunkID) -> BlockPlace? {
    if case .stored(let location) = presence(of: id) { location } else { nil }
  }

  /// Returns every place that is said to hold a chunk, those that are to be leaned on first. If there is none and a file
  /// of the cache was damaged, the repository is asked again.
  func copies(of id: ChunkID) throws -> [BlockPlace] {
    let found = state.withLock { Self.copies(of: id, $0) }
    guard found.isEmpty, try reload() else { return found }
    return state.withLock { Self.copies(of: id, $0) }
  }

  /// Returns further places that are said to hold a chunk: `copies` are as many as anybody needs, unless somebody has signed
  /// false ones.
  func furtherCopies(of id: ChunkID) -> [BlockPlace] {
    let runs = state.withLock { $0.runs.map(\.run) }
    return runs.flatMap { run in run.unlistedNumbers(of: id).map(run.location) }
  }

  private static func copies(of id: ChunkID, _ state: borrowing State) -> [BlockPlace] {
    var good: [BlockPlace] = []
    var doubtful: [BlockPlace] = []
    if case .stored(let place) = state.table.presence(of: id) { good.append(place) }
    for entry in state.runs {
      for number in entry.run.numbers(of: id) {
        let place = entry.run.location(ofNumber: number)
        if entry.run.isAvoided(number) { doubtful.append(place) } else { good.append(place) }
      }
    }
    return good + doubtful
  }

  /// - Returns: Whether there are other runs now.
  private func reload() throws -> Bool {
    let reload = state.withLock { state -> (@Sendable () throws -> [IndexRun])? in
      guard state.runs.contains(where: { $0.run.isDamaged }) else { return nil }
      defer { state.reload = nil }
      return state.reload
    }
    guard let reload else { return false }
    let runs = try reload().map { IndexCache.Entry(run: $0, name: nil) }
    state.withLock { state in
      state.runs.replaceSubrange(..<state.loadedCount, with: runs)
      state.loadedCount = runs.count
    }
    return true
  }

  private static func find(_ id: ChunkID, in runs: [IndexCache.Entry]) -> (IndexRun, Int)? {
    for entry in runs {
      if let number = entry.run.number(of: id) { return (entry.run, number) }
    }
    return nil
  }
}
