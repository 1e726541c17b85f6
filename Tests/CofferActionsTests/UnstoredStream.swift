import CofferRepository
import CofferSystem

extension StreamReference {
  /// One of a stream that is stored nowhere.
  static func unstored(size: UInt64) -> StreamReference {
    let hash = [UInt8](repeating: 0, count: Digest256.size).withUnsafeBytes { Digest256($0) }
    return StreamReference(root: nil, depth: 0, size: size, chunkCount: 0, hash: hash)
  }
}
