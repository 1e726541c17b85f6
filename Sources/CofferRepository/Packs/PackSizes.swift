import CofferSystem
import Synchronization

/// The sizes of packs as lists of this run have shown them: a pack never changes, and a far store need not be asked again.
final class PackSizes: Sendable {
  private let known = Mutex<[Digest256: Int]>([:])

  subscript(pack: Digest256) -> Int? { known.withLock { $0[pack] } }

  /// Notes what a list of all packs shows.
  func note(_ packs: [Digest256: Int]) { known.withLock { $0 = packs } }

  /// Forgets a size by which the pack could not be opened.
  func forget(_ pack: Digest256) { known.withLock { $0[pack] = nil } }
}
