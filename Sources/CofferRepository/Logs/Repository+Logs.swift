import CofferStorage
import CofferSystem

/// A part of a server's log that is to be stored.
public struct LogPart: Sendable {
  public enum Kind: Sendable, Equatable {
    case segment
    /// What else belongs to a log, and what it is: 1 to 16 characters of `a-z0-9.`.
    case file(String)
  }

  public let kind: Kind
  public let place: LogPlace
  /// What messages call it.
  public let title: String
  public let origin: LogOrigin
  /// Bytes, at least one and at most 1 GiB.
  public let size: Int

  /// - Returns: nil for what cannot be stored.
  public init?(_ kind: Kind, at place: LogPlace, title: String, origin: LogOrigin, size: Int) {
    guard (1...LogDirectory.segmentSizeLimit).contains(size) else { return nil }
    if case .file(let what) = kind, !LogName.isWhat(what) { return nil }
    self.kind = kind
    self.place = place
    self.title = title
    self.origin = origin
    self.size = size
  }

  /// Bytes that are stored at a time.
  public static let blockSize = LogDirectory.blockSize

  /// What its blocks hold.
  var content: BlockContent { kind == .segment ? .pages : .any }

  /// The kind of its object.
  var nameKind: LogName.Kind {
    switch kind {
    case .segment: .segment
    case .file(let what): .file(what)
    }
  }
}

extension Repository {
  /// Stores a part of a server's log; when this returns, it is durable, or was before.
  ///
  /// - Parameters:
  ///   - level: zstd's.
  ///   - bytes: As many as the part says.
  /// - Returns: Whether it was not stored before.
  /// - Throws: `LogError.conflict` where other bytes are stored in its place; `RepositoryError.keyRemoved`; `.damaged` where what is in
  ///   its place cannot be read; `.unsupported`; `StorageError`; `RunCancelled`.
  public func put(_ part: LogPart, _ bytes: [UInt8], compressionLevel level: Int) throws -> Bool {
    precondition(bytes.count == part.size)
    // One thread more would be of no use: this one waits.
    let workers = part.size > LogPart.blockSize ? context.surroundings.workers : 1
    return try put(
      part,
      CompressingLogPart(part, compressionLevel: level, workers: workers > 1 ? workers : 0) { start, room in
        bytes[start..<start + room.count].withUnsafeBytes { room.copyMemory(from: $0) }
      })
  }

  /// The same of a part that is being compressed already: its blocks are sealed as they come.
  ///
  /// - Parameter content: Made for this part.
  /// - Throws: What compressing it throws, too.
  public func put(_ part: LogPart, _ content: CompressingLogPart) throws -> Bool {
    precondition(content.size == part.size)
    let store = try logStore()
    return try store.put(store.unsigned(part) { builder, time in try builder.append(content, time: time) })
  }

  /// Does what `put` does before it asks the store for anything.
  ///
  /// - Parameter content: Made of this part.
  /// - Throws: `RepositoryError.unsupported`.
  public func seal(_ part: LogPart, _ content: CompressedLogPart) throws -> SealedLogPart {
    precondition(content.size == part.size)
    return try logStore().unsigned(part) { builder, time in
      try builder.append(content, time: time)
      return content
    }.signed()
  }

  /// The rest of it.
  ///
  /// - Parameter part: Sealed for this repository.
  /// - Throws: As `put` does of bytes.
  public func put(_ part: SealedLogPart) throws -> Bool { try logStore().put(part) }

  private func logStore() throws -> LogStore {
    try context.header.refuseUnknownFeatures(location: location)
    return try LogStore(context)
  }

  /// Begins reading a server's log.
  ///
  /// - Parameter signers: The write-only keys whose log counts, by their ids or how these begin; none for the only one.
  /// - Throws: `RepositoryError.needsFullKey`.
  public func logReader(of server: LogServer, signers: [String]) throws -> LogReader {
    guard context.keys.dataPrivate != nil else {
      throw RepositoryError.needsFullKey(location: location, action: "read a log")
    }
    return try LogReader(server, signers: signers, context)
  }

  /// Returns what there is of all servers' logs.
  ///
  /// - Throws: `StorageError` when the store does not answer; `RunCancelled`.
  public func logs() throws -> [LogStream] { try LogInventory(context).streams(context) }

  /// What the key in use has put of a server's log, up to what certainly is that.
  ///
  /// - Throws: `StorageError` when the store does not answer; `RunCancelled`.
  public func ownLogs(of server: LogServer) throws -> [LogStream] {
    try LogInventory(context).certain(of: server.id(context), by: LogSigner(context.keys), context).streams(context)
  }

  /// The last history of a server's log of which any key has put something; 0 for none.
  ///
  /// Those that nobody comes to by counting do not matter: whoever may put something could leave no history to others.
  ///
  /// - Throws: `StorageError` when the store does not answer; `RunCancelled`.
  public func lastHistory(of server: LogServer) throws -> UInt32 {
    let id = try server.id(context)
    return try LogInventory(context).groups.keys.filter { $0.server.isSame(as: id) }.map(\.history)
      .filter { $0 < 1 << 31 }.max() ?? 0
  }

  /// Deletes the pieces of a segment that the key in use has put, and that is whole.
  ///
  /// - Returns: How many went; none where the key may not delete.
  /// - Throws: `StorageError` when the store does not answer; `RunCancelled`.
  public func deletePieces(of place: LogPlace, _ server: LogServer) throws -> Int {
    guard context.keys.role == .full else { return 0 }
    return try LogTidying(context).deletePieces(of: place, server.id(context))
  }

  /// Lists what there is of logs, for `prune` to go by: before the archives are listed.
  ///
  /// - Throws: `StorageError` when the store does not answer; `RunCancelled`.
  public func logInventory() throws -> LogInventory { try LogInventory(context) }

  /// Deletes log that is older than a window, which ends with the newest segment of each log, and that no archive needs.
  ///
  /// - Parameters:
  ///   - inventory: Made before the archives were listed.
  ///   - window: Seconds.
  ///   - archives: All that there are and may count, of whichever host.
  ///   - isDryRun: Whether it is only said what would go.
  ///   - isOwn: Whether log goes of which this is signed; of all other logs nothing does.
  /// - Throws: `RepositoryError.needsFullKey`; `StorageError`; `RunCancelled`.
  public func pruneLogs(
    _ inventory: LogInventory, window: Double, archives: [Archive], isDryRun: Bool,
    of isOwn: @escaping (LogOrigin) -> Bool
  ) throws -> LogPruningReport {
    try context.header.refuseUnknownFeatures(location: location)
    guard context.keys.role == .full else {
      throw RepositoryError.needsFullKey(location: location, action: "prune logs")
    }
    var report = LogPruningReport()
    let all = inventory.groups.values.reduce(0) { $0 + $1.count } + inventory.files.count
    if let lost = try UnlistedEntries.names(in: ArchiveRecord.folder, context).first {
      context.remarks.add(
        Diagnosis(
          subject: context.location,
          problem:
            "No log is deleted: \(lost) is no file, or an empty one, and the archive whose record that was may need log",
          suggestion:
            "Bring the file back from a copy of the repository; if the archive is lost for good, remove what is there"))
      report.kept = all
      return report
    }
    let (going, otherLogs) = try LogPruning(
      context, inventory, window: window, archives: archives, isOwn: isOwn
    ).going()
    report.otherLogs = otherLogs
    report.kept = all - going.count
    for listed in going {
      if !isDryRun { try context.store.delete(listed.status.name) }
      report.deleted += 1
      report.deletedSize = report.deletedSize.addingClamped(UInt64(clamping: listed.status.size))
    }
    return report
  }
}
