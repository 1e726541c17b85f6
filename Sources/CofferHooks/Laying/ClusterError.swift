import CofferSystem

/// Why a cluster is not laid down.
public enum ClusterError: DiagnosableError, Equatable {
  /// The place for the data directory, or for a tablespace, is not empty.
  case notEmpty(String, isTablespace: Bool)
  /// What `--delta` is to bring up to date is no cluster, or another one.
  case otherCluster(String, detail: String)
  case running(String)
  /// The place belongs to root, as whom no server runs.
  case noOwner(String)
  case notOurs(String)
  case unfitPlace(String, problem: String)
  case noRoom(String, needed: UInt64, free: UInt64)
  /// The base backup is not what it should be.
  case content(String)
  /// The backup has a file of a table that was elsewhere than in the data directory.
  case outside(String)
  /// The server that was started has ended, or never came up.
  case serverFailed(String, lines: [String], log: String)

  public var diagnosis: Diagnosis {
    switch self {
    case .notEmpty(let path, let isTablespace):
      Diagnosis(
        subject: path, problem: "The folder is not empty, so nothing is laid down in it",
        suggestion: isTablespace
          ? "Name another place for the tablespace: --tablespace-mapping \(Quoting.pastedWord(path))=NEW"
          : "Name another with --target-directory, or with --delta make the cluster that is there this one")
    case .otherCluster(let path, let detail):
      Diagnosis(
        subject: path, problem: "--delta is for the folder of the same cluster: \(detail)",
        suggestion: "Name a folder that is empty, or not there yet")
    case .running(let path):
      Diagnosis(
        subject: path, problem: "A server may be running there: the folder has a postmaster.pid",
        suggestion: "Stop the server; if none runs, remove that file")
    case .noOwner(let path):
      Diagnosis(
        subject: path, problem: "It belongs to root, and no database server runs as root",
        suggestion: "Name the server's user with --owner, postgres or mysql for example")
    case .notOurs(let path):
      Diagnosis(
        subject: path, problem: "Only root can lay a cluster down for another user",
        suggestion: "Leave --owner out, or run this as root")
    case .unfitPlace(let path, let problem): Diagnosis(subject: path, problem: problem)
    case .noRoom(let path, let needed, let free):
      Diagnosis(
        subject: path,
        problem: "The cluster needs \(Quantities.size(needed)), and \(Quantities.size(free)) are free there",
        suggestion: "Free some space, or name another place with --target-directory and --tablespace-mapping")
    case .content(let problem):
      Diagnosis(
        subject: "base backup", problem: "It cannot be laid down: \(problem)", suggestion: "Use another archive")
    case .outside(let file):
      Diagnosis(
        subject: "base backup",
        problem:
          "It has tables whose files were outside of the data directory (\(Quoting.terminal(file))), and Coffer lays them down nowhere else",
        suggestion:
          "Lay it down by hand: 'coffer dump' writes the stream for 'mbstream -x', and 'mariadb-backup --prepare' and '--copy-back' put the files where they were"
      )
    case .serverFailed(let path, let lines, let log):
      Diagnosis(
        subject: path,
        problem: "The server did not get to where it should. It said: "
          + (lines.isEmpty ? "nothing" : Quoting.terminal(lines.suffix(6).joined(separator: " / "))),
        suggestion: "See \(log); the folder stays as it is, and the server can be started there again")
    }
  }
}
