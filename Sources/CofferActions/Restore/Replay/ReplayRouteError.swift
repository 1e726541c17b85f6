import CofferHooks
import CofferSystem
import FoundationEssentials

/// Why databases cannot be brought to a moment; told before anything is changed.
enum ReplayRouteError: DiagnosableError, Equatable {
  case noArchive
  /// The dump does not say where its server's log was.
  case noPlace(DumpIdentity, archive: String)
  case dumpIsLater(DumpIdentity, target: String)
  case behind(DumpLogPlace, target: String)
  /// No log in the repository has the place of a dump.
  case noLog(DumpLogPlace)
  case ambiguous(DumpLogPlace)
  case beyond(target: String, nearest: ReplayedTransaction?, newest: Int64, hasGap: Bool)
  case notThere(DumpLogPlace)
  case unreadable(file: String, position: UInt64)
  case incident(file: String, position: UInt64)
  case missing(before: String)

  init(_ fault: ReplayFault, _ target: String) {
    self =
      switch fault {
      case .unreadable(let file, let position): .unreadable(file: file, position: position)
      case .incident(let file, let position): .incident(file: file, position: position)
      case .missing(let file): .missing(before: file)
      case .notThere(let place): .notThere(place)
      case .targetBefore(let place): .behind(place, target: target)
      }
  }

  /// Whether an older archive may do.
  var leadsToOlder: Bool {
    switch self {
    case .noPlace, .dumpIsLater, .behind: true
    case .noArchive, .noLog, .ambiguous, .beyond, .notThere, .unreadable, .incident, .missing: false
    }
  }

  var diagnosis: Diagnosis {
    switch self {
    case .noArchive:
      Diagnosis(
        subject: "restore", problem: "There is no archive to begin with",
        suggestion: "See 'coffer repo-list'; --match-archives '*' looks at the archives of other hosts, too")
    case .noPlace(let identity, let archive):
      Diagnosis(
        subject: identity.title,
        problem: "Archive \(archive) does not know where the server's binary log was at its dump",
        suggestion:
          "It is kept where log_bin is on and the system's own program makes the dump, of MySQL where mysql_servers has the server; see 'coffer info'"
      )
    case .dumpIsLater(let identity, let target):
      Diagnosis(
        subject: identity.title,
        problem: "No dump was made before \(target), and what is dumped can only be brought forward",
        suggestion: "Choose a later target; --match-archives '*' looks at the archives of other hosts, too")
    case .behind(let place, let target):
      Diagnosis(
        subject: place.title,
        problem: "The dump that was made there has transactions behind \(target), and can only be brought forward",
        suggestion: "Choose a later target, or an older archive with --archive")
    case .noLog(let place):
      Diagnosis(
        subject: place.title, problem: "The repository has no binary log with the place at which the dump was made",
        suggestion:
          "See 'coffer binlog list'; 'coffer binlog receive' stores the log, and has to have run since the dump")
    case .ambiguous(let place):
      Diagnosis(
        subject: place.title,
        problem: "The logs of several servers can have such a place, and the dump does not tell which is its own",
        suggestion:
          "Make a new backup of a MariaDB server from 10.0 on, by its own mariadb-dump: it has the GTID position")
    case .beyond(let target, let nearest, let newest, let hasGap):
      Diagnosis(
        subject: "restore",
        problem: (hasGap ? "The log has a gap before \(target)" : "The log ends before \(target)")
          + ". The nearest point that can be reached: "
          + (nearest.map {
            Self.time(max(newest, $0.time) - 1)
              + ($0.gtid.map { ", or the end of its last transaction: --to-gtid \($0.text)" } ?? "")
          } ?? "the dump alone"),
        suggestion: hasGap
          ? "Choose that point, or a dump that was made behind the gap"
          : "Have 'coffer binlog receive' store what the server still has, or choose that point")
    case .notThere(let place):
      Diagnosis(
        subject: place.title, problem: "The log that the repository has is not the one of the dump's server",
        suggestion: "See 'coffer binlog list', and whether the server was set up anew since")
    case .unreadable(let file, let position):
      Diagnosis(
        subject: "\(Quoting.terminal(file)), \(position)", problem: "The log cannot be read there",
        suggestion: "Choose a moment before it; a newer Coffer may know what the server has written")
    case .missing(let file):
      Diagnosis(
        subject: Quoting.terminal(file), problem: "The log does not have all that the server wrote before this file",
        suggestion: "Choose a moment before it, or a dump that was made behind it")
    case .incident(let file, let position):
      Diagnosis(
        subject: "\(Quoting.terminal(file)), \(position)",
        problem: "The server has written there that changes are missing in its log",
        suggestion: "Choose a moment before it, or a dump that was made behind it")
    }
  }

  /// As `--to-time` takes it.
  static func time(_ seconds: Int64) -> String {
    Formats.strftime("%Y-%m-%d %H:%M:%S", Date(timeIntervalSince1970: Double(seconds)), utc: true) + "Z"
  }
}
