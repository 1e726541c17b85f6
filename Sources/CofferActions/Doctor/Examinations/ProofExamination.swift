import CofferConfiguration
import CofferSystem

/// Whether dumps were shown to restore.
struct ProofExamination: Examination {
  let name = "proof"

  func findings(_ patient: Patient) throws -> [Finding] {
    try patient.forEachOpen { location, _ in
      let status = try patient.status(location)
      let limit = patient.context(location).root[VerifyOptions.within]?.seconds
      return status.databases.filter { $0.standing == .backedUp }.map { database in
        let subject = "\(database.identity.title), in \(location.name)"
        guard !database.hasFailedSince else {
          return .problem(subject, "The last try to restore it failed", "Run 'coffer verify' and see what it says")
        }
        guard let last = database.lastProof else {
          let grade: Finding.Grade = limit == nil ? .advice : .problem
          return Finding(
            grade: grade, subject: subject, text: "It was never shown to restore", remedy: "Run 'coffer verify'")
        }
        let age = max(status.now.timeIntervalSince(last), 0)
        let text = "last shown to restore \(Formats.duration(age)) ago"
        guard let limit, age > limit else { return .ok(subject, text) }
        return .problem(subject, "\(text), more than verify_within", "Run 'coffer verify'")
      }
    }
  }
}
