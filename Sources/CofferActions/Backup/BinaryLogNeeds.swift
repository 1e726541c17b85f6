import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferSystem

/// What dumps need of binary logs, to be brought further than they are: of the servers that the configuration names.
struct BinaryLogNeeds {
  private let context: ActionContext
  private let entries: [ConfigurationSection]
  private var needed: [ConfigurationSection] = []

  init(_ context: ActionContext) {
    self.context = context
    entries = context.root[MariaDBServerOptions.mariadbServers]
  }

  /// Takes a dump in that was stored.
  ///
  /// - Parameters:
  ///   - entry: Of the configuration, which asked for it.
  ///   - log: Where the server's log was.
  /// - Returns: A warning where the configuration wants the log, and the dump does not know the place.
  mutating func add(_ entry: ConfigurationSection, _ identity: DumpIdentity, _ log: DumpLogPlace?) -> String? {
    guard identity.hook.isSame(as: MariaDBOptions.mariadbDatabases.name),
      let server = entries.first(where: { Self.isSame($0, entry) })
    else { return nil }
    guard log != nil else {
      let name = Quoting.terminal(server[MariaDBServerOptions.name])
      return
        "\(identity.title): It is not known where the binary log of '\(name)' was at the dump, which cannot be brought to a moment therefore: is log_bin on?"
    }
    needed.append(server)
    return nil
  }

  private static func isSame(_ server: ConfigurationSection, _ entry: ConfigurationSection) -> Bool {
    server[ServerOptions.hostname] == entry[ServerOptions.hostname]
      && server[ServerOptions.port] == entry[ServerOptions.port]
      && server[ServerOptions.container] == entry[ServerOptions.container]
      && server[MariaDBOptions.socketPath] == entry[MariaDBOptions.socketPath]
  }

  /// What an archive is to keep of it.
  ///
  /// - Throws: `StorageError` when a store does not answer; `RunCancelled`.
  func all(in repositories: [OpenRepository]) throws -> [LogNeed] {
    guard !needed.isEmpty else { return [] }
    let here = context.surroundings.hostname
    let wanted = needed.map { (name: $0[MariaDBServerOptions.name], host: ServerLogOptions.host(of: $0, here: here)) }
    var servers: [LogServer] = []
    for access in repositories {
      for origin in try access.repository.logs().compactMap(\.origin) where origin.system.isSame(as: "mariadb") {
        let isNamed = wanted.contains { $0.name == origin.name && $0.host == origin.hostname }
        if isNamed, !servers.contains(origin.server) { servers.append(origin.server) }
      }
    }
    return servers.map { LogNeed(server: $0, first: nil) }
  }
}
