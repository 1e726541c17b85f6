import CofferStorage
import CofferSystem

extension RepositoryContext {
  /// Puts an object and lists folders, each when what is before it has ended: in one way there and back where the store keeps an order
  /// by itself, and else stage by stage.
  ///
  /// - Returns: What came of each list, one stage behind the other; only those of the last stage may have failed.
  /// - Throws: `StorageError` of a list of an earlier stage, or of the put, `.occupied` when the name is taken by other bytes; `RunCancelled`.
  func inOrder(_ calls: OrderedCalls) throws -> [Result<[ObjectStatus], any Error>] {
    do {
      if let found = try store.inOrder(calls) { return found.map { .success($0) } }
    } catch is StorageError {
      // Made one by one, each call is tried again as often as it is worth, and a put finds its own bytes in place.
    }
    let first = calls.stages.first ?? []
    let (_, found) = try sideBySide.both(
      { if let put = calls.put { try store.put(put.name, put.content) } }, { try lists(first) })
    let later = calls.goOnBehindPut ? unstoppable : self
    return try calls.stages.dropFirst().reduce(found) { earlier, folders in
      for list in earlier { _ = try list.get() }
      return try earlier + later.lists(folders)
    }
  }

  private func lists(_ folders: [String]) throws -> [Result<[ObjectStatus], any Error>] {
    try sideBySide.map(folders) { [store] folder in Result { try store.list(folder) } }
  }
}
