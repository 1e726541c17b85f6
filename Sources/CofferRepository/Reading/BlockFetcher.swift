import CofferSystem

/// Reads blocks ahead of their use, on threads of its own.
///
/// They are asked for, and waited for, several at a time: of days of edits each is short, and to hand one from thread to thread
/// takes longer than to decode it.
final class BlockFetcher {
  /// A block that was asked for.
  struct Ticket: Sendable {
    let place: BlockPlace
    fileprivate let number: Int
    fileprivate let batch: Batch

    /// Waits for the block, and all that were asked for with it.
    ///
    /// - Throws: What reading it throws; `RunCancelled` when the fetcher is gone.
    func block() throws -> PlainBlock { try batch.result(number).get() }
  }

  /// Blocks that were asked for together.
  fileprivate final class Batch: Sendable {
    let places: [BlockPlace]
    private let results = Monitor<[Result<PlainBlock, any Error>]>([])

    init(_ places: [BlockPlace]) {
      self.places = places
    }

    func result(_ number: Int) -> Result<PlainBlock, any Error> {
      results.wait(until: { !$0.isEmpty }, then: { $0[number] })
    }

    func fulfil(_ body: (BlockPlace) -> Result<PlainBlock, any Error>) {
      let found = places.map(body)
      results.update { $0 = found }
    }
  }

  private let requests: Stage<Batch>

  /// Starts the threads.
  ///
  /// - Parameters:
  ///   - inFlight: How many batches may wait; asking for more blocks.
  ///   - makeReader: Makes a reader for each thread, on that thread.
  init(workers: Int, inFlight: Int, makeReader: @escaping @Sendable () throws -> BlockReader) throws {
    requests = try Stage(
      "fetch", workers: workers, capacity: inFlight,
      drop: { batch, reason in batch.fulfil { _ in .failure(reason) } },
      makeWork: {
        let reader = try makeReader()
        return { batch in batch.fulfil { place in Result { try reader.block(place.block, of: place.pack) } } }
      })
  }

  /// Waits for the threads: one that still frees its ciphers when the program ends would meet the library's own clean-up.
  deinit {
    requests.cancel()
    requests.join()
  }

  /// Asks for blocks.
  ///
  /// - Returns: A ticket for each of them.
  func fetch(_ places: [BlockPlace]) -> [Ticket] {
    let batch = Batch(places)
    if !places.isEmpty {
      do { try requests.give(batch) } catch { batch.fulfil { _ in .failure(error) } }
    }
    return places.enumerated().map { Ticket(place: $1, number: $0, batch: batch) }
  }
}
