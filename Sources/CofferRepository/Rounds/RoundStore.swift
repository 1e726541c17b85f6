import CofferStorage
import CofferSystem

/// Reads and puts the objects of rounds. They count with the signature of a full key only, which is over their names, too: a
/// write-only key, which cannot make tags, knows by it that a full key has.
struct RoundStore {
  /// What is known of an object.
  enum Finding<Object: RoundObject> {
    case stands(Object)
    /// It is not there any more.
    case gone
    /// Nobody's word that counts.
    case none
  }

  let context: RepositoryContext
  /// nil for a write-only key.
  let tags: RootTags?
  private let memory: RoundMemory?

  /// - Parameter memory: What was read before; nil to read everything.
  init(_ context: RepositoryContext, _ memory: RoundMemory? = nil) throws {
    self.context = context
    self.memory = memory
    tags = try RootTags(context.keys, context.header)
  }

  /// What is in the folder: the objects that may be rounds', and those that are none. A full key knows names that only full
  /// keys give; to a write-only key every name may be right, until the object is read.
  ///
  /// - Parameter listed: What a list has shown; nil to make one.
  func list(
    _ listed: [ObjectStatus]? = nil
  ) throws -> (names: [RoundName], strays: [ObjectName], statuses: [RoundName: ObjectStatus]) {
    var names: [RoundName] = []
    var strays: [ObjectName] = []
    var statuses: [RoundName: ObjectStatus] = [:]
    for status in try listed ?? context.store.list(RoundName.folder) {
      if let name = RoundName(status.name), try tags?.isRight(name) ?? true {
        names.append(name)
        statuses[name] = status
      } else {
        strays.append(status.name)
      }
    }
    return (names, strays, statuses)
  }

  /// Reads an object.
  ///
  /// A full key knows by the tag that a full key has put the object, so it is damaged when it does not open: to pass it over
  /// would bring back what it has decided against. A write-only key cannot tell that from what a thief has put, who must not
  /// stop everybody.
  ///
  /// - Parameter status: What the list says of it; nil when it was not listed.
  /// - Throws: `StorageError`; with a full key also `RepositoryError.damaged`, `.unknownKey`.
  func read<Object: RoundObject>(
    _ name: RoundName, _ status: ObjectStatus? = nil, as type: Object.Type
  ) throws -> Finding<Object> {
    if let known = memory?[name, type] { return .stands(known) }
    do {
      let object = try open(name, type, status)
      memory?.keep(object, name)
      return .stands(object)
    } catch StorageError.missing {
      return .gone
    } catch let error where tags == nil && Self.mayBeAnybodys(error) {
      context.remarks.add(error, consequence: "it is passed over")
      return .none
    }
  }

  /// Whether an error is of bytes that somebody may have put who is no full key.
  private static func mayBeAnybodys(_ error: any Error) -> Bool {
    switch error {
    case RepositoryError.damaged, RepositoryError.unknownKey, StorageError.truncated, StorageError.tooLarge: true
    default: false
    }
  }

  private func open<Object: RoundObject>(
    _ name: RoundName, _ type: Object.Type, _ status: ObjectStatus? = nil
  ) throws -> Object {
    let object = name.objectName
    let bytes =
      try status.map { try context.store.get($0, limit: Object.sizeLimit) }
      ?? context.store.get(object, limit: Object.sizeLimit)
    do {
      let (payload, signer) = try context.envelope.open(
        bytes, purpose: .collection, context: Array(object.path.utf8), signers: context.signers)
      guard signer.role == .full else { throw context.damaged(object, "no full key has signed it") }
      let value = try payload.withUnsafeBytes { try Object(decoding: $0) }
      guard value.round == name.round, Object.kind == name.kind else {
        throw context.damaged(object, "it is not what its name says")
      }
      return value
    } catch let error as Envelope.Unopenable {
      throw context.unopenable(object, error)
    } catch let error as ByteReader.Malformed {
      throw context.damaged(object, "it makes no sense at byte \(error.offset)")
    }
  }

  /// Puts an object, unless the round has one of the kind already.
  ///
  /// - Returns: The one that stands, which counts for all.
  /// - Throws: `RepositoryError.needsFullKey`; `.damaged` when what stands there cannot be read; `StorageError`.
  func put<Object: RoundObject>(_ object: Object) throws -> Object {
    guard let tags, let name = try RoundName(round: object.round, Object.kind, tags: tags) else {
      throw RepositoryError.needsFullKey(location: context.location, action: "compact a repository")
    }
    let bytes = try context.envelope.seal(
      object.encoded(), purpose: .collection, context: Array(name.objectName.path.utf8), random: context.random)
    do {
      try context.store.put(name.objectName, bytes)
      return object
    } catch StorageError.occupied {
      return try open(name, Object.self)
    }
  }
}
