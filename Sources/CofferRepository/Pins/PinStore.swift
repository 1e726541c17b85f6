import CofferStorage
import CofferSystem
import FoundationEssentials

/// Puts, reads and deletes the objects that say which archives are to stay.
///
/// A full key tells by the tag of a name that a full key has given it: then the archive is pinned, also when the object is
/// damaged. A write-only key cannot tell, and goes by what a full key has signed.
struct PinStore {
  static let folder = "pins"
  /// Objects that are read at most for what they say.
  static let limit = 1_000

  private let context: RepositoryContext
  /// nil for a write-only key.
  private let tags: RootTags?

  init(_ context: RepositoryContext) throws {
    self.context = context
    tags = try RootTags(context.keys, context.header)
  }

  /// - Throws: `RepositoryError.needsFullKey`; `StorageError`; `RunCancelled`.
  func put(_ pin: ArchivePin, on archiveID: String) throws {
    let name = try tags.flatMap {
      try AttachedName(archiveID: archiveID, in: Self.folder, random: context.random, tags: $0)?.objectName
    }
    guard let name else { throw needsFullKey("pin archives") }
    let bytes = try context.envelope.seal(
      Array(try RecordJSON.encoder.encode(pin)), purpose: .pin, context: Array(name.path.utf8), random: context.random)
    try context.store.put(name, bytes)
  }

  private func needsFullKey(_ action: String) -> RepositoryError {
    .needsFullKey(location: context.location, action: action)
  }

  /// What may be pins, in the order of their archives, and what is none.
  private func list() throws -> (pins: [(name: AttachedName, status: ObjectStatus)], strays: [ObjectName]) {
    var pins: [(name: AttachedName, status: ObjectStatus)] = []
    var strays: [ObjectName] = []
    for status in try context.store.list(Self.folder) {
      if let name = AttachedName(status.name, in: Self.folder), try tags.map(name.isRight) ?? true {
        pins.append((name, status))
      } else {
        strays.append(status.name)
      }
    }
    return (pins.sorted { $0.status.name.path < $1.status.name.path }, strays)
  }

  /// Nothing is taken away from what is pinned; where that cannot be found out, from nothing.
  ///
  /// - Parameter name: What messages call the archive.
  /// - Throws: `RepositoryError.pinnedArchive`; `StorageError`; `RunCancelled`.
  func refuse(_ archiveID: String, named name: String) throws {
    guard try list().pins.contains(where: { $0.name.archiveID.isSame(as: archiveID) }) else { return }
    throw RepositoryError.pinnedArchive(name, location: context.location)
  }

  /// The pins of archives.
  ///
  /// - Parameter wanted: Ids of archives.
  /// - Throws: `StorageError`; `RunCancelled`.
  func load(of wanted: Set<ExactName>) throws -> ArchivePins {
    let there: [(name: AttachedName, status: ObjectStatus)]
    do {
      there = try list().pins.filter { wanted.contains(ExactName($0.name.archiveID)) }
    } catch let error where RunStore.concernsObject(error) {
      context.remarks.add(error, consequence: "which archives are pinned is not known")
      return .none
    }
    let chosen = there.prefix(Self.limit)
    if chosen.count < there.count {
      context.remarks.add(
        Diagnosis(
          subject: context.location,
          problem: "It has \(there.count) pins; only of \(chosen.count) is read what they say", suggestion: nil))
    }
    var pins: [ExactName: ArchivePin?] = [:]
    // What a write-only key does not read is none that it knows of.
    if tags != nil { for (name, _) in there { pins[ExactName(name.archiveID)] = .some(nil) } }
    let found = try context.sideBySide.map(Array(chosen)) { try (id: ExactName($0.name.archiveID), pin: read($0)) }
    // Of several, the first that tells something.
    for (id, pin) in found where (pins[id] ?? nil) == nil { if let pin { pins[id] = pin } }
    return ArchivePins(pins)
  }

  /// - Returns: nil for one that is gone, or damaged, which is said.
  private func read(_ pin: (name: AttachedName, status: ObjectStatus)) throws -> ArchivePin? {
    do {
      return try open(pin.name, try context.store.get(pin.status, limit: ObjectLimit.pin))
    } catch StorageError.missing {
      return nil
    } catch let error where RunStore.concernsObject(error) {
      let consequence = tags == nil ? "the archive may not be pinned" : "the archive counts as pinned all the same"
      context.remarks.add(error, consequence: consequence)
      return nil
    }
  }

  /// - Throws: `RepositoryError`.
  func open(_ name: AttachedName, _ bytes: [UInt8]) throws -> ArchivePin {
    let object = name.objectName
    do {
      let (payload, signer) = try context.envelope.open(
        bytes, purpose: .pin, context: Array(object.path.utf8), signers: context.signers)
      guard signer.role == .full else { throw context.damaged(object, "no full key has signed it") }
      let pin = try RecordJSON.decoder.decode(ArchivePin.self, from: Data(payload))
      guard PlausibleNumbers.isTime(pin.time) else { throw context.damaged(object, "its time is none") }
      return pin
    } catch let error as Envelope.Unopenable {
      throw context.unopenable(object, error)
    } catch is DecodingError {
      throw context.damaged(object, "its content is not readable")
    }
  }

  /// Takes all pins of an archive away.
  ///
  /// - Returns: Whether there were any.
  /// - Throws: `RepositoryError.needsFullKey`; `StorageError`; `RunCancelled`.
  func remove(from archiveID: String) throws -> Bool {
    guard tags != nil else { throw needsFullKey("unpin archives") }
    let found = try list().pins.filter { $0.name.archiveID.isSame(as: archiveID) }
    try delete(found.map(\.status.name))
    return !found.isEmpty
  }

  /// Deletes what nobody has put who may. Pins of archives that are gone stay: their records may come back.
  ///
  /// - Returns: How many objects.
  func removeStrays() throws -> Int {
    guard tags != nil else { return 0 }
    let strays = try list().strays
    do {
      try delete(strays)
      return strays.count
    } catch let error where RunStore.concernsObject(error) {
      context.remarks.add(error, consequence: "what is no pin stays where it is")
      return 0
    }
  }

  private func delete(_ names: [ObjectName]) throws {
    for name in names {
      do {
        try context.store.delete(name)
      } catch StorageError.missing {
        continue
      }
    }
  }

  /// What is wrong with objects that a full key has put.
  ///
  /// - Throws: `StorageError` when the store does not answer; `RunCancelled`.
  func unreadable() throws -> [any Error] {
    guard tags != nil else { return [] }
    return try list().pins.prefix(Self.limit).compactMap { pin in
      do {
        _ = try open(pin.name, try context.store.get(pin.status, limit: ObjectLimit.pin))
        return nil
      } catch StorageError.missing {
        return nil
      } catch let error where RunStore.concernsObject(error) {
        return error
      }
    }
  }
}
