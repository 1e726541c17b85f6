import CofferRepository
import CofferStorage
import CofferSystem

/// Writes an archive's items below a folder, in their order: small ones on a thread of its own while the next are read, for
/// most of what a small file takes is the system's; larger ones at once, behind all before them.
final class ItemWriter {
  private struct ReadItem: Sendable {
    let item: ArchiveItem
    let parts: [EntryName]
    /// Of anything but a file nothing. What reading it failed with is what writing it fails with.
    let content: Result<[UInt8], any Error>
  }

  /// Used by one thread at a time: by the stage's while there is one.
  private final class Written {
    let extractor: FileExtractor
    var damaged = DamagedItems()
    var count = 0

    init(_ extractor: FileExtractor) {
      self.extractor = extractor
    }

    func write(_ items: [ReadItem]) throws {
      for read in items {
        try write(read.item, read.parts) { sink in try read.content.get().withUnsafeBytes { try sink.write($0) } }
      }
    }

    func write(_ item: ArchiveItem, _ parts: [EntryName], _ content: (any ByteSink) throws -> Void) throws {
      do {
        try extractor.extract(item, parts: parts, content: content)
        count += 1
      } catch let error where error is RepositoryError || error is StorageError || error is FileExtractor.Refused {
        // What is damaged keeps nothing else from being written.
        damaged.add(item.path, error)
      }
    }
  }

  private let written: Written
  private var stage: Stage<[ReadItem]>?
  /// To be handed over together.
  private var gathered: [ReadItem] = []
  private var gatheredSize = 0

  /// Bytes of a file that is not worth other threads when it is read.
  private static let smallFile: UInt64 = 1 << 20
  /// Bytes of content and items that are handed over together, more or less.
  private static let gatheredLimit = 1 << 20
  private static let countLimit = 64
  /// Times that these may wait.
  private static let capacity = 2

  init(_ extractor: FileExtractor) {
    written = Written(extractor)
  }

  deinit {
    stop()
  }

  /// Writes an item, now or soon.
  ///
  /// - Parameters:
  ///   - parts: The path below the folder.
  ///   - content: Writes a file's bytes, without its holes, into the sink.
  /// - Throws: What an item before this one failed with, or this one; not that one is damaged or refused, which `settle` tells.
  func write(_ item: ArchiveItem, parts: [EntryName], content: (any ByteSink) throws -> Void) throws {
    let size = item.content.stream?.size ?? 0
    // Of another name of what was written before nothing is read, which shows when it is made.
    guard size <= Self.smallFile, item.extras.link == nil else {
      try settle()
      return try written.write(item, parts, content)
    }
    let read = Result {
      let sink = MemorySink()
      if size > 0 { try content(sink) }
      return sink.bytes
    }
    gathered.append(ReadItem(item: item, parts: parts, content: read))
    gatheredSize += Int(size) + item.heldSize
    if gathered.count >= Self.countLimit || gatheredSize >= Self.gatheredLimit { try handOver() }
  }

  /// Waits until everything is written.
  ///
  /// - Throws: What an item failed with.
  func settle() throws {
    if let stage {
      if stage.failure == nil { try handOver() }
      self.stage = nil
      try stage.finish()
    } else {
      // Few are not worth a thread.
      try written.write(takeGathered())
    }
  }

  /// Ends the thread; what is not written yet is dropped.
  func stop() {
    stage?.cancel()
    stage?.join()
    stage = nil
    gathered = []
  }

  /// Items that were written. As the other it is known when everything is, or after `stop`.
  var count: Int { written.count }

  /// What is wrong with those that could not be.
  var damaged: DamagedItems { written.damaged }

  private func handOver() throws {
    guard !gathered.isEmpty else { return }
    let stage = try self.stage ?? makeStage()
    self.stage = stage
    try stage.give(takeGathered())
  }

  private func takeGathered() -> [ReadItem] {
    defer { (gathered, gatheredSize) = ([], 0) }
    return gathered
  }

  private func makeStage() throws -> Stage<[ReadItem]> {
    let written = HandedOver(written)
    return try Stage("extractor", capacity: Self.capacity) { try written.value.write($0) }
  }
}
