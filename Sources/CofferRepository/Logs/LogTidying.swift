import CofferStorage
import CofferSystem

/// What came of tidying logs up.
public struct LogTidyingReport: Sendable, Equatable {
  /// Segments that were joined with others, and the objects that they are in now.
  public var joinedSegments = 0
  public var joinedObjects = 0
  /// Objects that were deleted because joined ones have what they held, or because nobody has put them who may.
  public var deletedObjects = 0
}

/// Joins small objects of logs, and deletes what joined ones have, by the rules L1 to L5 and L11 of Documentation/deleting.md. May be stopped
/// anywhere.
struct LogTidying {
  let context: RepositoryContext
  let store: LogStore
  /// Bytes of objects that are joined at most, and of what they become.
  private let (smallSize, target): (Int, Int)

  /// Fewer segments are not worth an object of their own.
  private static let fewest = 16
  private static let smallSizeLimit = 1 << 20

  init(_ context: RepositoryContext) throws {
    self.context = context
    store = try LogStore(context)
    target = context.header.packTarget
    smallSize = min(Self.smallSizeLimit, target / 4)
  }

  /// - Parameter level: zstd's, of what is joined.
  /// - Throws: `RepositoryError`; `StorageError` when the store does not answer; `RunCancelled`. A store that refuses to delete
  ///   keeps what there is, which is said.
  func run(compressionLevel level: Int, _ report: inout LogTidyingReport) throws {
    let inventory = try LogInventory(context)
    do {
      tellUnknown(inventory.unknown)
      for name in inventory.strays { try delete(name, &report) }
      for (_, objects) in inventory.groups.sorted(by: { $0.key.order < $1.key.order }) {
        try deleteCovered(objects, &report)
        try join(objects, compressionLevel: level, &report)
      }
      try deletePieces(inventory, &report)
    } catch let error as StorageError where RunStore.concernsObject(error) {
      context.remarks.add(error, consequence: "logs are not tidied up")
    }
  }

  private func tellUnknown(_ names: [ObjectName]) {
    guard let first = names.first else { return }
    context.remarks.add(
      Diagnosis(
        subject: context.location,
        problem:
          "Below \(LogName.folder)/ there are names that no object of a log has, and they stay: \(names.count), the first \(first)",
        suggestion: "See with 'coffer check' which they are; a newer Coffer may know them"))
  }

  func delete(_ name: ObjectName, _ report: inout LogTidyingReport) throws {
    do {
      try context.store.delete(name)
      report.deletedObjects += 1
    } catch StorageError.missing {
      return
    }
  }

  // MARK: - What joined objects have

  private func deleteCovered(_ objects: [LogStore.Listed], _ report: inout LogTidyingReport) throws {
    var gone: Set<ObjectName> = []
    for joined in objects where joined.name.kind == .joined && !gone.contains(joined.status.name) {
      let covered = objects.filter { !gone.contains($0.status.name) && joined.name.standsFor($0.name) }
      guard !covered.isEmpty, let whole = try verified(joined) else { continue }
      for listed in covered where try isSame(listed, in: whole) {
        try delete(listed.status.name, &report)
        gone.insert(listed.status.name)
      }
    }
  }

  /// - Returns: nil for one that is gone or damaged.
  private func verified(_ listed: LogStore.Listed) throws -> LogObject? {
    try context.readable(orElse: "what it was joined of stays") {
      let object = try store.open(listed)
      try object.verify()
      return object
    }
  }

  private func isSame(_ listed: LogStore.Listed, in joined: LogObject) throws -> Bool {
    let first = joined.segment(at: listed.name.first) ?? 0
    return try isSame(listed, in: joined.name) { object in
      try zip(object.directory.segments, first..<joined.directory.segments.count).allSatisfy { segment, number in
        guard segment.size == joined.directory.segments[number].size else { return false }
        return try segment.hash == joined.hash(ofSegment: number, by: object.hashing)
      }
    }
  }

  /// Whether an object holds nothing but what a larger one has; of one that does not it is said. What is damaged, and so holds
  /// nothing, is that, too.
  func isSame(
    _ listed: LogStore.Listed, in larger: LogName, _ hasSame: (LogObject) throws -> Bool
  ) throws -> Bool {
    try context.readable(orElse: "it stays") {
      let object: LogObject
      do {
        object = try store.open(listed)
      } catch RepositoryError.damaged {
        return true
      }
      guard try hasSame(object) else {
        context.remarks.add(
          Diagnosis(
            subject: context.location,
            problem:
              "\(listed.status.name) and \(larger.objectName) are the same part of a log, and differ: the second counts",
            suggestion: "Two servers may have one identity: give one of them another repository"))
        return false
      }
      return true
    } ?? false
  }

  // MARK: - Joining

  private func join(
    _ objects: [LogStore.Listed], compressionLevel level: Int, _ report: inout LogTidyingReport
  ) throws {
    let joined = objects.filter { $0.name.kind == .joined }.map(\.name)
    let places = Dictionary(grouping: objects.filter { $0.name.kind == .segment }, by: \.name.first)
    let single = try places.sorted { $0.key < $1.key }.compactMap { place, found in
      joined.contains { $0.covers(place) } ? nil : try genuine(found, &report)
    }.filter { $0.status.size < smallSize }
    var part: [LogStore.Listed] = []
    var size = 0
    for listed in single {
      let follows = part.last.map { $0.name.first.next == listed.name.first } ?? true
      if !follows || size + listed.status.size > target || part.count == LogDirectory.segmentLimit {
        try put(part, level, &report)
        (part, size) = ([], 0)
      }
      part.append(listed)
      size += listed.status.size
    }
    try put(part, level, &report)
  }

  /// The object of a place that is what its name says, where others have put something there, too: that goes.
  private func genuine(
    _ found: [LogStore.Listed], _ report: inout LogTidyingReport
  ) throws -> LogStore.Listed? {
    guard found.count > 1 else { return found.first }
    let opened = try found.map { listed in try RunStore.readable { try store.open(listed) } }
    guard let first = zip(found, opened).first(where: { $1 != nil })?.0 else { return nil }
    for (listed, object) in zip(found, opened) where object == nil { try delete(listed.status.name, &report) }
    return first
  }

  /// Puts what objects hold that follow each other into one, and deletes them when that stands.
  private func put(_ part: [LogStore.Listed], _ level: Int, _ report: inout LogTidyingReport) throws {
    guard part.count >= Self.fewest else { return }
    let builder = try LogObjectBuilder(context)
    let compressor = LogPartCompressor(level: level, of: .any, workers: context.surroundings.workers)
    var taken: [LogStore.Listed] = []
    var origin: LogOrigin?
    for listed in part {
      // What has been added in part cannot be taken away again.
      guard let said = try append(listed, compressor, to: builder) else { return try put(taken, level, &report) }
      taken.append(listed)
      origin = said
    }
    guard let origin,
      let name = try LogName(
        .joined, of: taken[0].name.server, taken[0].name.first, to: taken[taken.count - 1].name.first,
        taken[0].name.signer, tags: store.tags)
    else { return }
    do {
      try context.store.putAlone(name.objectName, try builder.finish(name, origin: origin))
    } catch StorageError.exists {
      return  // Somebody else has joined the same: what goes is for the next run to see.
    }
    report.joinedObjects += 1
    report.joinedSegments += taken.count
    // What went there is not yet what is there.
    guard let whole = try stored(name) else { return }
    guard whole.directory.segments == builder.segments else {
      return context.remarks.add(
        Diagnosis(
          subject: context.location,
          problem: "\(name.objectName) is not what was put there; what it was joined of stays",
          suggestion: "See what 'coffer check' says"))
    }
    for listed in taken { try delete(listed.status.name, &report) }
  }

  /// What has been put just now, verified; nil where it is not so.
  private func stored(_ name: LogName) throws -> LogObject? {
    do {
      return try verified((name, try context.store.status(of: name.objectName)))
    } catch StorageError.missing {
      return nil
    }
  }

  /// - Returns: What the object says of its server; nil for one that is gone or damaged: then the builder is of no use any more.
  private func append(
    _ listed: LogStore.Listed, _ compressor: LogPartCompressor, to builder: LogObjectBuilder
  ) throws -> LogOrigin? {
    try context.readable(orElse: "it is not joined with others") {
      let object = try store.open(listed)
      let opener = try object.opener()
      let segment = object.directory.segments[0]
      let time = LogDirectory.milliseconds(listed.status.received)
      let content = try compressor.compress(size: segment.size) { try object.read(segment: 0, opener, $0) }
      try builder.append(content, time: time)
      return object.directory.origin
    }
  }
}

extension LogName {
  /// Whether all that another object of the same group has a place for is in this one, which is joined: of two alike the one with
  /// the smaller name stays.
  func standsFor(_ other: LogName) -> Bool {
    guard kind == .joined, objectName != other.objectName, covers(other.first), covers(other.last) else { return false }
    return (first, last) != (other.first, other.last) || objectName < other.objectName
  }
}
