import CofferStorage
import CofferSystem

// Objects of logs: nothing else needs them, so each is looked at by itself.
extension Checker {
  /// - Returns: Whether all were looked at before the time was over.
  mutating func checkLogs() throws -> Bool {
    let store = try LogStore(context)
    let last = progress.lastLog.flatMap { ObjectName($0) }
    var isBegun = false
    let all = try store.listAll()
    for name in all.strays { tell(name, "its tag is not right, and 'coffer compact' deletes it") }
    for name in all.unknown { tell(name, "no object of a log has such a name: it is left as it is") }
    for listed in all.objects where last.map({ listed.status.name > $0 }) ?? true {
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

  private func tell(_ name: ObjectName, _ problem: String) {
    context.remarks.add(Diagnosis(subject: context.location, problem: "\(name) is no part of a log: \(problem)"))
  }
}
