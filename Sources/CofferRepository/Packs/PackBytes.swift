import CofferStorage
import CofferSystem

/// The bytes of a pack, read in pieces.
struct PackBytes {
  private let status: ObjectStatus
  private let context: RepositoryContext

  private static let pieceSize = 4 << 20

  init(_ status: ObjectStatus, _ context: RepositoryContext) {
    self.status = status
    self.context = context
  }

  /// - Returns: What is wrong with them; nil for a pack that is what its name says and ends as packs do.
  /// - Throws: `StorageError`; `RunCancelled`.
  func problem(_ digest: Digest256) throws -> String? {
    let size = status.size
    guard size <= ObjectLimit.pack(target: context.header.packTarget) else {
      throw StorageError.tooLarge(status.name, location: context.location, size: size)
    }
    let hasher = try ContentHasher()
    let calls = context.sideBySide
    var starts = Array(stride(from: 0, to: size, by: Self.pieceSize))[...]
    while !starts.isEmpty {
      let pieces = try calls.map(Array(starts.prefix(calls.width))) { [status, context] start in
        try context.store.get(status.name, range: start..<min(start + Self.pieceSize, size))
      }
      for piece in pieces { try piece.withUnsafeBytes { try hasher.update($0) } }
      starts = starts.dropFirst(pieces.count)
    }
    guard try hasher.finish() == digest else { return "The bytes are not the ones the name stands for" }
    guard size >= PackTrailer.size else { return "The trailer is not in place" }
    let end = try context.store.get(status.name, range: size - PackTrailer.size..<size)
    let trailer = end.withUnsafeBytes { PackTrailer(decoding: $0, packSize: size) }
    return trailer == nil ? "The trailer is not in place" : nil
  }
}
