import CofferStorage
import CofferSystem

/// What has an object's name and is none: an empty file, a link, a folder, a FIFO. No list has it, so that it looks like an object
/// that was deleted.
enum UnlistedEntries {
  /// Seconds between two looks: what is being put, or being deleted, is another thing at the second.
  private static let interval: Double = 1

  /// - Parameter folders: Those of objects whose names have two parts.
  /// - Returns: Their paths from the repository's root on, in order.
  /// - Throws: `RunCancelled`; `StorageError` when the store does not answer.
  static func paths(
    in folders: [String], _ context: RepositoryContext, _ cancellation: Cancellation
  ) throws -> [String] {
    let before = try look(folders, context)
    guard !before.isEmpty else { return [] }
    try cancellation.sleep(interval)
    return before.intersection(try look(folders, context)).map(\.text).sorted()
  }

  private static func look(_ folders: [String], _ context: RepositoryContext) throws -> Set<ExactName> {
    var found: Set<ExactName> = []
    _ = try context.store.firstForeignEntry { path in
      if let parts = ObjectName(path)?.parts, parts.count == 2, folders.contains(where: { $0.isSame(as: parts[0]) }) {
        found.insert(ExactName(path))
      }
      return true
    }
    // Listed behind the look: what was deleted since is in neither, and what was put since in the list alone.
    for folder in folders where !found.isEmpty {
      try context.store.forEachObject(in: folder) { found.remove(ExactName($0.name.path)) }
    }
    return found
  }
}
