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

  private let requests: BoundedQueue<Ticket>
  private var threads: [WorkerThread] = []

  /// Starts the threads.
  ///
  /// - Parameters:
  ///   - inFlight: How many requests may wait; asking for more blocks.
  ///   - makeReader: Makes a reader for each thread.
  init(workers: Int, inFlight: Int, makeReader: () throws -> BlockReader) throws {
    let requests = BoundedQueue<Ticket>(capacity: inFlight)
    self.requests = requests
    let readers = try (0..<workers).map { _ in Owned(reader: try makeReader()) }
    for (number, owned) in readers.enumerated() {
      threads.append(
        try WorkerThread(name: "fetch \(number)") {
          while let ticket = requests.pop() {
            ticket.fulfil(Result { try owned.reader.block(ticket.place.block, of: ticket.place.pack) })
          }
        })
    }
  }

  private struct Owned: @unchecked Sendable {
    // Sound because each reader is handed to one thread and used by no other.
    let reader: BlockReader
  }

  /// Waits for the threads: one that still frees its ciphers when the program ends would meet the library's own clean-up.
  deinit {
    for ticket in requests.abandon() { ticket.fulfil(.failure(RunCancelled())) }
    for thread in threads { thread.join() }
  }

  func fetch(_ place: BlockPlace) -> Ticket {
    let ticket = Ticket(place)
    requests.push(ticket)
    return ticket
  }
}
