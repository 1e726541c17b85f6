import CofferSystem
import FoundationEssentials
import Glibc
import Synchronization

/// Objects as files below a folder.
///
/// The folder is opened once and held: what happens to the path that led to it, an unmounted disk for example, cannot
/// send what is written later to another place. A put writes to a temporary name in the object's own folder, makes the
/// bytes durable, gives the file its final name (which fails when that is taken), and makes the folder durable.
///
/// An empty file under an object's name is no object but a reservation, see `ExclusiveNaming`.
public final class LocalDirectoryStore: ObjectStore {
  public let location: String
  let root: String
  private let place: FolderPlace
  let calls: FileCalls
  let identity = ProcessIdentity.current()
  private let warn: @Sendable (Diagnosis) -> Void
  private let state = Mutex(State())

  private struct State: Sendable {
    var means = ExclusiveNaming.Means.link
    /// Folders whose names in their parents are known to be durable.
    var durable: Set<String> = []
    var saysNothingOfFolders = false
    /// What was found of the file system.
    var remarks: [String] = []
  }

  /// Opened when it is first needed, and never closed before the store is gone.
  private let held = Mutex<Folder?>(nil)

  /// Bytes that are written or read between two looks at the cancellation.
  static let pieceSize = 4 << 20

  /// - Parameters:
  ///   - root: An absolute path; only `makePlace` makes the folder.
  ///   - warn: Told once of what the file system cannot promise.
  public convenience init(
    root: String, calls: FileCalls = .system, warn: @escaping @Sendable (Diagnosis) -> Void = { _ in }
  ) {
    self.init(root: root, place: .at(root), calls: calls, warn: warn)
  }

  /// - Parameters:
  ///   - root: The path of the place; for messages.
  ///   - place: How it is reached.
  init(
    root: String, place: FolderPlace, calls: FileCalls = .system,
    warn: @escaping @Sendable (Diagnosis) -> Void = { _ in }
  ) {
    location = root
    self.root = root
    self.place = place
    self.calls = calls
    self.warn = warn
  }

  public var abilities: StoreAbilities {
    StoreAbilities(
      kind: "a folder of this machine", refusesTakenNames: true, readsParts: true, keepsOwnTimes: true,
      remarks: state.withLock { $0.remarks })
  }

  public func makePlace(cancellation: Cancellation?) throws(StorageError) {
    try check(cancellation)
    let facts: stat
    do throws(SystemError) {
      guard let parent = try place.make() else { return }
      let folder = try place.open()
      // Whatever the process's mask is.
      guard fchmod(folder.number, 0o700) == 0 else { throw SystemError(call: "chmod", subject: root) }
      try sync(parent)
      facts = try folder.status()
    } catch {
      throw storageError(error, nil)
    }
    if facts.st_mode & 0o077 != 0 {
      remark("keeps no permissions: others may see the repository's files, though they cannot read what is in them")
    }
  }

  public func put(
    _ name: ObjectName, _ content: UnsafeRawBufferPointer, cancellation: Cancellation?
  ) throws(StorageError) {
    guard !content.isEmpty else {
      try check(cancellation)
      throw .failed(name, location: location, .emptyObject)
    }
    try put(name, cancellation) { (write) throws(SystemError) in try write(content) }
  }

  /// Stores a new object durably of pieces as they come.
  ///
  /// - Parameter fill: Writes all of them, which are not empty together, by what it is given. What it throws ends the put.
  func put(
    _ name: ObjectName, _ cancellation: Cancellation?,
    _ fill: ((UnsafeRawBufferPointer) throws(SystemError) -> Void) throws(SystemError) -> Void
  ) throws(StorageError) {
    try check(cancellation)
    guard let root = try opened() else { throw .missing(name, location: location) }
    do throws(SystemError) {
      let folder = try makeFolder(name.parts.dropLast(), in: root)
      let temporary = EntryName(TemporaryName(identity, random: .random(in: 0 ... .max)).text)
      do throws(SystemError) {
        try write(to: temporary, in: folder, cancellation, fill)
        try publish(temporary, EntryName(name.lastPart), in: folder)
      } catch {
        // What cannot be removed is counted among the left-overs.
        _ = try? folder.remove(temporary)
        throw error
      }
    } catch {
      throw storageError(error, name)
    }
  }

  public func get(
    _ name: ObjectName, range: Range<Int>?, cancellation: Cancellation?
  ) throws(StorageError) -> [UInt8] {
    try check(cancellation)
    guard let root = try opened() else { throw .missing(name, location: location) }
    let bytes: [UInt8]?
    do throws(SystemError) {
      let file = try LocalFile(EntryName(name.lastPart), in: try folder(name.parts.dropLast(), in: root))
      guard file.size > 0 else { throw Self.reservation }
      bytes = try file.read(range ?? 0..<file.size, cancellation)
    } catch {
      throw storageError(error, name)
    }
    guard let bytes else { throw .truncated(name, location: location) }
    return bytes
  }

  public func status(of name: ObjectName, cancellation: Cancellation?) throws(StorageError) -> ObjectStatus {
    try check(cancellation)
    guard let root = try opened() else { throw .missing(name, location: location) }
    do throws(SystemError) {
      let facts = try facts(of: name, in: try folder(name.parts.dropLast(), in: root))
      return Self.objectStatus(name, facts)
    } catch {
      throw storageError(error, name)
    }
  }

  public func delete(_ name: ObjectName, cancellation: Cancellation?) throws(StorageError) {
    try check(cancellation)
    guard let root = try opened() else { return }
    do throws(SystemError) {
      let folder = try folder(name.parts.dropLast(), in: root)
      // A reservation is its maker's: a name that was free for a moment could be given twice.
      let facts = try facts(of: name, in: folder)
      if facts.st_mode & S_IFMT == S_IFDIR {
        // What is left where there was an object below the name: with nothing in it, it is only in the way of the name's own.
        try folder.removeEmptyFolder(EntryName(name.lastPart))
        state.withLock { _ = $0.durable.remove("/" + name.path) }
      } else {
        try folder.remove(EntryName(name.lastPart))
      }
      try sync(folder)
    } catch {
      if error.code == ENOENT || error == Self.reservation { return }
      // File systems that write what they change to another place need some for that, too: but nothing was to be stored.
      if [ENOSPC, EDQUOT].contains(error.code) { throw .failed(name, location: location, StorageFailure(error)) }
      throw storageError(error, name)
    }
  }

  public func remove(_ put: UnfinishedPut, cancellation: Cancellation?) throws(StorageError) {
    try check(cancellation)
    let parts = Self.parts(of: put.path)
    guard let root = try opened(), let last = parts.last, TemporaryName(parsing: last) != nil else { return }
    do throws(SystemError) {
      try folder(parts.dropLast(), in: root).remove(EntryName(last))
    } catch {
      if error.code != ENOENT { throw storageError(error, nil) }
    }
  }
}

// MARK: - Folders and files

extension LocalDirectoryStore {
  /// The root; nil when there is none.
  func opened() throws(StorageError) -> Folder? {
    let result: Result<Folder?, SystemError> = held.withLock { held in
      if let held { return .success(held) }
      do throws(SystemError) {
        held = try place.open()
        return .success(held)
      } catch {
        return error.code == ENOENT || error.code == ENOTDIR ? .success(nil) : .failure(error)
      }
    }
    do throws(SystemError) { return try result.get() } catch { throw storageError(error, nil) }
  }

  func folder(_ parts: some Sequence<String>, in root: Folder) throws(SystemError) -> Folder {
    var current = root
    for part in parts { current = try current.folder(EntryName(part)) }
    return current
  }

  private func makeFolder(_ parts: some Sequence<String>, in root: Folder) throws(SystemError) -> Folder {
    var current = root
    var path = ""
    for part in parts {
      path += "/" + part
      let name = EntryName(part)
      if !state.withLock({ $0.durable.contains(path) }) {
        do throws(SystemError) { try current.makeFolder(name) } catch {
          // It is there already, or the file system refuses to set its mode.
          guard try current.holds(name) else { throw error }
        }
        // Whoever made it may not have come to this yet.
        try sync(current)
        _ = state.withLock { $0.durable.insert(path) }
      }
      current = try current.folder(name)
    }
    return current
  }

  /// - Throws: `reservation`; other `SystemError`s.
  private func facts(of name: ObjectName, in folder: Folder) throws(SystemError) -> stat {
    let facts = try folder.status(of: EntryName(name.lastPart))
    guard !Self.isReservation(facts) else { throw Self.reservation }
    return facts
  }

  private func write(
    to name: EntryName, in folder: Folder, _ cancellation: Cancellation?,
    _ fill: ((UnsafeRawBufferPointer) throws(SystemError) -> Void) throws(SystemError) -> Void
  ) throws(SystemError) {
    let file = try folder.open(name, flags: O_WRONLY | O_CREAT | O_EXCL)
    // Whatever the process's mask is; file systems without modes refuse it, and show modes of their own anyway.
    _ = fchmod(file.number, 0o600)
    let number = file.number
    try fill { (content) throws(SystemError) in
      var rest = content
      while !rest.isEmpty {
        let count = calls.write(number, rest.baseAddress, min(rest.count, Self.pieceSize))
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { throw SystemError(call: "write", subject: folder.path(of: name)) }
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        try Self.check(cancellation)
      }
    }
    guard calls.sync(file.number) == 0 else { throw SystemError(call: "fsync", subject: folder.path(of: name)) }
    try file.close(subject: folder.path(of: name))
    // From here on the put goes to its end: an object that is there must be one that was put.
    try Self.check(cancellation)
  }

  private func publish(_ temporary: EntryName, _ final: EntryName, in folder: Folder) throws(SystemError) {
    var means = state.withLock { $0.means }
    let first = means
    do throws(SystemError) {
      try ExclusiveNaming(calls: calls).name(temporary, final, in: folder, by: &means)
    } catch {
      // Over a network, an answer that was lost makes a name that was given look taken. Whoever finds it good leans on it.
      if error.code == EEXIST { try sync(folder) }
      throw error
    }
    if means != first { remember(means) }
    do throws(SystemError) {
      try sync(folder)
    } catch {
      // Nobody may lean on what a power cut could still take away.
      try folder.remove(final)
      throw error
    }
  }

  private func remember(_ means: ExclusiveNaming.Means) {
    let isNews = state.withLock { state in
      defer { state.means = means }
      return state.means != means
    }
    if isNews, means == .reservation {
      remark(
        "has neither hard links nor renames that replace nothing: programs that write an object of one name at the "
          + "same moment are told apart by an empty file in its place, which one that is killed may leave behind")
    }
  }

  private func sync(_ folder: Folder) throws(SystemError) {
    let code = calls.sync(folder.number) == 0 ? 0 : errno
    guard code != 0 else { return }
    guard code == EINVAL || code == EOPNOTSUPP || code == ENOSYS else {
      throw SystemError(call: "fsync", subject: folder.path, code: code)
    }
    let isNews = state.withLock { state in
      defer { state.saysNothingOfFolders = true }
      return !state.saysNothingOfFolders
    }
    if isNews {
      remark("cannot be asked to make a folder's entries durable: after a power cut the newest objects may be missing")
    }
  }

  private func remark(_ problem: String) {
    let remark = "The file system \(problem)"
    state.withLock { $0.remarks.append(remark) }
    warn(Diagnosis(subject: "repository \(location)", problem: remark))
  }
}

// MARK: - Facts and errors

extension LocalDirectoryStore {
  static func isReservation(_ facts: stat) -> Bool { facts.st_mode & S_IFMT == S_IFREG && facts.st_size == 0 }

  static func objectStatus(_ name: ObjectName, _ facts: stat) -> ObjectStatus {
    let seconds = Double(facts.st_mtim.tv_sec) + Double(facts.st_mtim.tv_nsec) / 1e9
    return ObjectStatus(
      name: name, size: Int(facts.st_size), received: Date(timeIntervalSince1970: seconds))
  }

  static func parts(of path: String) -> [String] {
    path.utf8.split(separator: UInt8(ascii: "/")).map { String(decoding: $0, as: UTF8.self) }
  }

  /// What is thrown for a reservation, which no system call fails with.
  private static let reservation = SystemError(call: "open", subject: "reservation", code: ENODATA)

  static func check(_ cancellation: Cancellation?) throws(SystemError) {
    if cancellation?.isCancelled == true { throw SystemError(call: "cancel", subject: "", code: ECANCELED) }
  }

  func check(_ cancellation: Cancellation?) throws(StorageError) {
    if cancellation?.isCancelled == true { throw .cancelled(location: location) }
  }

  func storageError(_ error: SystemError, _ name: ObjectName?) -> StorageError {
    switch (error.code, name) {
    case (ENOSPC, let name?), (EDQUOT, let name?): .full(name, location: location)
    case (EEXIST, let name?): .exists(name, location: location)
    case (ENOENT, let name?), (ENOTDIR, let name?): .missing(name, location: location)
    case (ENODATA, let name?) where error == Self.reservation:
      .reserved(name, location: location, path: "\(root)/\(name)")
    case (ECANCELED, _): .cancelled(location: location)
    default: .failed(name, location: location, StorageFailure(error))
    }
  }
}
