import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferSystem

/// Stores a file of a server's log in one repository, and segments along with it that wait to be pushed after it: the server calls for
/// one at a time, and most of what that takes is to open the repository.
struct LogPushing {
  /// What messages call the file.
  let title: String
  private let file: WALFile
  private let origin: LogOrigin
  private let dataDirectory: String
  private let location: RepositoryLocation
  private let context: ActionContext
  /// nil where nothing can be stored ahead.
  private let pushed: PushedAhead?

  /// Bytes of a segment at most that goes along: each thread holds one in memory.
  private static let sizeLimit = 64 << 20
  /// Seconds after which no further one is begun: the server waits for the first.
  private static let patience: Double = 5

  init(
    _ file: WALFile, _ origin: LogOrigin, dataDirectory: String, in location: RepositoryLocation,
    _ context: ActionContext
  ) {
    self.file = file
    self.origin = origin
    self.dataDirectory = dataDirectory
    self.location = location
    self.context = context
    title = Self.title(of: file)
    pushed = PushedAhead(
      in: RepositoryLocation.cacheFolder(context.surroundings), origin,
      place: [context.configuration?.path ?? "", context.folder, location.path])
  }

  private static func title(of file: WALFile) -> String { "Segment \(file.name.text)" }

  /// Stores the file. When this returns it is durable, or was before.
  ///
  /// - Parameter count: How many others may go along.
  /// - Returns: Whether it was not stored before.
  /// - Throws: Of the file alone what storing and reading throw.
  func push(ahead count: Int) throws -> Bool {
    if let pushed, try pushed.has(file, now: context.surroundings.clock.now()) {
      pushed.forget(upTo: file.name)
      return false
    }
    let access = try context.open(location)
    let waiting = WaitingSegments(behind: file)
    let names = pushed == nil || file.size > Self.sizeLimit ? [] : waiting.names(atMost: count)
    let queue = Monitor(names)
    let end = context.surroundings.clock.steadySeconds() + Self.patience
    var helper: WorkerThread?
    if !names.isEmpty {
      // Where there is no thread to be had, this one does it all.
      helper = try? WorkerThread(name: "push ahead") { [self] in
        pushAhead(queue, waiting, until: end, in: access)
      }
    }
    defer {
      queue.update { $0 = [] }
      helper?.join()
    }
    let isNew = try put(file, in: access)
    pushed?.forget(upTo: file.name)
    pushAhead(queue, waiting, until: end, in: access)
    return isNew
  }

  private func pushAhead(
    _ queue: Monitor<[WALFileName]>, _ waiting: WaitingSegments, until end: Double, in access: OpenRepository
  ) {
    while context.surroundings.clock.steadySeconds() < end,
      let name = queue.update({ $0.isEmpty ? nil : $0.removeFirst() })
    {
      do {
        try pushAhead(name, waiting, in: access)
      } catch {
        // What the server has asked for is another thing; this comes when it asks for it.
        queue.update { $0 = [] }
        context.console.step(
          "\(location.path): \(name.text) was not stored ahead: \(Diagnosis(of: error).problem)")
      }
    }
  }

  private func pushAhead(_ name: WALFileName, _ waiting: WaitingSegments, in access: OpenRepository) throws {
    let other = try WALFile(waiting.path(of: name), dataDirectory: dataDirectory)
    let version = try other.version()
    guard let pushed, other.systemIdentifier == file.systemIdentifier, other.exponent == file.exponent,
      try !pushed.has(other, now: context.surroundings.clock.now()),
      pushed.mayBeNoted(version, now: context.surroundings.clock.now())
    else { return }
    let isNew = try put(other, in: access) {
      // The server writes over a file only when it was told that it is stored.
      guard waiting.isWaiting(name), try other.version() == version else {
        throw WALError.content(other.path, "it waits no more")
      }
    }
    try pushed.note(name, version)
    context.console.step(
      "\(location.path): \(Self.title(of: other)) \(isNew ? "is stored" : "was stored before"), ahead")
  }

  /// - Parameter end: Called when all of the file was read, and before it is put.
  private func put(_ file: WALFile, in access: OpenRepository, end: () throws -> Void = {}) throws -> Bool {
    guard let part = LogPart(file, title: Self.title(of: file), origin: origin) else {
      throw WALError.content(file.name.text, "it is larger than any segment")
    }
    return try access.repository.put(part, compressionLevel: context.root[GeneralOptions.compression].level) { take in
      try file.read(pieces: LogPart.blockSize) { block in
        try context.cancellation.check()
        try take(block)
      }
      try end()
    }
  }
}

/// Segments that a server has finished and not yet been told to be stored, beside one that is pushed: `archive_status` has an empty file
/// `NAME.ready` of each.
struct WaitingSegments: Sendable {
  private let behind: WALFileName
  private let exponent: UInt8
  /// Of the log, and that which says what waits; nil where the file is in no folder of a server's.
  private let folders: (log: Folder, status: Folder)?

  private static let status: EntryName = "archive_status"
  private static let sign = ".ready"

  init(behind file: WALFile) {
    behind = file.name
    exponent = file.exponent
    folders = (try? FilePlace(file.path).folder).flatMap { log in
      (try? log.folder(Self.status)).map { (log, $0) }
    }
  }

  func path(of name: WALFileName) -> String { folders.map { $0.log.path(of: EntryName(name.text)) } ?? name.text }

  func isWaiting(_ name: WALFileName) -> Bool { folders?.status.holds(EntryName(name.text + Self.sign)) ?? false }

  /// Those that follow the file without a gap, in order.
  func names(atMost count: Int) -> [WALFileName] {
    guard case .segment(let timeline, let number) = behind,
      var place = LogPlace(history: timeline, number: number, exponent: exponent)
    else { return [] }
    var names: [WALFileName] = []
    while names.count < count, let next = place.next {
      let name = WALFileName.segment(timeline: timeline, number: next.number)
      guard isWaiting(name) else { break }
      names.append(name)
      place = next
    }
    return names
  }
}
