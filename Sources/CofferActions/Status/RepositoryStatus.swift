import CofferSystem
import FoundationEssentials
import Glibc

/// How the backups of one configuration file stand in one repository.
struct RepositoryStatus: Sendable {
  /// The configuration file's path; empty where there is none.
  let configuration: String
  let path: String
  let label: String?
  /// The runs that made archives.
  let history: BackupHistory
  let due: DueDate?
  let databases: [DatabaseStatus]
  /// The logs of the servers that are configured, as far as there is any or is to be.
  let logs: [LogStatus]
  /// The last run for this configuration on this machine; nil when none is noted.
  let lastRun: RunMemory.Run?
  /// Why the newest archive is not as new as `backup_within` wants.
  let overdue: String?
  let now: Date

  /// As people call it.
  var name: String { label ?? path }

  /// What became of the last run here.
  var lastFate: RunMemory.Fate? {
    lastRun.map { run in run.repositories.first { $0.path.isSame(as: path) }?.fate ?? run.fate }
  }

  /// All that is not as new as it must be.
  var problems: [OverdueBackups.Problem] {
    (overdue.map { [OverdueBackups.Problem(subject: "repository \(name)", what: $0)] } ?? [])
      + databases.compactMap { database in
        database.overdue.map { OverdueBackups.Problem(subject: database.identity.title, what: $0) }
      }
      + logs.compactMap { log in log.problem.map { OverdueBackups.Problem(subject: log.title, what: $0, isOfLog: true) }
      }
  }
}

/// Backups are older than `backup_within` lets them be.
struct OverdueBackups: DiagnosableError {
  struct Problem: Sendable {
    let subject: String
    let what: String
    var isOfLog = false

    /// What to do next.
    var remedy: String {
      isOfLog
        ? "See whether 'coffer wal receive' or 'coffer binlog receive' runs, or what PostgreSQL says of its archive_command: SELECT * FROM pg_stat_archiver"
        : "See why the last run made none: 'coffer create', then 'coffer doctor'"
    }
  }

  let repository: String
  let problems: [Problem]

  var diagnosis: Diagnosis {
    let first = problems[0]
    let more = problems.count > 1 ? " (and \(problems.count - 1) more of this repository, shown above)" : ""
    return Diagnosis(
      subject: "\(first.subject), in \(repository)", problem: first.what + more,
      suggestion: first.remedy)
  }

  static func isOne(_ error: any Error) -> Bool {
    error is OverdueBackups || (error as? RepositoryFailure)?.cause is OverdueBackups
  }
}
