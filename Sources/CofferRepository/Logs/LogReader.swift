import CofferStorage
import CofferSystem

/// Finds and reads what the repository has of one server's log. Used by one thread at a time.
public final class LogReader {
  let context: RepositoryContext
  let store: LogStore
  let server: String
  let named: [String]
  private var signers: LogSigners?
  /// What was opened last: many segments may be in it.
  private var opened: (object: LogObject, opener: LogOpener)?

  /// How often a segment is looked for again because what has it is being joined.
  static let tries = 4

  /// - Parameter signers: The write-only keys whose log counts, by their ids or how these begin; none for the only one.
  init(_ server: LogServer, signers: [String], _ context: RepositoryContext) throws {
    self.context = context
    store = try LogStore(context)
    self.server = try server.id(context)
    named = signers
  }

  /// Segments that follow each other, and where they are.
  public struct Run {
    /// Of each segment where it may be: at least one.
    fileprivate let segments: [[Candidate]]

    public var places: [LogPlace] { segments.map { $0[0].place } }
  }

  /// An object that says to have what is at a place.
  fileprivate typealias Candidate = (place: LogPlace, listed: LogStore.Listed)

  /// Finds a segment and those that follow it.
  ///
  /// - Parameters:
  ///   - number: Of the segment, as its place has it.
  ///   - count: How many are wanted, at least one.
  ///   - title: What messages call the first.
  /// - Returns: The first, and of the others as many as there are without a gap.
  /// - Throws: `LogError.missing`; `.gap`; `.undecidedSigner`; `StorageError`; `RunCancelled`.
  public func find(history: UInt32, number: UInt64, count: Int, title: String) throws -> Run {
    guard let start = LogPlace(history: history, number: number, exponent: 0) else { return Run(segments: []) }
    let (single, joined) = try store.segments(of: server, from: start)
    let all = joined + single
    let own = all.filter { $0.name.first.history == history }
    let signers = try signers(all)
    let counting = own.filter { signers.counts($0.name.signer) }
    var places = Set(counting.map(\.name.first.exponent)).sorted().compactMap {
      LogPlace(history: history, number: number, exponent: $0)
    }
    var segments: [[Candidate]] = []
    while segments.count < count {
      let found = candidates(for: places, in: counting)
      guard let first = found.first else { break }
      segments.append(found)
      guard let next = first.place.next else { break }
      places = places.filter { place in found.contains { $0.place == place } }.compactMap(\.next)
        .filter { $0.number == next.number }
    }
    guard segments.isEmpty else { return Run(segments: segments) }
    let others = own.filter { $0.name.first.number <= number && number <= $0.name.last.number }
    // Who has said whose log counts has said so of all others, too.
    guard others.isEmpty || !named.isEmpty else { throw undecided(others, title) }
    let later = all.filter { $0.name.first.history > history && signers.counts($0.name.signer) }
    throw try counting.contains(where: isCertain) || isBefore(number, later)
      ? LogError.gap(segment: title, location: context.location)
      : LogError.missing(segment: title, location: context.location)
  }

  /// What there is of the log at all.
  ///
  /// - Throws: `LogError.undecidedSigner`; `StorageError`; `RunCancelled`.
  public func coverage() throws -> LogCoverage {
    let (single, joined) = try store.segments(of: server, from: nil)
    let all = single + joined
    let signers = try signers(all)
    let counting = all.filter { signers.counts($0.name.signer) }
    guard !counting.isEmpty || all.isEmpty || !named.isEmpty else { throw undecided(all, "The log") }
    return LogCoverage(counting, store)
  }

  /// What has any of some places, what full keys have signed first.
  private func candidates(for places: [LogPlace], in counting: [LogStore.Listed]) -> [Candidate] {
    trusted(counting).flatMap { listed in
      places.filter(listed.name.covers).map { (place: $0, listed: listed) }
    }
  }

  /// Whether a later history begins behind a segment: then the way there leads through it.
  private func isBefore(_ number: UInt64, _ later: [LogStore.Listed]) throws -> Bool {
    for (_, objects) in Dictionary(grouping: later, by: \.name.first.history) {
      let lowest = try objects.sorted { $0.name.first.number < $1.name.first.number }.first(where: isCertain)
      if let lowest, lowest.name.first.number > number { return true }
    }
    return false
  }

  /// Whether an object is what its name says; of one that a full key has named, the name tells it.
  private func isCertain(_ listed: LogStore.Listed) throws -> Bool {
    guard listed.name.kind == .segment, listed.name.signer != .full else { return true }
    return try RunStore.readable { try store.open(listed) } != nil
  }

  /// Whose log counts; all that there is of the server is listed for it once, if a write-only key has put any.
  func signers(_ found: [LogStore.Listed]) throws -> LogSigners {
    if let signers { return signers }
    var all = Set(found.map(\.name.signer))
    if all.contains(where: { $0 != .full }), named.isEmpty {
      let (single, joined) = try store.segments(of: server, from: nil)
      all.formUnion((single + joined).map(\.name.signer))
    }
    let signers = LogSigners(named: named, all: all, context)
    if !found.isEmpty { self.signers = signers }
    return signers
  }

  /// Hands over the bytes of a segment of a run, piece by piece.
  ///
  /// - Parameter start: Called before the first piece, and again when what was handed over counts for nothing.
  /// - Throws: `RepositoryError`; `StorageError`, also where all that had it has gone since; `LogError.gap`; `RunCancelled`; what
  ///   `take` throws.
  public func read(
    _ number: Int, of run: Run, title: String, start: () throws -> Void,
    _ take: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    var candidates = run.segments[number]
    for _ in 1..<Self.tries {
      do {
        return try read(candidates, start: start, take)
      } catch let error as StorageError {
        guard case .missing = error else { throw error }
        // Joined meanwhile with others. What was there before and is not now is not the end of the log.
        let place = candidates[0].place
        do {
          candidates = try find(history: place.history, number: place.number, count: 1, title: title).segments[0]
        } catch LogError.missing {
          throw error
        }
      }
    }
    try read(candidates, start: start, take)
  }

  /// Hands over the bytes of something else that belongs to the log.
  ///
  /// - Parameters:
  ///   - what: As it was put.
  ///   - number: Of its place.
  ///   - start: As that of `read`.
  /// - Throws: `LogError.missing`; `.undecidedSigner`; what `read` throws.
  public func file(
    _ what: String, history: UInt32, number: UInt64, title: String, start: () throws -> Void,
    _ take: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    guard let place = LogPlace(history: history, number: number, exponent: 0) else { return }
    let found = try store.list(.file(what), of: server, from: place).filter {
      $0.name.kind == .file(what) && $0.name.first.history == history && $0.name.first.number == number
    }
    guard !found.isEmpty else { throw LogError.missing(segment: title, location: context.location) }
    let signers = try signers(found)
    let counting = found.filter { signers.counts($0.name.signer) }
    guard !counting.isEmpty else {
      throw named.isEmpty
        ? undecided(found, title) : LogError.missing(segment: title, location: context.location)
    }
    try read(trusted(counting).map { (place: $0.name.first, listed: $0) }, start: start, take)
  }

  func undecided(_ found: [LogStore.Listed], _ title: String) -> LogError {
    .undecidedSigner(
      segment: title, keys: Set(found.map(\.name.signer.text)).sorted(), location: context.location)
  }

  /// What full keys have signed before the rest.
  private func trusted(_ found: [LogStore.Listed]) -> [LogStore.Listed] {
    found.filter { $0.name.signer == .full } + found.filter { $0.name.signer != .full }
  }

  /// - Parameter candidates: At least one.
  private func read(
    _ candidates: [Candidate], start: () throws -> Void, _ take: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    var (failure, isGone): ((any Error)?, Bool) = (nil, false)
    for (place, listed) in candidates {
      do {
        try start()
        let (object, opener) = try open(listed)
        guard let number = object.segment(at: place) else { continue }
        return try object.read(segment: number, opener, take)
      } catch StorageError.missing {
        isGone = true
      } catch let error where (error is RepositoryError || error is StorageError) && RunStore.concernsObject(error) {
        // What is thrown by who takes the bytes is another thing.
        context.remarks.add(error, consequence: "the segment is looked for elsewhere")
        failure = error
      }
    }
    // What has gone is looked for again, and so comes first.
    if let failure, !isGone { throw failure }
    throw StorageError.missing(candidates[0].listed.name.objectName, location: context.location)
  }

  func open(_ listed: LogStore.Listed) throws -> (object: LogObject, opener: LogOpener) {
    if let opened, opened.object.name == listed.name { return opened }
    let object = try store.open(listed)
    let new = (object, try object.opener())
    opened = new
    return new
  }
}
