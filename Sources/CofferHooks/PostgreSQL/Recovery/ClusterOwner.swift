import CofferSystem
import Glibc

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
  static func owner(of facts: stat, _ folder: String) throws(ClusterError) -> ClusterOwner {
    guard facts.st_uid != 0 else { throw .noOwner(folder) }
    return ClusterOwner(user: facts.st_uid, group: facts.st_gid)
  }

  /// Makes a file or a folder theirs.
  ///
  /// - Parameter path: For messages.
  func own(_ descriptor: Int32, _ path: String) throws(SystemError) {
    guard fchown(descriptor, user, group) == 0 else { throw SystemError(call: "chown", subject: path) }
  }
}
