import CofferHooks
import CofferSystem

/// Whether the oplogs of MongoDB servers can be received: the program, the right, the replica set.
struct OplogExamination: Examination {
  let name = "oplogs"

  func findings(_ patient: Patient) throws -> [Finding] {
    let context = patient.context()
    let entries = OplogServerEntry.all(context)
    guard !entries.isEmpty else { return [] }
    let hooks = try context.hookContext()
    return try entries.flatMap { entry -> [Finding] in
      try context.cancellation.check()
      if let fault = entry.section.fault() { return [.problem("\(fault.mark)", fault.message, fault.suggestion)] }
      do {
        let server = try OplogServer(entry.section, context: hooks)
        _ = try server.entry(hooks)
        return [.ok("oplog of \(entry.name) (\(server.place))", "it can be received")]
      } catch let error as RunCancelled {
        throw error
      } catch {
        return Finding.problems(error)
      }
    }
  }
}
