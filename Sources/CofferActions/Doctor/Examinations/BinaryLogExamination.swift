import CofferConfiguration
import CofferHooks
import CofferSystem

/// Whether the binary logs of MariaDB and MySQL servers can be received: settings, rights, programs.
struct BinaryLogExamination: Examination {
  let name = "binary logs"

  func findings(_ patient: Patient) throws -> [Finding] {
    try patient.findings(of: BinaryLogEntry.all(patient.context()), section: \.section) { entry, hooks in
      let server = try BinaryLogServer(entry.section, entry.dialect, host: entry.host, context: hooks)
      let facts = try server.ask(hooks)
      try server.checkReceiving(hooks)
      let title = "binary log of \(entry.name) (\(server.place))"
      return [.ok(title, "it can be received; the server has \(facts.files.count) files of it")]
        + facts.remarks.map { .advice($0.subject, $0.problem, $0.suggestion) }
    }
  }
}
