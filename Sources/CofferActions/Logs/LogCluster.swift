import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferSystem

/// The server whose log an action is about, as far as the configuration and the folder say it.
struct LogCluster {
  static let flag = Flag<String?>(
    "--cluster", value: "NAME",
    help:
      "The server's entry of postgresql_clusters. Default: the only one, or the one whose data directory this folder is."
  )

  /// The system that hooks call so in objects of logs.
  static let system = "postgresql"

  /// nil where the configuration has none.
  let entry: ConfigurationSection?
  /// What the configuration calls it; empty for nothing.
  let name: String
  /// Absolute.
  let dataDirectory: String

  /// - Throws: `UsageError`.
  init(_ context: ActionContext) throws(UsageError) {
    try Self.check(context)
    let here = context.surroundings.currentFolder
    let entries = context.root[PostgreSQLClusterOptions.clusters]
    func directory(_ entry: ConfigurationSection) -> String {
      entry[PostgreSQLClusterOptions.dataDirectory].map {
        UserPath.absolute($0, from: context.folder, home: context.surroundings.environment.home)
      } ?? here
    }
    let wanted = context.flags[Self.flag]
    let matching = entries.filter { entry in
      wanted.map { entry[PostgreSQLClusterOptions.name].isSame(as: $0) }
        ?? (entries.count == 1 || directory(entry).isSame(as: here))
    }
    guard matching.count <= 1, wanted == nil || !matching.isEmpty else {
      throw UsageError(
        argument: Self.flag.name,
        problem: wanted.map { "No entry of postgresql_clusters, or not one alone, is called '\($0)'" }
          ?? "Several entries of postgresql_clusters are of the folder \(here)",
        suggestion: "Write '\(Self.flag.name) NAME' with the name of one")
    }
    entry = matching.first
    name = matching.first.map { $0[PostgreSQLClusterOptions.name] } ?? ""
    dataDirectory = matching.first.map(directory) ?? here
  }

  /// Checks that variables have values in what tells servers apart; those in passwords may have none, where nobody connects.
  ///
  /// - Parameter others: More options of an entry that are read.
  /// - Throws: `UsageError`.
  static func check(_ context: ActionContext, with others: [Option] = []) throws(UsageError) {
    try check(context.root[PostgreSQLClusterOptions.clusters], others)
  }

  /// The same of all servers whose logs are stored.
  ///
  /// - Throws: `UsageError`.
  static func checkAll(_ context: ActionContext, with others: [Option] = []) throws(UsageError) {
    try check(
      context.root[PostgreSQLClusterOptions.clusters] + BinaryLogEntry.all(context).map(\.section)
        + OplogServerEntry.all(context).map(\.section), others)
  }

  private static func check(_ entries: [ConfigurationSection], _ others: [Option]) throws(UsageError) {
    let read =
      [
        PostgreSQLClusterOptions.name.option, PostgreSQLClusterOptions.dataDirectory.option,
        PostgreSQLClusterOptions.hostname.option, ServerLogOptions.hostname.option,
      ] + others
    for entry in entries {
      guard let fault = entry.fault(in: read) else { continue }
      throw UsageError(argument: "\(fault.mark)", problem: fault.message, suggestion: fault.suggestion)
    }
  }

  /// A server of which 'prune' may delete log, as whoever has stored it has said which it is.
  struct Named {
    var system = LogCluster.system
    let name: String
    let hostname: String
    /// Seconds that the newest part of its log may be old; nil for any number.
    let limit: Double?

    func isMeant(by origin: LogOrigin) -> Bool {
      origin.system.isSame(as: system) && origin.name.isSame(as: name)
        && origin.hostname.isSame(as: hostname)
    }
  }

  /// All that the configuration names.
  static func named(_ context: ActionContext) -> [Named] {
    context.root[PostgreSQLClusterOptions.clusters].map { entry in
      Named(
        name: entry[PostgreSQLClusterOptions.name],
        hostname: ServerLogOptions.host(of: entry, here: context.surroundings.hostname),
        limit: entry[ServerLogOptions.within]?.seconds)
    } + BinaryLogEntry.all(context).map(\.named) + OplogServerEntry.all(context).map(\.named)
  }

  /// What a base backup needs of the log, to be brought further than it is by itself.
  ///
  /// - Returns: nil where there is no such place.
  static func need(of base: BaseBackupFacts) -> LogNeed? {
    LogPlace(history: base.timeline, byte: base.start.value, exponent: base.exponent)
      .map { LogNeed(server: server(base.systemIdentifier), first: $0) }
  }

  static func server(_ systemIdentifier: UInt64) -> LogServer {
    LogServer(system: system, identity: String(systemIdentifier))
  }
}

extension LogPlace {
  /// What PostgreSQL calls the segment.
  var segmentName: String { WALFileName.segment(timeline: history, number: number).text }
}
