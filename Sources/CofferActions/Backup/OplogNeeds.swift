import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferSystem

/// What dumps of whole MongoDB servers need of oplogs, to be brought further than they are: of the servers that the configuration names.
struct OplogNeeds {
  /// What an archive is to keep of it: each server once.
  private(set) var all: [LogNeed] = []
  private let context: ActionContext

  init(_ context: ActionContext) {
    self.context = context
  }

  /// Takes a dump in that was stored.
  ///
  /// - Parameters:
  ///   - section: Of the configuration, which asked for it.
  ///   - hasOplog: Whether the dump has the oplog of its time.
  /// - Returns: A warning where the configuration wants the log, and nothing of it can be replayed on the dump.
  mutating func add(_ section: ConfigurationSection, _ identity: DumpIdentity, hasOplog: Bool) -> String? {
    guard identity.hook.isSame(as: MongoDBOptions.databases.name), identity.database.isSame(as: "all") else {
      return nil
    }
    let meant = OplogServerEntry.all(context).filter { ServerOptions.areSame($0.section, section) }
    guard hasOplog else {
      return meant.first.map {
        "\(identity.title): The dump has no oplog, and cannot be brought to a moment by that of '\(Quoting.terminal($0.name))': set oplog: true in its entry"
      }
    }
    for entry in meant where !all.contains(where: { $0.server == entry.server }) {
      all.append(LogNeed(server: entry.server, first: nil))
    }
    return nil
  }
}
