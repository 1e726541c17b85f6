import CofferSystem

/// Reads blocks ahead of their use, on threads of its own.
final class BlockFetcher {
  /// A block that was asked for.
  final class Ticket: Sendable {
    let place: BlockPlace
    private let result = Monitor<Result<PlainBlock, any Error>?>(nil)

    fileprivate init(_ place: BlockPlace) {
      self.place = place
    }

    /// Waits for the block.
    ///
    /// - Throws: What reading it throws; `RunCancelled` when the fetcher is gone.
    func block() throws -> PlainBlock {
      try result.wait(until: { $0 != nil }, then: { try ($0 ?? .failure(RunCancelled())).get() })
    }

    fileprivate func fulfil(_ value: Result<PlainBlock, any Error>) {
      result.update { $0 = value }
    }
  }

  private let requests: Stage<Ticket>

  /// Starts the threads.
  ///
  /// - Parameters:
  ///   - inFlight: How many requests may wait; asking for more blocks.
  ///   - makeReader: Makes a reader for each thread, on that thread.
  init(workers: Int, inFlight: Int, makeReader: @escaping @Sendable () throws -> BlockReader) throws {
    requests = try Stage(
      "fetch", workers: workers, capacity: inFlight, drop: { ticket, reason in ticket.fulfil(.failure(reason)) },
      makeWork: {
        let reader = try makeReader()
        return { ticket in ticket.fulfil(Result { try reader.block(ticket.place.block, of: ticket.place.pack) }) }
      })
  }

  /// Waits for the threads: one that still frees its ciphers when the program ends would meet the library's own clean-up.
  deinit {
    requests.cancel()
    requests.join()
  }

  func fetch(_ place: BlockPlace) -> Ticket {
    let ticket = Ticket(place)
    do { try requests.give(ticket) } catch { ticket.fulfil(.failure(error)) }
    return ticket
  }
}
