import CofferConfiguration
import CofferSystem

/// How old the last backups are, and what became of the last run.
struct BackupExamination: Examination {
  let name = "backup"

  func findings(_ patient: Patient) throws -> [Finding] {
    try patient.forEachOpen { location, _ in
      let status = try patient.status(location)
      let problems = status.problems.map {
        Finding.problem(
          "\($0.subject), in \(location.name)", $0.what,
          $0.isOfLog ? $0.remedy : "Run 'coffer create' and see what it says")
      }
      let databases = status.databases.filter { $0.standing == .never && $0.overdue == nil }.map {
        Finding.problem("\($0.identity.title), in \(location.name)", "It was never backed up", "Run 'coffer create'")
      }
      return newest(status) + problems + databases + lastRun(status) + limit(patient, location)
    }
  }

  private func newest(_ status: RepositoryStatus) -> [Finding] {
    guard let last = status.history.last else {
      return [.problem(status.name, "It holds no archive yet", "Run 'coffer create'")]
    }
    guard status.overdue == nil else { return [] }
    let age = StatusText.age(of: status.history, at: status.now)
    return [.ok(status.name, "the newest archive, \(last.archive), is \(age) old")]
  }

  private func lastRun(_ status: RepositoryStatus) -> [Finding] {
    guard let text = StatusText.lastRun(status), let fate = status.lastFate else { return [] }
    return switch fate {
    case .succeeded: [.ok(status.name, text)]
    case .skipped: [.advice(status.name, text, "See that it is not skipped every time")]
    case .failed: [.problem(status.name, text, "Run 'coffer create' and do what it says")]
    }
  }

  private func limit(_ patient: Patient, _ location: RepositoryLocation) -> [Finding] {
    guard patient.context(location).root[StatusOptions.within] == nil else { return [] }
    return [
      .advice(
        location.name, "Nothing says how old a backup may be", "Set backup_within, for example to '26 hours'")
    ]
  }
}
