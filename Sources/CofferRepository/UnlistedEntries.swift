import CofferStorage
import CofferSystem

/// What has an object's name and is none: an empty file, a link, a folder, a FIFO. No list has it, so that it looks like an object
/// that was deleted: whoever deletes because of what objects say has to look for it.
enum UnlistedEntries {
  /// Seconds between two looks: what is being put, or being deleted, is another thing at the second.
  private static let interval: Double = 1

  /// - Parameter depth: Parts that the objects' names have behind the folder's.
  /// - Returns: Their names, in order.
  /// - Throws: `RunCancelled`; `StorageError` when the store does not answer.
  static func names(in folder: String, depth: Int = 1, _ context: RepositoryContext) throws -> [ObjectName] {
    try paths(in: [(folder, depth)], context).compactMap { ObjectName($0) }
  }

  /// - Parameter folders: Each with the parts that its objects' names have behind its own.
  /// - Returns: Their paths from the repository's root on, in order.
  /// - Throws: `RunCancelled`; `StorageError` when the store does not answer.
  static func paths(in folders: [(path: String, depth: Int)], _ context: RepositoryContext) throws -> [String] {
    let before = try look(folders, context)
    let strange = folders.filter { before[ExactName($0.path)]?.isEmpty == false }
    guard !strange.isEmpty else { return [] }
    try context.store.wait(interval)
    let behind = try look(strange, context)
    return strange.flatMap { folder in
      let name = ExactName(folder.path)
      return before[name, default: []].intersection(behind[name, default: []])
    }.map(\.text).sorted()
  }

  private static func look(
    _ folders: [(path: String, depth: Int)], _ context: RepositoryContext
  ) throws -> [ExactName: Set<ExactName>] {
    let found = try context.sideBySide.map(folders) { folder in
      try context.store.unlistedEntries(in: folder.path, depth: folder.depth)
    }
    return Dictionary(
      zip(folders, found).map { (ExactName($0.path), Set($1.map { ExactName($0) })) }, uniquingKeysWith: { $1 })
  }
}
