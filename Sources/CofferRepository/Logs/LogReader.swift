import CofferStorage
import CofferSystem

/// Finds and reads what the repository has of one server's log. Used by one thread at a time.
public final class LogReader {
  private let context: RepositoryContext
  private let store: LogStore
  private let server: String
  private let named: [String]
  private var signers: LogSigners?
  /// What was opened last: many segments may be in it.
  private var opened: (object: LogObject, opener: LogOpener)?

  /// How often a segment is looked for again because what has it is being joined.
  private static let tries = 4

  /// - Parameter signers: The write-only keys whose log counts, by their ids or how these begin; none for the only one.
  init(_ server: LogServer, signers: [String], _ context: RepositoryContext) throws {
    self.context = context
    store = try LogStore(context)
    self.server = try server.id(context)
    named = signers
  }

  /// Segments that follow each other, and where they are.
  public struct Run {
    fileprivate let segments: [(place: LogPlace, candidates: [LogStore.Listed])]

    public var places: [LogPlace] { segments.map(\.place) }
  }

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
    // What has gone from the first list when the second is made has been joined before.
    let single = try store.list(.segment, of: server, from: start).filter { $0.name.first.history == history }
    let joined = try store.list(.joined, of: server, from: start).filter { $0.name.first.history == history }
    let signers = try signers(joined + single)
    let counting = (joined + single).filter { signers.counts($0.name.signer) }
    func candidates(_ place: LogPlace) -> [LogStore.Listed] {
      trusted(counting.filter { $0.name.covers(place) })
    }
    let exponents = Set(counting.map(\.name.first.exponent)).sorted()
    for exponent in exponents {
      guard let first = LogPlace(history: history, number: number, exponent: exponent) else { continue }
      var segments: [(LogPlace, [LogStore.Listed])] = []
      var next: LogPlace? = first
      while segments.count < count, let place = next {
        let found = candidates(place)
        guard !found.isEmpty else { break }
        segments.append((place, found))
        next = place.next
      }
      if !segments.isEmpty { return Run(segments: segments) }
    }
    let others = (joined + single).filter { $0.name.first.number <= number && number <= $0.name.last.number }
    guard others.isEmpty else { throw undecided(others, title) }
    throw try counting.contains(where: isCertain)
      ? LogError.gap(segment: title, location: context.location)
      : LogError.missing(segment: title, location: context.location)
  }

  /// Whether an object is what its name says; of one that a full key has named, the name tells it.
  private func isCertain(_ listed: LogStore.Listed) throws -> Bool {
    guard listed.name.kind == .segment, listed.name.signer != .full else { return true }
    return try RunStore.readable { try store.open(listed) } != nil
  }

  /// Whose log counts; all that there is of the server is listed for it once, if a write-only key has put any.
  private func signers(_ found: [LogStore.Listed]) throws -> LogSigners {
    if let signers { return signers }
    var all = Set(found.map(\.name.signer))
    if all.contains(where: { $0 != .full }), named.isEmpty {
      let kinds: [LogName.Kind] = [.segment, .joined]
      for kind in kinds { all.formUnion(try store.list(kind, of: server, from: nil).map(\.name.signer)) }
    }
    let signers = LogSigners(named: named, all: all, context)
    if !found.isEmpty { self.signers = signers }
    return signers
  }

  /// Hands over the bytes of a segment of a run, piece by piece.
  ///
  /// - Parameter start: Called before the first piece, and again when what was handed over counts for nothing.
  /// - Throws: `RepositoryError`; `StorageError`; `LogError` where all that had it has gone since; `RunCancelled`; what `take` throws.
  public func read(
    _ number: Int, of run: Run, title: String, start: () throws -> Void,
    _ take: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    var (place, candidates) = run.segments[number]
    for _ in 0..<Self.tries {
      do {
        return try read(candidates, at: place, start: start, take)
      } catch StorageError.missing {
        // Joined meanwhile with others, or pruned.
        let again = try find(history: place.history, number: place.number, count: 1, title: title)
        (place, candidates) = again.segments[0]
      }
    }
    throw LogError.missing(segment: title, location: context.location)
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
    guard !counting.isEmpty else { throw undecided(found, title) }
    try read(trusted(counting), at: nil, start: start, take)
  }

  private func undecided(_ found: [LogStore.Listed], _ title: String) -> LogError {
    .undecidedSigner(
      segment: title, keys: Set(found.map(\.name.signer.text)).sorted(), location: context.location)
  }

  /// What full keys have signed before the rest.
  private func trusted(_ found: [LogStore.Listed]) -> [LogStore.Listed] {
    found.filter { $0.name.signer == .full } + found.filter { $0.name.signer != .full }
  }

  private func read(
    _ candidates: [LogStore.Listed], at place: LogPlace?, start: () throws -> Void,
    _ take: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    var failure: (any Error)?
    for candidate in candidates {
      do {
        try start()
        let (object, opener) = try open(candidate)
        guard let number = object.segment(at: place ?? object.name.first) else { continue }
        return try object.read(segment: number, opener, take)
      } catch StorageError.missing {
        failure = failure ?? StorageError.missing(candidate.name.objectName, location: context.location)
      } catch let error as RepositoryError {
        guard RunStore.concernsObject(error) else { throw error }
        context.remarks.add(error, consequence: "the segment is looked for elsewhere")
        failure = error
      }
    }
    throw failure ?? LogError.missing(segment: "the segment", location: context.location)
  }

  private func open(_ listed: LogStore.Listed) throws -> (object: LogObject, opener: LogOpener) {
    if let opened, opened.object.name == listed.name { return opened }
    let object = try store.open(listed)
    let new = (object, try object.opener())
    opened = new
    return new
  }
}
