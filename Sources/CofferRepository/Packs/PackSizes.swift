import CofferSystem
import Synchronization

/// The sizes of packs as lists of this run have shown them, and of their ends as the index tells: a pack never changes, and a far store
/// need not be asked again.
final class PackSizes: Sendable {
  struct Known: Sendable {
    let size: Int
    /// Bytes at the end that hold the directory, if the index can tell.
    var tail: Int?
  }

  private let known = Mutex<[Digest256: Known]>([:])

  subscript(pack: Digest256) -> Known? { known.withLock { $0[pack] } }

  /// Notes what a list of all packs shows.
  func note(_ packs: [Digest256: Int]) { known.withLock { $0 = packs.mapValues { Known(size: $0) } } }

  /// Notes what the index says of packs that were listed. It only saves time: where a directory is longer, the rest is read too.
  func note(tailsIn runs: [IndexRun]) {
    known.withLock { known in
      for run in runs {
        let leaning = Set(run.bases.map(\.pack))
        for number in 0..<run.layout.packCount where !leaning.contains(number) {
          let pack = run.pack(number).digest
          guard let size = known[pack]?.size else { continue }
          known[pack]?.tail = PackReader.tailSize(
            of: size, blocks: run.blocks(ofPack: number).count, chunks: run.chunks(ofPack: number).count)
        }
      }
    }
  }

  /// Forgets a size by which the pack could not be opened.
  func forget(_ pack: Digest256) { known.withLock { $0[pack] = nil } }
}
