import CofferStorage
import CofferSystem
import FoundationEssentials

/// The objects of one kind that full keys attach to archives: signed by one, under names that only full keys give.
struct AttachedObjects {
  typealias Listed = (name: AttachedName, status: ObjectStatus)

  private let context: RepositoryContext
  private let folder: String
  private let purpose: Envelope.Purpose
  private let sizeLimit: Int
  /// nil for a write-only key.
  private let tags: RootTags?

  /// - Parameter sizeLimit: Bytes of an object at most.
  init(_ context: RepositoryContext, in folder: String, for purpose: Envelope.Purpose, sizeLimit: Int) throws {
    self.context = context
    self.folder = folder
    self.purpose = purpose
    self.sizeLimit = sizeLimit
    tags = try RootTags(context.keys, context.header)
  }

  /// Whether the key in use can tell names that full keys have given from others.
  var knowsNames: Bool { tags != nil }

  /// - Parameter action: What takes a full key, for the error.
  /// - Throws: `RepositoryError.needsFullKey`; `StorageError`; `RunCancelled`.
  func put(_ record: some Encodable, on archiveID: String, to action: String) throws {
    let name = try tags.flatMap {
      try AttachedName(archiveID: archiveID, in: folder, random: context.random, tags: $0)?.objectName
    }
    guard let name else { throw RepositoryError.needsFullKey(location: context.location, action: action) }
    let bytes = try context.envelope.seal(
      Array(try RecordJSON.encoder.encode(record)), purpose: purpose, context: Array(name.path.utf8),
      random: context.random)
    try context.store.put(name, bytes)
  }

  /// What may be such objects, in the order of their archives, and what is none.
  func list() throws -> (objects: [Listed], strays: [ObjectName]) {
    var objects: [Listed] = []
    var strays: [ObjectName] = []
    for status in try context.store.list(folder) {
      if let name = AttachedName(status.name, in: folder), try tags.map(name.isRight) ?? true {
        objects.append((name, status))
      } else {
        strays.append(status.name)
      }
    }
    return (objects.sorted { $0.status.name.path < $1.status.name.path }, strays)
  }

  /// The names that a full key has given and under which there is no object, but something else.
  ///
  /// - Throws: `StorageError`; `RunCancelled`.
  func lost() throws -> [AttachedName] {
    guard let tags else { return [] }
    return try UnlistedEntries.names(in: folder, context).compactMap { AttachedName($0, in: folder) }
      .filter { try $0.isRight(tags) }
  }

  /// - Throws: `StorageError`; `RunCancelled`.
  func bytes(of object: Listed) throws -> [UInt8] { try context.store.get(object.status, limit: sizeLimit) }

  /// - Throws: `RepositoryError`.
  func open<Record: Decodable>(_ name: AttachedName, _ bytes: [UInt8], as type: Record.Type) throws -> Record {
    let object = name.objectName
    do {
      let (payload, signer) = try context.envelope.open(
        bytes, purpose: purpose, context: Array(object.path.utf8), signers: context.signers)
      guard signer.role == .full else { throw context.damaged(object, "no full key has signed it") }
      return try RecordJSON.decoder.decode(type, from: Data(payload))
    } catch let error as Envelope.Unopenable {
      throw context.unopenable(object, error)
    } catch is DecodingError {
      throw context.damaged(object, "its content is not readable")
    }
  }
}
