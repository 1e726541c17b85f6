import CofferStorage
import CofferSystem

/// Looks at one object of `keys/` or `removed/`, whether it counts or not.
enum KeyObjectCheck {
  /// - Throws: `RepositoryError.damaged`; `StorageError`; `RunCancelled`.
  static func check(_ object: ObjectName, _ context: RepositoryContext) throws {
    let root = context.keys.rootPublic
    let isWhole: Bool
    if let name = KeyName(object.path) {
      let bytes = try context.store.get(object, limit: ObjectLimit.key)
      let record = try KeyRecord(decoding: bytes, object: object.path, location: context.location)
      _ = try record.signer(rootPublic: root, object: object.path, location: context.location)
      guard record.holdsBundle || context.header.mode == .keyfile else {
        throw context.damaged(object, KeyRecord.lostBundle)
      }
      isWhole = record.clear.id == "\(name.id)" && record.revision == name.revision
    } else if let id = CountingArchives.key(object) {
      let bytes = try context.store.get(object, limit: ObjectLimit.archive)
      isWhole = CountingArchives(bytes, of: id, rootPublic: root) != nil
    } else if object.parts[0] == KeyRemoval.folder, object.parts.count == 2, let id = KeyID(hex: object.lastPart) {
      let bytes = try context.store.get(object, limit: ObjectLimit.key)
      isWhole = KeyRemoval(bytes, of: id, rootPublic: root) != nil
    } else {
      isWhole = false
    }
    guard isWhole else { throw context.damaged(object, "it is not what its name says, or not signed by the root key") }
  }
}
