import CofferStorage
import CofferSystem

/// Puts, reads and deletes the objects that say which archives are to stay.
///
/// A full key tells by the tag of a name that a full key has given it: then the archive is pinned, whatever is under that name: a
/// damaged object, or no object at all. A write-only key cannot tell, and goes by what a full key has signed.
struct PinStore {
  static let folder = "pins"
  /// Objects that are read at most for what they say.
  static let limit = 1_000

  private let context: RepositoryContext
  private let attached: AttachedObjects

  init(_ context: RepositoryContext) throws {
    self.context = context
    attached = try AttachedObjects(context, in: Self.folder, for: .pin, sizeLimit: ObjectLimit.pin)
  }

  /// - Throws: `RepositoryError.needsFullKey`; `StorageError`; `RunCancelled`.
  func put(_ pin: ArchivePin, on archiveID: String) throws { try attached.put(pin, on: archiveID, to: "pin archives") }

  /// Nothing is taken away from what is pinned; where that cannot be found out, from nothing.
  ///
  /// - Parameter name: What messages call the archive.
  /// - Throws: `RepositoryError.pinnedArchive`; `StorageError`; `RunCancelled`.
  func refuse(_ archiveID: String, named name: String) throws {
    let isPinned =
      try attached.list().objects.contains { $0.name.archiveID.isSame(as: archiveID) }
      || attached.lost().contains { $0.archiveID.isSame(as: archiveID) }
    guard isPinned else { return }
    throw RepositoryError.pinnedArchive(name, location: context.location)
  }

  /// The pins of archives.
  ///
  /// - Parameters:
  ///   - wanted: Ids of archives.
  ///   - mustKnow: Whether it is an error that it cannot be known which archives are pinned.
  /// - Throws: `StorageError`; `RunCancelled`.
  func load(of wanted: Set<ExactName>, mustKnow: Bool) throws -> ArchivePins {
    let there: [AttachedObjects.Listed]
    let lost: [AttachedName]
    do {
      there = try attached.list().objects.filter { wanted.contains(ExactName($0.name.archiveID)) }
      lost = try attached.lost().filter { wanted.contains(ExactName($0.archiveID)) }
    } catch let error where !mustKnow && RunStore.concernsObject(error) {
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
    if attached.knowsNames { for (name, _) in there { pins[ExactName(name.archiveID)] = .some(nil) } }
    for name in lost {
      pins[ExactName(name.archiveID)] = .some(nil)
      context.remarks.add(lostPin(name), consequence: "the archive counts as pinned all the same")
    }
    let found = try context.sideBySide.map(Array(chosen)) { try (id: ExactName($0.name.archiveID), pin: read($0)) }
    // Of several, the first that tells something.
    for (id, pin) in found where (pins[id] ?? nil) == nil { if let pin { pins[id] = pin } }
    return ArchivePins(pins)
  }

  /// - Returns: nil for one that is gone, or damaged, which is said.
  private func read(_ pin: AttachedObjects.Listed) throws -> ArchivePin? {
    let consequence =
      attached.knowsNames ? "the archive counts as pinned all the same" : "the archive may not be pinned"
    return try context.readable(orElse: consequence) { try open(pin.name, try attached.bytes(of: pin)) }
  }

  private func lostPin(_ name: AttachedName) -> RepositoryError {
    context.damaged(name.objectName, "in the place of a pin there is no file, or an empty one")
  }

  /// - Throws: `RepositoryError`.
  func open(_ name: AttachedName, _ bytes: [UInt8]) throws -> ArchivePin {
    let pin = try attached.open(name, bytes, as: ArchivePin.self)
    guard PlausibleNumbers.isTime(pin.time) else { throw context.damaged(name.objectName, "its time is none") }
    return pin
  }

  /// Takes all pins of an archive away.
  ///
  /// - Returns: Whether there were any.
  /// - Throws: `RepositoryError.needsFullKey`; `.damaged` for what has a pin's name and is no object, which a person has to remove;
  ///   `StorageError`; `RunCancelled`.
  func remove(from archiveID: String) throws -> Bool {
    guard attached.knowsNames else {
      throw RepositoryError.needsFullKey(location: context.location, action: "unpin archives")
    }
    let found = try attached.list().objects.filter { $0.name.archiveID.isSame(as: archiveID) }
    try delete(found.map(\.status.name))
    if let lost = try attached.lost().first(where: { $0.archiveID.isSame(as: archiveID) }) { throw lostPin(lost) }
    return !found.isEmpty
  }

  /// Deletes what nobody has put who may. Pins of archives that are gone stay: their records may come back.
  ///
  /// - Returns: How many objects.
  func removeStrays() throws -> Int {
    guard attached.knowsNames else { return 0 }
    let strays = try attached.list().strays
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
    guard attached.knowsNames else { return [] }
    return try attached.list().objects.prefix(Self.limit).compactMap { pin in
      do {
        _ = try open(pin.name, try attached.bytes(of: pin))
        return nil
      } catch StorageError.missing {
        return nil
      } catch let error where RunStore.concernsObject(error) {
        return error
      }
    }
  }
}
