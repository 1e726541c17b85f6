import CofferHooks
import CofferRepository
import CofferSystem

/// A dump of an archive, as a hook looks at parts of it.
final class ReadDump: StoredDump {
  let size: UInt64
  private let stream: StreamReference?
  private let reader: ArchiveReader
  private let cancellation: Cancellation

  /// - Parameter dump: One that is a folder has no bytes.
  init(_ dump: ArchiveDump, _ reader: ArchiveReader, _ cancellation: Cancellation) {
    if case .file(let reference)? = dump.items.first?.content { stream = reference } else { stream = nil }
    size = stream?.size ?? 0
    self.reader = reader
    self.cancellation = cancellation
  }

  func read(_ range: Range<UInt64>) throws -> [UInt8] {
    let sink = MemorySink()
    if let stream { try reader.read(range, of: stream, into: sink, cancellation: cancellation) }
    return sink.bytes
  }
}
