import CofferHooks
import CofferRepository
import CofferSystem
import FoundationEssentials

/// Why a cluster is not restored; told before anything is written.
enum ClusterRestoreError: DiagnosableError, Equatable {
  /// No archive that is looked at has a base backup of the cluster.
  case noBase(cluster: String, archive: String?)
  /// All base backups end behind the target.
  case targetBeforeBases(cluster: String, earliest: Nearest)
  /// The log does not reach the target.
  case targetBeyond(cluster: String, target: String, nearest: Nearest, behindGap: String?)
  case noTimeline(UInt32)
  /// The file that says which timelines lead to one cannot be read.
  case noHistory(String)
  /// No base backup is on the way to the timeline.
  case offTimeline(UInt32)
  case oldVersion(String)
  /// The server's user cannot bring log.
  case commandFails(String, lines: [String])

  /// A point that can be reached.
  struct Nearest: Equatable {
    /// Of the log.
    let position: LogSequenceNumber
    /// When what is there was committed at the latest, as far as that is known.
    let time: Date?

    var text: String {
      (time.map { "\(Formats.strftime("%Y-%m-%d %H:%M:%S", $0, utc: true))Z, " } ?? "") + "LSN \(position.text)"
    }
  }

  var diagnosis: Diagnosis {
    switch self {
    case .noBase(let cluster, let archive):
      Diagnosis(
        subject: "cluster \(cluster)",
        problem: archive.map { "Archive \($0) has no base backup of it" } ?? "No archive has a base backup of it",
        suggestion:
          "See 'coffer repo-list'; --match-archives '*' looks at the archives of other hosts, too. Of a MariaDB server that the configuration does not name, say --hook mariadb_servers"
      )
    case .targetBeforeBases(let cluster, let earliest):
      Diagnosis(
        subject: "cluster \(cluster)",
        problem: "The target is before the end of every base backup, and a server can only be brought forward. "
          + "The nearest point that can be reached: \(earliest.text)",
        suggestion: "Choose a later target; --match-archives '*' looks at the archives of other hosts, too")
    case .targetBeyond(let cluster, let target, let nearest, let behindGap):
      Diagnosis(
        subject: "cluster \(cluster)",
        problem: (behindGap.map { "The log has a gap before \(target): what is before \($0) is missing" }
          ?? "The log ends before \(target)") + ". The nearest point that can be reached: \(nearest.text)",
        suggestion: behindGap == nil
          ? "Store what the server still has in its pg_wal ('coffer wal push'), or choose an earlier target"
          : "Bring the missing segments back, from the server's pg_wal for example, or choose an earlier target")
    case .noTimeline(let number):
      Diagnosis(
        subject: "--timeline", problem: "The log has no timeline \(number)",
        suggestion: "See 'coffer wal list'")
    case .noHistory(let file):
      Diagnosis(subject: file, problem: "It does not say which timelines lead to its own", suggestion: nil)
    case .offTimeline(let timeline):
      Diagnosis(
        subject: "--timeline", problem: "No base backup before the target is on the way to timeline \(timeline)",
        suggestion: "Say with --timeline which one is meant: 'current' is that of the base backup")
    case .oldVersion(let version):
      Diagnosis(
        subject: "PostgreSQL \(Quoting.terminal(version))",
        problem: "Its recovery is set up otherwise than from version 12 on",
        suggestion: "Lay it down by hand: 'coffer dump' writes the tar archive, and recovery.conf has the settings")
    case .commandFails(let command, let lines):
      Diagnosis(
        subject: "restore_command",
        problem: "The server's user cannot run it: "
          + (lines.isEmpty ? "it said nothing" : Quoting.terminal(lines.suffix(4).joined(separator: " / "))),
        suggestion:
          "It has to be able to read the configuration and what opens the repository: try, as that user, \(command)")
    }
  }
}
