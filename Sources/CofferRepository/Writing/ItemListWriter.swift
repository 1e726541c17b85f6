import CofferSystem
import Synchronization

/// Takes the items of an archive. A list that grows long is stored while it grows, on a thread of its own, so that no more
/// than some pieces of it are in memory.
///
/// Safe to use from several threads.
final class ItemListWriter: Sendable {
  private struct State {
    var encoded = ByteWriter()
    var count: UInt64 = 0
    var thread: WorkerThread?
    /// No thread could be had.
    var failure: SystemError?
  }

  /// The session has ended without an archive.
  private struct Abandoned: Error {}

  private let state = Mutex(State())
  private let pieces = PieceQueue(capacity: 4)
  private let stored = Monitor<Result<StreamReference, any Error>?>(nil)
  private let pieceSize: Int

  /// - Parameter pieceSize: A list that is shorter, in bytes, is stored in one piece at its end.
  init(pieceSize: Int = 1 << 18) {
    self.pieceSize = pieceSize
  }

  /// Adds an item at the end; waits while the list is stored more slowly than it grows. A failure is told by `finish`.
  ///
  /// - Parameter store: Stores a stream to its end. It is called once at most, by whichever call makes the list long.
  func add(_ item: ArchiveItem, store: @escaping @Sendable (any ByteSource) throws -> StreamReference) {
    state.withLock { state in
      item.encode(into: &state.encoded)
      state.count += 1
      guard state.encoded.bytes.count >= pieceSize else { return }
      if state.thread == nil, state.failure == nil { start(&state, store) }
      pieces.push(state.encoded.bytes)
      state.encoded.removeAll()
    }
  }

  private func start(_ state: inout State, _ store: @escaping @Sendable (any ByteSource) throws -> StreamReference) {
    do throws(SystemError) {
      state.thread = try WorkerThread(name: "items") { [pieces, stored] in
        let result = Result { try store(pieces) }
        // Nobody takes more, be it because of a failure.
        pieces.abandon()
        stored.update { $0 = result }
      }
    } catch {
      state.failure = error
      pieces.abandon(error)
    }
  }

  /// Ends the list.
  ///
  /// - Parameter store: As that of `add`.
  /// - Returns: The list, and how many items it has.
  /// - Throws: What `store` throws; `SystemError` when there was no thread for it.
  func finish(
    store: (any ByteSource) throws -> StreamReference
  ) throws -> (list: StreamReference, count: UInt64) {
    let (rest, count, thread, failure) = state.withLock { ($0.encoded.bytes, $0.count, $0.thread, $0.failure) }
    if let failure { throw failure }
    guard let thread else { return (try store(MemorySource(rest)), count) }
    if !rest.isEmpty { pieces.push(rest) }
    pieces.close()
    thread.join()
    guard let result = stored.update({ $0 }) else { throw Abandoned() }
    return (try result.get(), count)
  }

  /// Ends the list for whoever stores it: what it has is not all there was.
  func abandon() { pieces.abandon(Abandoned()) }

  /// Waits until nobody stores any more.
  func join() { state.withLock(\.thread)?.join() }
}
