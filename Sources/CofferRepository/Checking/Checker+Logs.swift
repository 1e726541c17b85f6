import CofferStorage
import CofferSystem

// Objects of logs: nothing else needs them, so each is looked at by itself.
extension Checker {
  /// - Returns: Whether all were looked at before the time was over.
  mutating func checkLogs() throws -> Bool {
    let store = try LogStore(context)
    let last = progress.lastLog.flatMap { ObjectName($0) }
    var isBegun = false
    for listed in try store.listAll().objects where last.map({ listed.status.name > $0 }) ?? true {
      if isBegun, isOver { return false }
      isBegun = true
      try cancellation.check()
      report.objectCount += 1
      do {
        let object = try store.open(listed)
        if level >= .content { try object.verify() }
      } catch StorageError.missing {
        // Joined with others, or pruned, since it was listed.
      } catch let error where !RunStore.concernsObject(error) {
        throw error
      } catch {
        found(error)
      }
      progress.lastLog = listed.status.name.path
    }
    return true
  }
}
