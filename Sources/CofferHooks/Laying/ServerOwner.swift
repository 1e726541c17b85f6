import CofferSystem
import Glibc

/// Whose the files of a server are, where this program is root's.
public struct ServerOwner: Sendable, Equatable {
  public let user: uid_t
  public let group: gid_t

  public init(user: uid_t, group: gid_t) {
    self.user = user
    self.group = group
  }

  /// A program as such an owner runs it, with nothing of this run's secrets, nor with what leads to other servers.
  ///
  /// - Parameter owner: nil for this user.
  public static func command(
    _ words: [String], as owner: ServerOwner?, _ environment: ProcessEnvironment
  ) -> ChildCommand {
    var variables = environment.withoutPassphrases.withoutServers.variables
    if let owner, let entry = getpwuid(owner.user) { variables["HOME"] = String(cString: entry.pointee.pw_dir) }
    let change =
      owner.map { ["setpriv", "--reuid=\($0.user)", "--regid=\($0.group)", "--init-groups", "--"] } ?? []
    let all = change + words
    return ChildCommand(
      all[0], Array(all.dropFirst()), environment: ProcessEnvironment(variables), workingDirectory: "/")
  }

  /// - Parameter folder: A folder of theirs; for messages.
  static func owner(of facts: stat, _ folder: String) throws(ClusterError) -> ServerOwner {
    guard facts.st_uid != 0 else { throw .noOwner(folder) }
    return ServerOwner(user: facts.st_uid, group: facts.st_gid)
  }

  /// Makes a file or a folder theirs.
  ///
  /// - Parameter path: For messages.
  func own(_ descriptor: Int32, _ path: String) throws(SystemError) {
    guard fchown(descriptor, user, group) == 0 else { throw SystemError(call: "chown", subject: path) }
  }
}

extension ProcessEnvironment {
  /// Without what leads clients to another server than they are told of, or to other settings.
  var withoutServers: ProcessEnvironment {
    ProcessEnvironment(
      variables.filter { variable in !["PG", "MYSQL", "MARIADB"].contains { variable.key.begins(with: $0) } })
  }
}
