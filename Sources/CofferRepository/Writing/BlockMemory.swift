import CofferSystem
import Synchronization

/// Memory of blocks, used again and again: the system would have to clear each page of what it gave anew.
final class BlockMemory: Sendable {
  /// Bytes of each piece.
  let size: Int
  private let idle = Mutex<[OwnedMemory]>([])

  init(size: Int) {
    self.size = size
  }

  /// Returns a piece, whatever is in it.
  func take() -> OwnedMemory {
    idle.withLock { $0.popLast() } ?? OwnedMemory(capacity: size)
  }

  /// Takes a piece back that nobody uses any more. As many are kept as were used at the same time.
  func give(_ memory: OwnedMemory) {
    idle.withLock { $0.append(memory) }
  }
}
