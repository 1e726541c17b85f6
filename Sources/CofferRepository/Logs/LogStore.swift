import CofferStorage
import CofferSystem
import FoundationEssentials

/// Puts segments of a server's log into the repository, and finds them.
///
/// The order of lists and puts is that of Documentation/deleting.md.
struct LogStore {
  typealias Listed = (name: LogName, status: ObjectStatus)

  private let context: RepositoryContext
  private let tags: LogTags
  /// nil for a write-only key.
  private let rootTags: RootTags?

  /// How often a put is made again because what was in its place has gone.
  private static let tries = 4

  init(_ context: RepositoryContext) throws {
    self.context = context
    tags = try LogTags(context)
    rootTags = try RootTags(context.keys, context.header)
  }

  // MARK: - Putting

  /// Stores a segment, or something else that belongs to a log.
  ///
  /// - Parameters:
  ///   - title: What messages call it.
  ///   - size: Its bytes.
  ///   - write: Calls what it is given with its bytes, as `LogObjectBuilder.append` says.
  /// - Returns: Whether it was not stored before.
  /// - Throws: `LogError.conflict`; `RepositoryError`; `StorageError`; `RunCancelled`; what `write` throws.
  func put(
    _ kind: LogName.Kind, at place: LogPlace, title: String, origin: LogOrigin, level: Int, size: Int,
    _ write: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void
  ) throws -> Bool {
    let server = try origin.server.id(context)
    guard
      let name = try LogName(kind, of: server, place, to: place, LogSigner(context.keys), tags: tags)
    else { throw context.damaged(ObjectName(wellFormed: "logs"), "\(title) has no name that a log's object can have") }
    let builder = try LogObjectBuilder(context, level: level)
    try builder.append(size: size, time: LogDirectory.milliseconds(context.clock.now()), write)
    let bytes = try builder.finish(name, origin: origin)
    let hash = builder.segments[0].hash
    for _ in 0..<Self.tries {
      guard let isNew = try settle(name, bytes, hash, title) else { continue }
      try context.checkKeyStands()
      return isNew
    }
    throw StorageError.missing(name.objectName, location: context.location)
  }

  /// - Returns: Whether it was not stored before; nil where what was in its place has gone since.
  private func settle(_ name: LogName, _ bytes: [UInt8], _ hash: Digest256, _ title: String) throws -> Bool? {
    var isNew = true
    do {
      try context.store.putAlone(name.objectName, bytes)
    } catch StorageError.exists {
      isNew = false
    }
    // What was joined was there before, and counts.
    if name.kind == .segment, let joined = try joined(with: name.first, of: name.server, by: name.signer) {
      guard joined == hash else { throw LogError.conflict(segment: title, location: context.location) }
      return false
    }
    guard !isNew else { return true }
    do {
      let there = try LogObject(name, try context.store.status(of: name.objectName), context)
      guard there.directory.segments[0].hash == hash else {
        throw LogError.conflict(segment: title, location: context.location)
      }
      return false
    } catch StorageError.missing {
      return nil
    }
  }

  /// The hash of a segment that is joined with others.
  ///
  /// - Returns: nil where none that counts is.
  private func joined(with place: LogPlace, of server: String, by signer: LogSigner) throws -> Digest256? {
    for listed in try list(.joined, of: server, from: place) where listed.name.signer == signer {
      guard listed.name.covers(place) else { continue }
      do {
        let object = try LogObject(listed.name, listed.status, context)
        if let number = object.segment(at: place) { return object.directory.segments[number].hash }
      } catch StorageError.missing {
        continue
      } catch let error where RunStore.concernsObject(error) {
        context.remarks.add(error, consequence: "what it may hold of the log is passed over")
      }
    }
    return nil
  }

  // MARK: - Finding

  /// What of one kind of a server's objects ends at a place or later, in the order of names; what bears no right tag is not there.
  func list(_ kind: LogName.Kind, of server: String, from place: LogPlace?) throws -> [Listed] {
    try list(LogName.folder(kind, of: server), after: place.flatMap { LogName.before($0, kind, of: server) }).objects
  }

  /// All logs' objects, and what is none.
  func listAll() throws -> (objects: [Listed], strays: [ObjectName]) { try list(LogName.folder, after: nil) }

  private func list(_ folder: String, after last: ObjectName?) throws -> (objects: [Listed], strays: [ObjectName]) {
    var objects: [Listed] = []
    var strays: [ObjectName] = []
    var failure: (any Error)?
    try context.store.forEachObject(in: folder, after: last) { status in
      do {
        if let name = LogName(status.name), try rootTags.map(name.isRight) ?? true {
          objects.append((name, status))
        } else {
          strays.append(status.name)
        }
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return (objects, strays)
  }

  func open(_ listed: Listed) throws -> LogObject { try LogObject(listed.name, listed.status, context) }
}
