import CofferHooks
import CofferSystem
import FoundationEssentials
import Glibc

/// How backups stand, for people.
struct StatusText {
  private let status: RepositoryStatus

  init(_ status: RepositoryStatus) {
    self.status = status
  }

  func tell(_ context: ActionContext) {
    context.console.answer(lines.joined(separator: "\n"), keepingLines: true)
  }

  private var lines: [String] {
    let name = status.label.map { "\($0) (\(status.path))" } ?? status.path
    var lines = [Quoting.terminal("Repository \(name)"), "  " + Quoting.terminal(newest)]
    if let run = Self.lastRun(status) { lines.append("  " + Quoting.terminal(run)) }
    lines += status.logs.map { "  " + Quoting.terminal(Self.log($0)) }
    guard !status.databases.isEmpty else { return lines }
    let head = ["DATABASE", "LAST GOOD BACKUP", "AGE", "SIZE", "GROWTH", "NEXT DUE", "PROVEN", "STATE"]
    return lines + Formats.table([head] + status.databases.map(row)).parts(by: "\n").map { "  " + $0 }
  }

  private var newest: String {
    guard let last = status.history.last else { return "No archive yet" + Self.mark(status.overdue) }
    let due = Self.due(status.due).map { ", the next is due \($0)" } ?? ""
    return "Newest archive \(last.archive), \(Self.age(of: status.history, at: status.now)) old, "
      + "\(Formats.size(last.bytes))\(due)\(Self.mark(status.overdue))"
  }

  private static func mark(_ overdue: String?) -> String { overdue == nil ? "" : ": OVERDUE" }

  private func row(_ database: DatabaseStatus) -> [String] {
    let history = database.history
    return [
      database.identity.title, history.last.map { Formats.time($0.time) } ?? "never",
      Self.age(of: history, at: status.now), history.last.map { Formats.size($0.bytes) } ?? "-",
      history.growth.map(Self.signed) ?? "-", Self.due(database.due) ?? "-", proven(database), Self.state(database),
    ]
  }

  private func proven(_ database: DatabaseStatus) -> String {
    let last = database.lastProof.map {
      "\(Formats.duration(max(status.now.timeIntervalSince($0), 0))) ago\(Self.restored(database))"
    }
    return [last ?? (database.hasFailedSince ? nil : "never"), database.hasFailedSince ? "NOT PROVEN since" : nil]
      .compactMap(\.self).joined(separator: ", ")
  }

  /// How long its restore took when it was last shown to restore.
  static func restored(_ database: DatabaseStatus) -> String {
    database.restoreSeconds.map { ", restored in \(Formats.duration($0))" } ?? ""
  }

  static func state(_ database: DatabaseStatus) -> String {
    if database.overdue != nil { return "OVERDUE" }
    return switch database.standing {
    case .backedUp: "ok"
    case .never: "never backed up"
    case .gone: "not in the newest archive"
    case .notConfigured: "not configured any more"
    }
  }

  /// What became of the last run; nil when none is noted.
  static func lastRun(_ status: RepositoryStatus) -> String? {
    guard let run = status.lastRun, let fate = status.lastFate else { return nil }
    let what =
      switch fate {
      case .succeeded: "Last run: succeeded"
      case .failed: "Last run: FAILED"
      case .skipped: "Last run: skipped, because a command said so; it made no backup"
      }
    let error = fate == .failed ? run.error.map { ": \($0)" } ?? "" : ""
    return "\(what), on \(Formats.time(run.time))\(error)"
  }

  static func log(_ log: LogStatus) -> String {
    let mark = log.problem == nil ? "" : ": OVERDUE"
    let remarks = log.remarks.map { "; \($0)" }.joined()
    guard let newest = log.newest else {
      return "No \(log.title)\(remarks.isEmpty ? "" : " that counts")\(remarks)\(mark)"
    }
    return "The \(log.title) reaches \(newest.point), stored "
      + "\(Formats.duration(newest.age)) ago\(remarks)\(mark)"
  }

  static func age(of history: BackupHistory, at now: Date) -> String {
    guard history.last != nil else { return "-" }
    return BackupAge(of: history, at: now).seconds.map(Formats.duration) ?? "in the future"
  }

  static func due(_ due: DueDate?) -> String? { due.map { "\(Formats.time($0.time)) (\($0.source.words))" } }

  static func signed(_ bytes: Int) -> String {
    (bytes < 0 ? "-" : "+") + Formats.size(UInt64(bytes.magnitude))
  }
}
