import CofferSystem
import Glibc

/// What of a cluster goes where when it is laid down.
public struct ClusterPlan: Sendable, Equatable {
  public struct Tablespace: Sendable, Equatable {
    /// PostgreSQL's number of it, by which its link in `pg_tblspc` is called.
    public let number: UInt32
    /// Where it was.
    public let recorded: String
    /// Where it goes; absolute.
    public let location: String

    public init(number: UInt32, recorded: String, location: String) {
      self.number = number
      self.recorded = recorded
      self.location = location
    }
  }

  /// The data directory; absolute, without a `/` at its end.
  public let directory: String
  public let tablespaces: [Tablespace]
  /// Whether a cluster that is there is made this one, by writing only what differs.
  public let isDelta: Bool
  public let systemIdentifier: UInt64
  public let majorVersion: Int
  /// Bytes.
  public let size: UInt64

  public init(
    directory: String, tablespaces: [Tablespace], isDelta: Bool, systemIdentifier: UInt64, majorVersion: Int,
    size: UInt64
  ) {
    self.directory = directory
    self.tablespaces = tablespaces
    self.isDelta = isDelta
    self.systemIdentifier = systemIdentifier
    self.majorVersion = majorVersion
    self.size = size
  }

  /// The major version in what a server says of its own; nil for what says none.
  public static func majorVersion(_ text: String) -> Int? { PostgreSQLVersion.major(text[...]) }
}

/// Whose the files of a cluster are, where this program is root's.
public struct ClusterOwner: Sendable, Equatable {
  public let user: uid_t
  public let group: gid_t

  public init(user: uid_t, group: gid_t) {
    self.user = user
    self.group = group
  }

  /// A program as such an owner runs it, with nothing of this run's secrets, nor with what leads PostgreSQL's programs elsewhere.
  ///
  /// - Parameter owner: nil for this user.
  public static func command(
    _ words: [String], as owner: ClusterOwner?, _ environment: ProcessEnvironment
  ) -> ChildCommand {
    var variables = environment.withoutPassphrases.variables.filter { !$0.key.begins(with: "PG") }
    if let owner, let entry = getpwuid(owner.user) { variables["HOME"] = String(cString: entry.pointee.pw_dir) }
    let change =
      owner.map { ["setpriv", "--reuid=\($0.user)", "--regid=\($0.group)", "--init-groups", "--"] } ?? []
    let all = change + words
    return ChildCommand(
      all[0], Array(all.dropFirst()), environment: ProcessEnvironment(variables), workingDirectory: "/")
  }

  /// - Parameter folder: A folder of theirs; for messages.
  static func owner(of facts: stat, _ folder: String) throws(ClusterError) -> ClusterOwner? {
    guard geteuid() == 0 else { return nil }
    guard facts.st_uid != 0 else { throw .noOwner(folder) }
    return ClusterOwner(user: facts.st_uid, group: facts.st_gid)
  }
}

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
        subject: path, problem: "It belongs to root, and PostgreSQL's server does not run as root",
        suggestion: "Name the server's user with --owner, postgres for example")
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
    case .serverFailed(let path, let lines, let log):
      Diagnosis(
        subject: path,
        problem: "The server did not get to where it should. It said: "
          + (lines.isEmpty ? "nothing" : Quoting.terminal(lines.suffix(6).joined(separator: " / "))),
        suggestion: "See \(log); the folder stays as it is, and the server can be started there again")
    }
  }
}
