import CofferStorage
import CofferSystem

/// The keys of a repository as its store shows them: those that stand, each by the wrapping that counts, and those that were
/// removed. An object that is not readable, or not of this repository, says nothing.
struct KeyInventory: Sendable {
  struct Entry: Sendable {
    let name: KeyName
    let record: KeyRecord
    let signer: Signer
  }

  struct Removed: Sendable {
    let record: KeyRemoval
    /// Of a write-only key; nil while the removal is not at its end.
    var counting: CountingArchives?
  }

  /// In the order of their ids.
  private(set) var standing: [Entry] = []
  private(set) var removed: [KeyID: Removed] = [:]
  /// Every object that is named like one of a key, whatever is in it.
  private(set) var names: [KeyID: [KeyName]] = [:]
  /// Removals that do not count, because no full key would be left.
  private(set) var disregarded: Set<KeyID> = []
  /// Readable ones that the root does not vouch for.
  private(set) var strangers: [KeyRecord] = []
  /// Objects that are there and that the store could not read: what they say is not known.
  private(set) var unread: [ObjectName] = []

  /// - Parameters:
  ///   - remarks: Told of what is passed over.
  ///   - sideBySide: How what does not depend on each other is asked of the store.
  ///   - listed: The objects of keys, if they have just been listed.
  ///   - removing: A key whose removal is under way.
  /// - Throws: `StorageError`; `RunCancelled`.
  init(
    header: RepositoryHeader, store: RunStore, remarks: Remarks, sideBySide: SideBySide = SideBySide(width: 1),
    listed: [ObjectStatus]? = nil, removing: KeyID? = nil
  ) throws {
    let root = Hexadecimal.decode(header.rootPublic) ?? []
    for look in 0..<Self.looks {
      do {
        try self.init(
          KeyObjectReader(root, header.mode, store, remarks, removing, toleratesVanished: false), sideBySide,
          listed: look == 0 ? listed : nil)
        return
      } catch is Vanished {
        continue  // A wrapping that was replaced since it was listed: the new one is in the next list.
      }
    }
    try self.init(KeyObjectReader(root, header.mode, store, remarks, removing, toleratesVanished: true), sideBySide)
  }

  private static let looks = 3
  /// Objects of keys that are read ahead, and held until they are looked at: whoever has a stolen key may put many, of any content.
  private static let aheadLimit = 64
  /// What the list of keys says of them.
  private var statuses: [ObjectName: ObjectStatus] = [:]
  /// Objects of keys that were read while removals were listed, and what came of it.
  private var readAhead: [ObjectName: Result<[UInt8], any Error>] = [:]

  private init(_ reader: KeyObjectReader, _ sideBySide: SideBySide, listed: [ObjectStatus]? = nil) throws {
    // Keys first: one that is removed meanwhile is in the second list or still in both.
    for status in try listed ?? reader.store.list(KeyName.folder) {
      guard let name = KeyName(status.name.path) else {
        reader.passOver(status.name, "its name is not one that keys have")
        continue
      }
      names[name.id, default: []].append(name)
      statuses[status.name] = status
    }
    let newest = names.values.compactMap { names in names.max { $0.revision < $1.revision }?.object }
      .compactMap { statuses[$0] }
    let ahead = Array(newest.prefix(Self.aheadLimit))
    (removed, readAhead) = try sideBySide.both(
      { try reader.removals() }, { [store = reader.store] in try Self.read(ahead, store, sideBySide) })
    for (id, names) in names.sorted(by: { $0.key.description < $1.key.description }) where removed[id] == nil {
      try add(names, reader)
    }
    try disregardLastRemovals(reader)
    readAhead = [:]
    unread = reader.passedOver.unread
    reader.passedOver.tellRest(store: reader.store, remarks: reader.remarks)
  }

  private static func read(
    _ statuses: [ObjectStatus], _ store: RunStore, _ sideBySide: SideBySide
  ) throws -> [ObjectName: Result<[UInt8], any Error>] {
    let found = try sideBySide.map(statuses) { status in Result { try store.get(status, limit: ObjectLimit.key) } }
    return Dictionary(zip(statuses.map(\.name), found)) { first, _ in first }
  }

  /// Takes the readable wrapping with the highest number.
  private mutating func add(_ names: [KeyName], _ reader: KeyObjectReader) throws {
    for name in names.sorted(by: { $0.revision > $1.revision }) {
      guard let object = name.object, let status = statuses[object] else { continue }
      guard let record = try reader.record(name, object, { try readAhead[object]?.get() ?? reader.read(status) }) else {
        continue
      }
      guard let signer = try reader.signer(name, record) else {
        strangers.append(record)
        continue
      }
      // What it has signed counts all the same, and no older wrapping comes back.
      if reader.holdsBundles, !record.holdsBundle { reader.tellLostBundle(object) }
      standing.append(Entry(name: name, record: record, signer: signer))
      return
    }
  }

  /// A repository that no full key opens is nobody's wish: two that removed each other's keys at the same moment have left it.
  private mutating func disregardLastRemovals(_ reader: KeyObjectReader) throws {
    guard !holdsFullKey else { return }
    for (id, removal) in removed where removal.record.signer.role == .full {
      guard let names = names[id] else { continue }
      removed[id] = nil
      disregarded.insert(id)
      try add(names, reader)
    }
  }

  /// Finds the key, one that was removed too, whose id begins so.
  ///
  /// - Returns: nil unless there is exactly one.
  func key(beginning: String) -> KeyID? {
    let found = (standing.map(\.signer.id) + removed.keys).filter { $0.description.begins(with: beginning) }
    return found.count == 1 && !beginning.isEmpty ? found[0] : nil
  }

  /// What it means that there is none whose id begins so, or not one alone.
  func noKey(_ beginning: String, location: String) -> RepositoryError {
    guard !beginning.isEmpty, let object = unread.first(where: { $0.lastPart.begins(with: beginning) }) else {
      return .noSuchKey(beginning, location: location)
    }
    return .askedKeyUnread(beginning, location: location, object: object.path)
  }

  private var holdsFullKey: Bool { standing.contains { $0.signer.role == .full } }

  func signers(besides own: Signer) -> SignerDirectory {
    SignerDirectory(
      standing.map(\.signer) + removed.values.map(\.record.signer) + [own], removed: removed, unread: unread)
  }
}

/// An object was deleted since it was listed.
private struct Vanished: Error {}

/// Counts what is passed over: whoever can put objects can put any number, and is not to bury other warnings below them.
private final class PassedOver {
  private static let most = 10
  private var count = 0
  var unread: [ObjectName] = []

  /// Whether one more is to be said by itself.
  func isToBeSaid() -> Bool {
    count += 1
    return count <= Self.most
  }

  func tellRest(store: RunStore, remarks: Remarks) {
    guard count > Self.most else { return }
    remarks.add(
      Diagnosis(
        subject: "repository \(store.location)",
        problem: "\(count - Self.most) more objects in keys/ and removed/ are passed over",
        suggestion: "Run 'coffer check', which names them; take away what nobody has put there on purpose"))
  }
}

/// Reads what is in `keys/` and `removed/`, and says what it passes over.
private struct KeyObjectReader {
  let root: [UInt8]
  /// Whether keys are kept in the repository, and not only their public halves.
  let holdsBundles: Bool
  let store: RunStore
  let remarks: Remarks
  let removing: KeyID?
  let toleratesVanished: Bool
  let passedOver = PassedOver()

  init(
    _ root: [UInt8], _ mode: EncryptionMode, _ store: RunStore, _ remarks: Remarks, _ removing: KeyID?,
    toleratesVanished: Bool
  ) {
    self.root = root
    holdsBundles = mode == .repokey
    self.store = store
    self.remarks = remarks
    self.removing = removing
    self.toleratesVanished = toleratesVanished
  }

  func read(_ status: ObjectStatus) throws -> [UInt8] { try store.get(status, limit: ObjectLimit.key) }

  func record(_ name: KeyName, _ object: ObjectName, _ read: () throws -> [UInt8]) throws -> KeyRecord? {
    try passingOver { () throws -> KeyRecord? in
      let record = try KeyRecord(decoding: try read(), object: object.path, location: store.location)
      guard record.clear.id == "\(name.id)", record.revision == name.revision else {
        throw damaged(object, "it is that of another key, or another wrapping")
      }
      return record
    } ?? nil
  }

  func signer(_ name: KeyName, _ record: KeyRecord) throws -> Signer? {
    try passingOver {
      try record.signer(rootPublic: root, object: name.object?.path ?? "", location: store.location)
    }
  }

  func removals() throws -> [KeyID: KeyInventory.Removed] {
    var removed: [KeyID: KeyInventory.Removed] = [:]
    let listed = try store.list(KeyRemoval.folder)
    for status in listed {
      let object = status.name
      guard let id = KeyID(hex: object.lastPart), object.parts.count == 2 else {
        if CountingArchives.key(object) == nil { passOver(object, "its name is not one that removals have") }
        continue
      }
      let removal = try passingOver { () throws -> KeyRemoval in
        let bytes = try read(status)
        guard let removal = KeyRemoval(bytes, of: id, rootPublic: root) else {
          throw damaged(object, "it is not signed by the repository's root key")
        }
        return removal
      }
      if let removal { removed[id] = KeyInventory.Removed(record: removal) }
    }
    for status in listed {
      let object = status.name
      guard let id = CountingArchives.key(object), removed[id] != nil else { continue }
      let counting = try passingOver { () throws -> CountingArchives in
        let bytes = try store.get(status, limit: ObjectLimit.archive)
        guard let counting = CountingArchives(bytes, of: id, rootPublic: root) else {
          throw damaged(object, "it is not signed by the repository's root key")
        }
        return counting
      }
      if let counting { removed[id]?.counting = counting }
    }
    for (id, removal) in removed
    where removal.record.signer.role == .writeOnly && removal.counting == nil && id != removing {
      let isUnread = passedOver.unread.contains { CountingArchives.key($0) == id }
      remarks.add(
        Diagnosis(
          subject: "repository \(store.location)",
          problem: isUnread
            ? "Which archives of the removed key \(id) count is not known, so every archive counts that it signs"
            : "The removal of key \(id) has not come to its end: until then every archive counts that it signs",
          suggestion: isUnread ? nil : "Run 'coffer key remove --key \(id)' again"))
    }
    return removed
  }

  func passOver(_ object: ObjectName, _ detail: String) {
    passOver(damaged(object, detail))
  }

  func tellLostBundle(_ object: ObjectName) {
    remarks.add(damaged(object, KeyRecord.lostBundle), consequence: "its passphrase opens nothing")
  }

  private func passOver(_ error: any Error) {
    switch error {
    case StorageError.failed(let object?, _, _), StorageError.truncated(let object, _): passedOver.unread.append(object)
    default: break
    }
    if passedOver.isToBeSaid() { remarks.add(error, consequence: "it is passed over") }
  }

  private func passingOver<Value>(_ read: () throws -> Value) throws -> Value? {
    do {
      return try read()
    } catch StorageError.missing {
      guard toleratesVanished else { throw Vanished() }
      return nil
    } catch let error where !RunStore.concernsObject(error) {
      throw error
    } catch {
      passOver(error)
      return nil
    }
  }

  private func damaged(_ object: ObjectName, _ detail: String) -> RepositoryError {
    .damaged(object: object.path, location: store.location, detail: detail)
  }
}
