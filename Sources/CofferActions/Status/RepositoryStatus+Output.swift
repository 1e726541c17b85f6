import CofferHooks
import CofferMonitoring
import CofferSystem
import FoundationEssentials
import Glibc

extension RepositoryStatus {
  var json: JSONValue {
    .object([
      "configuration": .text(configuration),
      "repository": .object(["location": .text(path), "label": .text(label ?? "")]),
      "overdue": .bool(!problems.isEmpty),
      "problems": .list(problems.map { .text("\($0.subject): \($0.what)") }),
      "last_archive": .object(Self.json(history, due, overdue, now)),
      "last_run": lastRun.map { run in
        .object([
          "time": .text(Formats.isoTime(run.time)), "outcome": JSONValue(lastFate?.rawValue),
          "run_outcome": .text(run.fate.rawValue), "error": JSONValue(run.error),
        ])
      } ?? .null,
      "databases": .list(databases.map { json($0) }), "logs": .list(logs.map(\.json)),
    ])
  }

  private func json(_ database: DatabaseStatus) -> JSONValue {
    let identity = database.identity
    var object = Self.json(database.history, database.due, database.overdue, now)
    object.merge(
      [
        "hook_name": .text(identity.hook), "data_source_name": .text(identity.database),
        "hostname": JSONValue(identity.hostname), "port": JSONValue(identity.port), "label": JSONValue(identity.label),
        "container": JSONValue(identity.container), "state": .text(database.standing.rawValue),
        "last_proof": database.lastProof.map { .text(Formats.isoTime($0)) } ?? .null,
        "restore_seconds": database.restoreSeconds.map { .real($0) } ?? .null,
        "failed_since": .bool(database.hasFailedSince),
      ], uniquingKeysWith: { $1 })
    return .object(object)
  }

  private static func json(
    _ history: BackupHistory, _ due: DueDate?, _ overdue: String?, _ now: Date
  ) -> [String: JSONValue] {
    [
      "archive": JSONValue(history.last?.archive), "archive_id": JSONValue(history.last?.archiveID),
      "time": history.last.map { .text(Formats.isoTime($0.time)) } ?? .null,
      "age": BackupAge(of: history, at: now).seconds.map { .real($0) } ?? .null,
      "size": JSONValue(history.last.map { Int(clamping: $0.bytes) }), "growth": JSONValue(history.growth),
      "growth_per_day": history.growthPerDay.map { .real($0) } ?? .null,
      "next_due": due.map { .text(Formats.isoTime($0.time)) } ?? .null,
      "next_due_from": JSONValue(due?.source.rawValue), "overdue": .bool(overdue != nil), "problem": JSONValue(overdue),
      "history": .list(
        history.points.map {
          .object([
            "archive": .text($0.archive), "time": .text(Formats.isoTime($0.time)),
            "size": .number(Int(clamping: $0.bytes)),
          ])
        }),
    ]
  }

  /// For Prometheus.
  var figures: BackupFigures {
    BackupFigures(
      configuration: configuration, repository: name,
      whole: Self.figures(history, due, overdue: overdue, isExpected: true),
      databases: databases.map { database in
        var backups = Self.figures(
          database.history, database.due, overdue: database.overdue, isExpected: database.standing.isExpected)
        backups.lastProof = database.lastProof
        return BackupFigures.Database(
          hook: database.identity.hook, place: database.identity.place, name: database.identity.database,
          backups: backups)
      },
      logs: logs.map { log in
        BackupFigures.Log(
          server: log.name, host: log.hostname, time: log.newest?.received,
          isOverdue: log.isLimited ? log.problem != nil : nil)
      })
  }

  private static func figures(
    _ history: BackupHistory, _ due: DueDate?, overdue: String?, isExpected: Bool
  ) -> BackupFigures.Backups {
    BackupFigures.Backups(
      time: history.last?.time, due: due?.time, bytes: history.last?.bytes, growth: history.growth,
      isOverdue: isExpected ? overdue != nil : nil)
  }
}

extension LogStatus {
  var json: JSONValue { .object(fields) }

  var fields: [String: JSONValue] {
    [
      "name": .text(name), "hostname": .text(hostname), "timeline": JSONValue(newest.map { Int($0.timeline) }),
      "end": JSONValue(newest?.spelling),
      "newest": newest.map { .text(Formats.isoTime($0.received)) } ?? .null,
      "age": newest.map { .real($0.age) } ?? .null, "overdue": .bool(problem != nil), "problem": JSONValue(problem),
      "remarks": .list(remarks.map { .text($0) }),
    ]
  }
}
