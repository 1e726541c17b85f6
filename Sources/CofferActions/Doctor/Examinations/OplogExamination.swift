import CofferHooks
import CofferSystem

/// Whether the oplogs of MongoDB servers can be received: the program, the right, the replica set.
struct OplogExamination: Examination {
  let name = "oplogs"

  func findings(_ patient: Patient) throws -> [Finding] {
    try patient.findings(of: OplogServerEntry.all(patient.context()), section: \.section) { entry, hooks in
      let server = try OplogServer(entry.section, context: hooks)
      _ = try server.entry(hooks)
      return [.ok("oplog of \(entry.name) (\(server.place))", "it can be received")]
    }
  }
}
