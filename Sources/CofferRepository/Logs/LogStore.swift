import CofferStorage
import CofferSystem
import FoundationEssentials

/// Puts segments of a server's log into the repository, and finds them.
///
/// The order of lists and puts is that of Documentation/deleting.md.
struct LogStore {
  typealias Listed = (name: LogName, status: ObjectStatus)

  private let context: RepositoryContext
  let tags: LogTags

  /// How often a put is made again because what was in its place has gone.
  private static let tries = 4
  /// Joined objects that are opened at most for a segment whose own name was free: others may have put such names.
  private static let joinedLimit = 16

  init(_ context: RepositoryContext) throws {
    self.context = context
    tags = try LogTags(context)
  }

  /// The hash of a segment that is stored.
  private struct StoredHash {
    private let hashing: SegmentHashing
    private let hash: Digest256

    init(of object: LogObject, segment number: Int) {
      hashing = object.hashing
      hash = object.directory.segments[number].hash
    }

    func isOf(_ content: CompressedLogPart) throws -> Bool { try content.hash(by: hashing) == hash }
  }

  // MARK: - Putting

  /// Begins the object of a segment, or of something else that belongs to a log.
  ///
  /// - Parameter seal: Gives the builder what is in it, and returns that.
  /// - Throws: `RepositoryError`; what `seal` throws.
  func unsigned(
    _ part: LogPart, _ seal: (LogObjectBuilder, _ time: UInt64) throws -> CompressedLogPart
  ) throws -> UnsignedLogPart {
    let server = try part.origin.server.id(context)
    guard
      let name = try LogName(
        part.nameKind, of: server, part.place, to: part.place, LogSigner(context.keys), tags: tags)
    else {
      throw context.damaged(ObjectName(wellFormed: "logs"), "\(part.title) has no name that a log's object can have")
    }
    let builder = try LogObjectBuilder(context)
    let content = try seal(builder, LogDirectory.milliseconds(context.clock.now()))
    return UnsignedLogPart(part: part, name: name, content: content, builder: builder)
  }

  /// Stores a part whose blocks are sealed.
  ///
  /// - Returns: Whether it was not stored before.
  /// - Throws: `LogError.conflict`; `RepositoryError`; `StorageError`; `RunCancelled`.
  func put(_ part: UnsignedLogPart) throws -> Bool {
    // Who may overwrite is asked for the name while the object is signed, and not earlier: the less others can put there meanwhile.
    guard !isExclusive else { return try put(part.signed()) }
    let name = part.name
    let (sealed, isTaken) = try context.sideBySide.both({ try part.signed() }, { try self.isTaken(name) })
    return try put(sealed, isTaken: isTaken)
  }

  /// Trying out whether a store refuses names that are taken would take more than looking, and leave something behind where nothing may
  /// be deleted.
  private var isExclusive: Bool { context.store.isKnownToRefuseTakenNames }

  /// The same of a part that is signed, too.
  ///
  /// - Parameter known: Whether its name was just now seen to be taken; nil where nobody has looked.
  func put(_ part: SealedLogPart, isTaken known: Bool? = nil) throws -> Bool {
    let isExclusive = isExclusive
    var isTaken = known
    for _ in 0..<Self.tries {
      let isPut = try !(isTaken ?? (!isExclusive && self.isTaken(part.name)))
      isTaken = nil
      let isOurs = try isPut && put(part.name, part.bytes)
      guard let isNew = try settle(part, isPut: isOurs, isExclusive: isExclusive) else { continue }
      try context.checkKeyStands()
      return isNew
    }
    throw StorageError.missing(part.name.objectName, location: context.location)
  }

  /// - Parameters:
  ///   - isPut: Whether it was put: its name was free.
  ///   - isExclusive: Whether the store refuses names that are taken.
  /// - Returns: Whether it was not stored before; nil where what was in its place has gone since.
  private func settle(_ part: SealedLogPart, isPut: Bool, isExclusive: Bool) throws -> Bool? {
    let (name, bytes) = (part.name, part.bytes)
    // Both behind the put, in whichever order. What was joined was there before, and counts.
    let (isNew, found) = try context.sideBySide.both(
      { try isPut && (isExclusive || stands(name, bytes)) },
      { try joined(with: name, limit: isPut ? Self.joinedLimit : .max) })
    if let other = try found ?? (isPut && !isNew ? joined(with: name, limit: .max) : nil) {
      guard try other.isOf(part.content) else { throw conflict(part) }
      return false
    }
    guard !isNew else { return true }
    do {
      let there = try open((name, try context.store.status(of: name.objectName)))
      guard try StoredHash(of: there, segment: 0).isOf(part.content) else { throw conflict(part) }
      return false
    } catch StorageError.missing {
      return nil
    }
  }

  private func conflict(_ part: SealedLogPart) -> LogError {
    LogError.conflict(segment: part.title, location: context.location)
  }

  /// - Returns: Whether the name was not taken.
  private func put(_ name: LogName, _ bytes: [UInt8]) throws -> Bool {
    do {
      try context.store.putAlone(name.objectName, bytes)
      return true
    } catch StorageError.exists {
      return false
    }
  }

  /// Whether a name is taken, where a store may overwrite.
  private func isTaken(_ name: LogName) throws -> Bool {
    do {
      _ = try context.store.status(of: name.objectName)
      return true
    } catch StorageError.missing {
      return false
    }
  }

  /// Whether what was put is what stands there now, which the header tells.
  private func stands(_ name: LogName, _ bytes: [UInt8]) throws -> Bool {
    do {
      return try context.store.stands(name.objectName, bytes, beginning: LogHeader.size)
    } catch StorageError.missing {
      return false
    }
  }

  /// The hash of a segment that is joined with others.
  ///
  /// - Parameter limit: Objects that are opened at most.
  /// - Returns: nil where none that counts is, and for what is no segment.
  private func joined(with name: LogName, limit: Int) throws -> StoredHash? {
    guard name.kind == .segment else { return nil }
    let place = name.first
    let found = try list(.joined, of: name.server, from: place).filter {
      $0.name.signer == name.signer && $0.name.covers(place)
    }
    for listed in found.prefix(limit) {
      let hash: StoredHash? = try context.readable(orElse: "what it may hold of the log is passed over") {
        let object = try open(listed)
        return object.segment(at: place).map { StoredHash(of: object, segment: $0) }
      }
      if let hash { return hash }
    }
    return nil
  }

  // MARK: - Finding

  /// What of one kind of a server's objects ends at a place or later, in the order of names; what bears no right tag is not there.
  func list(_ kind: LogName.Kind, of server: String, from place: LogPlace?) throws -> [Listed] {
    try list(LogName.folder(kind, of: server), after: place.flatMap { LogName.before($0, kind, of: server) }).objects
  }

  /// What has segments of a server that end at a place or later, by rule L3 of Documentation/deleting.md: what has gone from the
  /// first list when the second is made has been joined before.
  func segments(of server: String, from place: LogPlace?) throws -> (single: [Listed], joined: [Listed]) {
    let single = try list(.segment, of: server, from: place)
    return (single, try list(.joined, of: server, from: place))
  }

  /// Objects of logs, names that are those of such but for the tag, and names that are none.
  typealias All = (objects: [Listed], strays: [ObjectName], unknown: [ObjectName])

  func listAll() throws -> All { try list(LogName.folder, after: nil) }

  private func list(_ folder: String, after last: ObjectName?) throws -> All {
    var objects: [Listed] = []
    var strays: [ObjectName] = []
    var unknown: [ObjectName] = []
    var failure: (any Error)?
    try context.store.forEachObject(in: folder, after: last) { status in
      do {
        guard let name = LogName(status.name) else { return unknown.append(status.name) }
        if try name.isRight(tags) {
          objects.append((name, status))
        } else {
          strays.append(status.name)
        }
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return (objects, strays, unknown)
  }

  func open(_ listed: Listed) throws -> LogObject { try LogObject(listed.name, listed.status, context) }
}
