import CofferConfiguration
import CofferHooks
import CofferSystem

/// What a command line asks `restore --cluster` for.
struct ClusterRequest {
  let cluster: String
  /// Absolute.
  let directory: String
  let target: RecoveryTarget
  let isInclusive: Bool
  let timeline: RecoveryTimeline
  let mappings: [TablespaceMapping]
  let isDelta: Bool
  let starts: Bool
  let owner: ServerOwner?
  let signers: [String]
  /// The hook of the server's backups, where the command line says it.
  let hook: String?

  /// - Returns: nil where databases are to be restored.
  /// - Throws: `UsageError`.
  init?(_ context: ActionContext, refusing databaseFlags: [any CommandFlag]) throws {
    typealias Flags = ClusterRestoreFlags
    let flags = context.flags
    guard let cluster = flags[Flags.cluster] else {
      guard let flag = Flags.others.first(where: flags.contains) else { return nil }
      throw UsageError(
        argument: flag.name, problem: "It is about a whole server", suggestion: "Name the server with --cluster")
    }
    if let flag = databaseFlags.first(where: flags.contains) {
      throw UsageError(
        argument: flag.name, problem: "It is about databases, and --cluster restores a whole server",
        suggestion: "Leave one of them out")
    }
    guard let directory = flags[Flags.directory] else {
      throw UsageError(
        argument: Flags.cluster.name, problem: "It is not said where the data directory is to be",
        suggestion: "Name a folder that is empty or not there with \(Flags.directory.name)")
    }
    self.cluster = cluster
    self.directory = context.absolutePath(directory).trimmedOfSlashes
    target = try Self.target(flags)
    isInclusive = !flags[Flags.exclusive]
    let timeline = flags[Flags.timeline]
    self.timeline = timeline ?? .latest
    mappings = flags[Flags.mappings]
    isDelta = flags[Flags.delta]
    starts = flags[Flags.start]
    owner = try flags[Flags.owner].map { name in
      guard let user = UserAccount.numbers(of: name), user.user != 0 else {
        throw UsageError(
          argument: Flags.owner.name, problem: "There is no user '\(Quoting.terminal(name))', or it is root",
          suggestion: "Name the user that the server is to run as, postgres for example")
      }
      return ServerOwner(user: user.user, group: user.group)
    }
    signers = flags[Flags.signers]
    hook = flags[SelectionFlags.hook]
  }

  /// Whether a server of MariaDB is meant: by `--hook`, or because the configuration has one of the name, and none of PostgreSQL.
  ///
  /// - Throws: `UsageError` where it has both.
  func isOfMariaDB(_ context: ActionContext) throws(UsageError) -> Bool {
    let kinds = [PostgreSQLClusterOptions.clusters, MariaDBServerOptions.mariadbServers]
    if let hook {
      guard let key = kinds.first(where: { $0.name.isSame(as: hook) }) else {
        throw UsageError(
          argument: SelectionFlags.hook.name,
          problem: "It has no backups of whole servers: '\(Quoting.terminal(hook))'",
          suggestion: "Name one of \(kinds.map(\.name).joined(separator: ", "))")
      }
      return key.name == MariaDBServerOptions.mariadbServers.name
    }
    let found = kinds.filter { key in
      context.root[key].contains { $0[ServerOptions.name].isSame(as: cluster) }
    }
    guard found.count < 2 else {
      throw UsageError(
        argument: ClusterRestoreFlags.cluster.name,
        problem: "The configuration has two servers that are called '\(Quoting.terminal(cluster))'",
        suggestion: "Say with --hook which one is meant: \(kinds.map(\.name).joined(separator: " or "))")
    }
    return found.first.map { $0.name == MariaDBServerOptions.mariadbServers.name } ?? false
  }

  private static func target(_ flags: FlagValues) throws(UsageError) -> RecoveryTarget {
    typealias Flags = ClusterRestoreFlags
    let targets: [RecoveryTarget] = [
      flags[Flags.time].map { .time($0) }, flags[Flags.position].map { .position($0) },
      flags[Flags.name].map { .name($0) }, flags[Flags.transaction].map { .transaction($0) },
    ].compactMap { $0 }
    guard targets.count <= 1 else {
      throw UsageError(argument: "restore", problem: "Several targets are given", suggestion: "Give one of them")
    }
    return targets.first ?? .end
  }

  /// As messages call it.
  var targetTitle: String {
    switch target {
    case .end: "the end of the log"
    case .time(let time): time.settingText
    case .position(let position): "LSN \(position.text)"
    case .name(let name): "the restore point '\(Quoting.terminal(name))'"
    case .transaction(let number): "transaction \(number)"
    }
  }
}
