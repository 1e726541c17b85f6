import CofferSystem

/// Sealed blocks of a far store that are read ahead: neighbours in one request, several requests at the same time. Safe to use
/// from several threads.
///
/// It only saves time: whoever asks for a block that is not here, or could not be read with its neighbours, reads it by itself.
final class BlockSupply: Sendable {
  /// A part of a pack that is read with one request.
  struct Stretch: Sendable, Equatable {
    let blocks: ClosedRange<Int>
    /// Of the pack.
    let bytes: Range<Int>
  }

  private struct Request: Sendable {
    let reader: PackReader
    let stretch: Stretch
    /// Those of the stretch that somebody wants.
    let blocks: [Int]
  }

  private enum Entry: Sendable {
    case expected
    case here([UInt8])
    case failed(any Error)
  }

  private struct State: Sendable {
    var entries: [BlockPlace: Entry] = [:]
    var sizes: [BlockPlace: Int] = [:]
    /// Bytes of all entries.
    var size = 0
    /// In the order in which they were asked for; those that were taken are among them.
    var order: [BlockPlace] = []

    mutating func remove(_ place: BlockPlace) {
      guard entries.removeValue(forKey: place) != nil else { return }
      size -= sizes.removeValue(forKey: place) ?? 0
    }
  }

  /// Packs whose directories are going to be needed.
  private struct Opening: Sendable {
    let packs: Set<Digest256>
    let context: RepositoryContext
    let cache: ReadCache
  }

  private let state = Monitor(State())
  private let requests: Stage<Request>
  private let openings: Stage<Opening>

  /// Sealed bytes that are worth being here or on their way: four times what a line of 1 Gbit/s holds when it takes 100 ms there
  /// and back.
  static let usualLimit = 48 << 20
  let limit: Int
  /// Bytes of one request at most, unless a block is larger: on a busy line a connection may be slow for seconds, and what it carries is
  /// waited for.
  private static let stretchLimit = 2 << 20
  /// Bytes that nobody wants and that are cheaper to read than to ask twice.
  private static let gapLimit = 1 << 20
  /// Where little is to be read, no more of those than a part of what is wanted: a twentieth.
  private static let sparingPart = 20
  private static let inFlight = 20

  init(_ context: RepositoryContext, limit: Int = BlockSupply.usualLimit) throws(SystemError) {
    self.limit = limit
    let state = state
    requests = try Stage(
      "get", workers: Self.inFlight, capacity: 1 << 12,
      drop: { request, reason in Self.fail(request, reason, state) }, makeWork: { { Self.read($0, into: state) } })
    openings = try Stage("open", workers: 1, capacity: BlocksAhead.openingLimit) {
      // Why a pack cannot be read is said to whoever needs it.
      { opening in _ = try? Self.open(opening.packs, opening.context, opening.cache) }
    }
  }

  deinit {
    openings.cancel()
    requests.cancel()
    openings.join()
    requests.join()
  }

  /// Has packs opened that are going to be needed, and waits only while others wait for that. Behind blocks that are on their way,
  /// directories come late: those of the next blocks' packs are asked for before these blocks' turn.
  func open(ahead packs: Set<Digest256>, _ context: RepositoryContext, _ cache: ReadCache) {
    let unknown = packs.filter { cache.packs.known($0) == nil }
    guard !unknown.isEmpty else { return }
    do { try openings.give(Opening(packs: unknown, context: context, cache: cache)) } catch {
      // They are opened when they are needed.
    }
  }

  /// Opens packs, several at the same time.
  ///
  /// - Returns: Those that can be read.
  /// - Throws: That the store does not answer; `RunCancelled`.
  static func open(
    _ packs: Set<Digest256>, _ context: RepositoryContext, _ cache: ReadCache
  ) throws -> [Digest256: PackReader] {
    let readers = try context.sideBySide.map(packs.sorted()) { pack in
      try RunStore.readable { try cache.packs.value(of: pack) { try PackReader(pack, context: context) } }
    }
    return Dictionary(readers.compactMap(\.self).map { ($0.digest, $0) }, uniquingKeysWith: { $1 })
  }

  /// Sealed bytes that were asked for and not taken yet.
  var size: Int { state.update { $0.size } }

  /// Asks for blocks of a pack, unless they were asked for.
  ///
  /// - Parameters:
  ///   - numbers: In any order; what is none of the pack's blocks is passed over.
  ///   - isSparing: Whether little more than these is to be read.
  func want(_ numbers: some Sequence<Int>, of reader: PackReader, isSparing: Bool = false) {
    let all = reader.directory.blocks
    let wanted = state.update { state in
      let wanted = Set(numbers).filter { number in
        all.indices.contains(number) && state.entries[BlockPlace(pack: reader.digest, block: number)] == nil
      }.sorted()
      for number in wanted {
        let place = BlockPlace(pack: reader.digest, block: number)
        state.entries[place] = .expected
        state.sizes[place] = all[number].storedLength
        state.size += all[number].storedLength
        state.order.append(place)
      }
      makeRoom(&state)
      return wanted
    }
    for stretch in Self.stretches(wanted, all, isSparing: isSparing) {
      let request = Request(reader: reader, stretch: stretch, blocks: wanted.filter(stretch.blocks.contains))
      do { try requests.give(request) } catch { Self.fail(request, error, state) }
    }
  }

  /// Gives what nobody has taken for long away: it was wanted as a base, and was not needed after all.
  private func makeRoom(_ state: inout State) {
    guard state.size > limit * 2 else {
      if state.order.count > 1 << 16 { state.order.removeAll { state.entries[$0] == nil } }
      return
    }
    for place in state.order where state.size > limit {
      if case .here = state.entries[place] { state.remove(place) }
    }
    state.order.removeAll { [entries = state.entries] in entries[$0] == nil }
  }

  /// Joins neighbours.
  ///
  /// - Parameters:
  ///   - numbers: In order.
  ///   - isSparing: Whether a stretch may have no more between its blocks than a twentieth of them.
  static func stretches(
    _ numbers: [Int], _ blocks: [PackDirectory.Block], isSparing: Bool = false
  ) -> [Stretch] {
    var stretches: [Stretch] = []
    // Of the last one, what is wanted of it.
    var wanted = 0
    for number in numbers {
      let length = blocks[number].storedLength
      let bytes = blocks[number].offset..<blocks[number].offset + length
      if let last = stretches.last, bytes.upperBound - last.bytes.lowerBound <= stretchLimit,
        isSparing
          ? (bytes.upperBound - last.bytes.lowerBound - wanted - length) * sparingPart <= wanted + length
          : bytes.lowerBound - last.bytes.upperBound <= gapLimit
      {
        stretches[stretches.count - 1] = Stretch(
          blocks: last.blocks.lowerBound...number, bytes: last.bytes.lowerBound..<bytes.upperBound)
        wanted += length
      } else {
        stretches.append(Stretch(blocks: number...number, bytes: bytes))
        wanted = length
      }
    }
    return stretches
  }

  private static func read(_ request: Request, into state: Monitor<State>) {
    do {
      let bytes = try request.reader.sealedBytes(request.stretch.bytes)
      for number in request.blocks {
        let block = request.reader.directory.blocks[number]
        let start = block.offset - request.stretch.bytes.lowerBound
        let place = BlockPlace(pack: request.reader.digest, block: number)
        // A slice would keep the whole stretch for as long as one of its blocks waits.
        let sealed = Array(bytes[start..<start + block.storedLength])
        state.update { if $0.entries[place] != nil { $0.entries[place] = .here(sealed) } }
      }
    } catch {
      fail(request, error, state)
    }
  }

  /// What says something of the pack is found again, block by block, by whoever needs them.
  private static func fail(_ request: Request, _ error: any Error, _ state: Monitor<State>) {
    state.update { state in
      for number in request.blocks {
        let place = BlockPlace(pack: request.reader.digest, block: number)
        if RunStore.concernsObject(error) { state.remove(place) } else { state.entries[place] = .failed(error) }
      }
    }
  }

  /// Takes a block out, waiting for it if it is on its way.
  ///
  /// - Returns: nil for one that has to be read by itself.
  /// - Throws: That the store does not answer; `RunCancelled`.
  func take(_ place: BlockPlace) throws -> [UInt8]? {
    let entry: Entry? = state.wait(
      until: { if case .expected = $0.entries[place] { false } else { true } },
      then: { state in
        defer { state.remove(place) }
        return state.entries[place]
      })
    switch entry {
    case .here(let bytes): return bytes
    case .failed(let error): throw error
    case .expected, nil: return nil
    }
  }
}
