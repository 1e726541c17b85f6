import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferSystem

/// An entry of `mongodb_servers`.
struct OplogServerEntry {
  static let flag = Flag<String?>(
    "--server", value: "NAME", help: "The server's entry of mongodb_servers. Default: the only one.")

  let section: ConfigurationSection
  /// The host that stores the server's log.
  let host: String

  var name: String { section[MongoDBServerOptions.name] }

  /// The server, as whoever stores its log says which it is.
  var named: LogCluster.Named {
    LogCluster.Named(
      system: OplogServer.system, name: name, hostname: host, limit: section[ServerLogOptions.within]?.seconds)
  }

  /// The same in its log's name. What tells replica sets apart is in their configuration, which not everybody may read who may read the
  /// oplog; another set's log is known by its entries.
  var server: LogServer {
    LogServer(system: OplogServer.system, identity: LogServer.identity(host: host, name: name))
  }

  /// All that the configuration has.
  static func all(_ context: ActionContext) -> [OplogServerEntry] {
    context.root[MongoDBServerOptions.servers].map { section in
      OplogServerEntry(
        section: section, host: ServerLogOptions.host(of: section, here: context.surroundings.hostname))
    }
  }

  /// The one that is asked for.
  ///
  /// - Throws: `UsageError`.
  static func wanted(_ context: ActionContext) throws(UsageError) -> OplogServerEntry {
    try ServerChoice.one(
      of: all(context), named: context.flags[flag], name: \.name, flag: flag.name, lists: ["mongodb_servers"])
  }
}
