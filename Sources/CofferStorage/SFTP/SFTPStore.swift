import CofferSystem
import Glibc
import Synchronization

/// Objects as files at an SFTP server, in the places and under the temporary names that `LocalDirectoryStore` gives them.
///
/// A put writes to a temporary name in the object's own folder, makes the bytes durable where the server can, gives the file its
/// final name (`SFTPNaming`), and makes the folder durable.
final class SFTPStore: ObjectStore {
  let location: String
  let root: String
  let behaviour: Behaviour
  let identity = ProcessIdentity.current()
  private let link: SFTPLink
  private let warn: @Sendable (Diagnosis) -> Void
  private let state: Mutex<State>
  private let beingNamed = NamesInUse()
  private let lost = LostReservations()

  /// What is known of servers of a kind.
  struct Behaviour: Sendable {
    /// The surest way of giving names that may work.
    var naming = SFTPNaming.Means.link
    /// What a failure means of which the server says no more.
    var failure = StorageFailure.Kind.permanent
    /// Whether it is told when the server cannot promise something that others can.
    var isRemarkedOn = true
  }

  private struct State: Sendable {
    var means: SFTPNaming.Means
    /// Whether a file was given its name by them.
    var isTried = false
    /// Folders that were made, or seen, by this store, with their names in their parents made durable.
    var durable: Set<String> = []
    var saysNothingOfDurability = false
  }

  /// - Parameters:
  ///   - root: A path at the server; only `makePlace` makes the folder.
  ///   - warn: Told once of what the server cannot promise.
  init(
    location: String, root: String, link: SFTPLink, behaviour: Behaviour = Behaviour(),
    warn: @escaping @Sendable (Diagnosis) -> Void
  ) {
    self.location = location
    self.root = root
    self.link = link
    self.behaviour = behaviour
    self.warn = warn
    state = Mutex(State(means: behaviour.naming))
  }

  var abilities: StoreAbilities {
    let (means, isTried) = state.withLock { ($0.means, $0.isTried) }
    // What links and reservations promise is known when one was made; what a rename does not is known before.
    let refuses = means == .rename ? false : isTried ? true : nil
    return StoreAbilities(
      kind: "files at an SFTP server", refusesTakenNames: refuses, readsParts: true, keepsOwnTimes: true)
  }

  /// Gives a file that nobody reads its name.
  func learnAbilities(cancellation: Cancellation?) throws(StorageError) -> StoreAbilities {
    guard abilities.refusesTakenNames == nil else { return abilities }
    try attempt(nil, cancellation) { (session) throws(SFTPError) in
      let names = (0..<2).map { _ in
        SFTPPath.joined(root, [TemporaryName(identity, random: .random(in: 0 ... .max)).text])
      }
      defer { for name in names { session.beginAndForget(.remove(name)) } }
      let handle = try session.begin(.open(names[0], .create, permissions: 0o600), cancellation).handle(cancellation)
      try session.begin(.close(handle), cancellation).done(cancellation)
      try give(names[1], to: names[0], size: 0, session, cancellation)
    }
    return abilities
  }

  func expectTransfer(of bytes: UInt64) { link.prepare(for: bytes) }

  func makePlace(cancellation: Cancellation?) throws(StorageError) {
    try attempt(nil, cancellation) { (session) throws(SFTPError) in
      let making = try session.begin(.makeFolder(root, permissions: 0o700), cancellation)
      try Self.makeFolder(making, try session.begin(.status(root), cancellation), cancellation)
      guard let parent = SFTPPath.parent(of: root) else { return }
      noteDurability(try FolderSync(session, parent, cancellation).finish())
    }
  }

  func put(
    _ name: ObjectName, _ content: UnsafeRawBufferPointer, cancellation: Cancellation?
  ) throws(StorageError) {
    guard !content.isEmpty else {
      try check(cancellation)
      throw .failed(name, location: location, .emptyObject)
    }
    try attempt(name, size: content.count, cancellation) { (session) throws(SFTPError) in
      let folder = SFTPPath.joined(root, name.parts.dropLast())
      let temporary = SFTPPath.joined(folder, TemporaryName(identity, random: .random(in: 0 ... .max)).text)
      do throws(SFTPError) {
        let handle = try create(temporary, for: name, session, cancellation)
        do throws(SFTPError) {
          let sync = try FolderSync(session, folder, cancellation)
          do throws(SFTPError) { try session.fill(handle, content, cancellation) } catch {
            sync.drop()
            throw error
          }
          try publish(temporary, name, content.count, session, sync)
        } catch {
          // What cannot be removed is counted among the left-overs.
          session.beginAndForget(.remove(temporary))
          throw error
        }
      } catch {
        guard error.code == .failure, session.isFull(root, for: content.count, cancellation) else { throw error }
        throw .refused(operation: "write", SFTPStatus(.noSpace))
      }
    }
  }

  func get(
    _ name: ObjectName, range: Range<Int>?, cancellation: Cancellation?
  ) throws(StorageError) -> [UInt8] {
    let bytes = try attempt(name, size: range?.count ?? 0, cancellation) { (session) throws(SFTPError) -> [UInt8]? in
      let opening = try session.begin(.open(path(of: name), .read), cancellation)
      let looking = try session.begin(.linkStatus(path(of: name)), cancellation)
      let handle = try opening.handle(cancellation)
      defer { session.beginAndForget(.close(handle)) }
      let size = try self.size(of: try looking.attributes(cancellation))
      let range = range ?? 0..<size
      guard range.lowerBound >= 0, range.upperBound <= size else { return nil }
      return try session.read(handle, range, cancellation)
    }
    guard let bytes else { throw .truncated(name, location: location) }
    return bytes
  }

  func status(of name: ObjectName, cancellation: Cancellation?) throws(StorageError) -> ObjectStatus {
    try attempt(name, cancellation) { (session) throws(SFTPError) in
      let attributes = try session.begin(.linkStatus(path(of: name)), cancellation).attributes(cancellation)
      return Self.objectStatus(name, try size(of: attributes), attributes)
    }
  }

  func delete(_ name: ObjectName, cancellation: Cancellation?) throws(StorageError) {
    try attempt(name, cancellation) { (session) throws(SFTPError) in
      let looking = try session.begin(.linkStatus(path(of: name)), cancellation)
      let sync = try FolderSync(session, SFTPPath.joined(root, name.parts.dropLast()), cancellation)
      do throws(SFTPError) {
        // A reservation is its maker's: a name that was free for a moment could be given twice.
        _ = try size(of: try looking.attributes(cancellation))
        try session.begin(.remove(path(of: name)), cancellation).done(cancellation)
      } catch {
        // Somebody else's removal, or one whose answer was lost, may not be durable yet.
        guard error.isMissing || error == .reserved else {
          sync.drop()
          throw error
        }
      }
      noteDurability(try sync.finish())
    }
  }

  func remove(_ put: UnfinishedPut, cancellation: Cancellation?) throws(StorageError) {
    let parts = put.path.parts(by: "/")
    guard let last = parts.last, TemporaryName(parsing: last) != nil,
      parts.count == 1 || ObjectName(parts.dropLast().joined(separator: "/")) != nil
    else { return try check(cancellation) }
    try attempt(nil, cancellation) { (session) throws(SFTPError) in
      do throws(SFTPError) {
        try session.begin(.remove(SFTPPath.joined(root, parts)), cancellation).done(cancellation)
      } catch {
        guard error.isMissing else { throw error }
      }
    }
  }

  // MARK: - Putting

  /// Makes the temporary file, and the folders that it is in where they are not known to be there.
  private func create(
    _ temporary: String, for name: ObjectName, _ session: SFTPSession, _ cancellation: Cancellation?
  ) throws(SFTPError) -> SFTPHandle {
    let folders = Array(name.parts.dropLast())
    try makeFolders(folders, session, cancellation)
    do throws(SFTPError) {
      return try session.begin(.open(temporary, .create, permissions: 0o600), cancellation).handle(cancellation)
    } catch {
      guard error.isMissing, !folders.isEmpty else { throw error }
      // Somebody has removed the folders since.
      state.withLock { $0.durable.removeAll() }
      try makeFolders(folders, session, cancellation)
      return try session.begin(.open(temporary, .create, permissions: 0o600), cancellation).handle(cancellation)
    }
  }

  private func makeFolders(
    _ parts: [String], _ session: SFTPSession, _ cancellation: Cancellation?
  ) throws(SFTPError) {
    var parent = root
    for part in parts {
      let path = SFTPPath.joined(parent, part)
      if !state.withLock({ $0.durable.contains(path) }) {
        let making = try session.begin(.makeFolder(path, permissions: 0o700), cancellation)
        let looking = try session.begin(.linkStatus(path), cancellation)
        // Whoever made it may not have come to this yet.
        let sync = try FolderSync(session, parent, cancellation)
        do throws(SFTPError) {
          try Self.makeFolder(making, looking, cancellation)
        } catch {
          sync.drop()
          throw error
        }
        noteDurability(try sync.finish())
        _ = state.withLock { $0.durable.insert(path) }
      }
      parent = path
    }
  }

  /// Waits until a folder is made, or found to be there.
  private static func makeFolder(
    _ making: SFTPSession.Pending, _ looking: SFTPSession.Pending, _ cancellation: Cancellation?
  ) throws(SFTPError) {
    do throws(SFTPError) { try making.done(cancellation) } catch {
      // Servers have no word for what is there already.
      guard case .refused = error, !error.isMissing, try looking.attributes(cancellation).kind == .folder else {
        throw error
      }
    }
  }

  /// Names the file, and makes the name durable. The temporary name is left where the naming fails.
  private func publish(
    _ temporary: String, _ name: ObjectName, _ size: Int, _ session: SFTPSession, _ sync: FolderSync
  ) throws(SFTPError) {
    let means: SFTPNaming.Means
    do throws(SFTPError) {
      means = try give(path(of: name), to: temporary, size: size, session, sync.cancellation)
    } catch {
      guard error.code == .exists else {
        sync.drop()
        throw error
      }
      // An answer that was lost makes a name that was given look taken. Whoever finds it good leans on it.
      noteDurability(try sync.finish())
      throw error
    }
    // A rename leaves nothing there.
    let tidying = means == .link ? try session.begin(.remove(temporary), nil) : nil
    do throws(SFTPError) {
      noteDurability(try sync.finish())
    } catch {
      // Nobody may lean on what a power cut could still take away.
      if case .refused = error { try session.begin(.remove(path(of: name)), nil).done(sync.cancellation) }
      throw error
    }
    do throws(SFTPError) { try tidying?.done(sync.cancellation) } catch {
      // A second name that stays, where nothing may be removed, does no harm.
      guard case .refused = error else { throw error }
    }
  }

  /// Names a file, and remembers what works.
  ///
  /// - Returns: How it was named.
  @discardableResult
  private func give(
    _ final: String, to temporary: String, size: Int, _ session: SFTPSession, _ cancellation: Cancellation?
  ) throws(SFTPError) -> SFTPNaming.Means {
    var means = state.withLock { $0.means }
    let first = means
    try SFTPNaming(session: session, beingNamed: beingNamed, lost: lost, cancellation: cancellation)
      .name(temporary, final, size: size, by: &means)
    state.withLock {
      $0.means = means
      $0.isTried = true
    }
    if means != first { tell(of: means) }
    return means
  }

  private func tell(of means: SFTPNaming.Means) {
    switch means {
    case .link: break
    case .reservation:
      remark(
        "has no hard links: programs that write an object of one name at the same moment are told apart by an empty file "
          + "in its place, which one that is killed may leave behind")
    case .rename:
      remark(
        "has no hard links, and may replace a file when another gets its name: two hosts that write an object of one name at the "
          + "same moment are not told apart")
    }
  }

  private func noteDurability(_ isDurable: Bool) {
    let isNews =
      !isDurable
      && state.withLock { state in
        defer { state.saysNothingOfDurability = true }
        return !state.saysNothingOfDurability
      }
    if isNews {
      remark(
        "cannot be asked to make all of what is written durable: after a power cut there the newest objects may be missing"
      )
    }
  }

  private func remark(_ problem: String) {
    guard behaviour.isRemarkedOn else { return }
    warn(Diagnosis(subject: "repository \(location)", problem: "The SFTP server \(problem)"))
  }

  // MARK: - Requests

  func path(of name: ObjectName) -> String { SFTPPath.joined(root, name.parts) }

  /// Makes requests, and tells what went wrong with them as stores do.
  ///
  /// - Parameter size: Bytes that they transfer.
  func attempt<Result>(
    _ name: ObjectName?, size: Int = 0, _ cancellation: Cancellation?,
    _ body: (SFTPSession) throws(SFTPError) -> Result
  ) throws(StorageError) -> Result {
    try check(cancellation)
    do throws(SFTPError) {
      return try link.withSession(transferring: size, cancellation, body)
    } catch {
      throw storageError(error, name)
    }
  }
}
