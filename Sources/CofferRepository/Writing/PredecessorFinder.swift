import CofferSystem
import Synchronization

/// Finds what had a stream's place in the newest archives of the same host. Safe to use from several threads.
///
/// Where it finds nothing, or something else, edits are only coded less well. That is why it believes full keys alone, and
/// reads no more than there is time for.
final class PredecessorFinder: Sendable {
  private struct State {
    /// What is in the first of them.
    var known: [[ItemPath: StreamReference]] = []
  }

  private let context: RepositoryContext
  private let index: ChunkIndex
  /// The archives that are worth a look, newest first.
  private let archives: [Archive]
  private let cancellation: Cancellation
  private let state = Mutex(State())

  /// Archives that are looked through: those of other configurations of the host are among them.
  private static let archiveLimit = 8
  /// Bytes of an item list that is read for this.
  private static let itemListLimit: UInt64 = 16 << 20
  /// Bytes of a stream that can have edits between chunks that are known.
  private static let shortestStream: UInt64 = 64 << 10

  /// - Parameter archives: All of the repository, oldest first.
  init(
    context: RepositoryContext, index: ChunkIndex, archives: [Archive], hostname: String, cancellation: Cancellation
  ) {
    self.context = context
    self.index = index
    let own = archives.filter {
      $0.writeOnlyKey == nil && $0.draft.hostname == hostname && $0.items.size <= Self.itemListLimit
    }
    self.archives = own.suffix(Self.archiveLimit).reversed()
    self.cancellation = cancellation
  }

  /// Makes what reads recipes; not to be shared between threads.
  func reader() throws -> StreamReader { try StreamReader(context: context, index: RenewedIndex(fixed: index)) }

  /// Returns the newest stream that an archive of the host has at a place.
  ///
  /// - Throws: `RunCancelled`, and what says that the store does not answer.
  func stream(at place: ItemPath, _ reader: StreamReader) throws -> StreamReference? {
    try state.withLock { state in
      for number in archives.indices {
        if number == state.known.count { state.known.append(try streams(of: archives[number], reader)) }
        if let stream = state.known[number][place] { return stream }
      }
      return nil
    }
  }

  private func streams(of archive: Archive, _ reader: StreamReader) throws -> [ItemPath: StreamReference] {
    let items = ArchiveReader(reader)
    let streams = try RunStore.readable {
      var streams: [ItemPath: StreamReference] = [:]
      try items.forEachItem(of: archive, cancellation: cancellation) { item in
        guard case .file(let stream) = item.content, stream.size >= Self.shortestStream else { return }
        streams[item.path] = stream
      }
      return streams
    }
    return streams ?? [:]
  }
}
