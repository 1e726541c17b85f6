import CofferConfiguration
import CofferSystem

/// The database systems that can be dumped and restored.
public struct HookRegistry: Sendable {
  public let hooks: [any DatabaseHook]

  public init(_ hooks: [any DatabaseHook]) {
    self.hooks = hooks
  }

  /// The hooks there are. A new database system is one more line.
  public static let standard = HookRegistry([
    PostgreSQLHook(), PostgreSQLClusterHook(), MariaDBHook(.mariadb), MariaDBHook(.mysql),
    MariaDBServerHook(.mariadb), MariaDBServerHook(.mysql), MongoDBHook(), MongoDBServerHook(),
    SQLiteHook(), CustomHook(),
  ])

  /// - Parameter name: As the configuration has it, for example `postgresql_databases`, or as users shorten it.
  public func hook(named name: String) -> (any DatabaseHook)? {
    hooks.first { $0.name.isSame(as: name) || $0.name.isSame(as: name + "_databases") }
  }

  /// What a command line is for that this program gave to itself, for work of a hook's in a process of its own.
  public func worker(for arguments: [String]) -> (any HookWorker)? {
    for hook in hooks {
      if let worker = hook.worker(for: arguments) { return worker }
    }
    return nil
  }

  /// Does once what workers do, on nothing of anybody's; see `NurseryProcess`.
  public func prepareWorkers() {
    for hook in hooks { hook.prepareWorkers() }
  }

  /// The options that list databases.
  public var options: [Option] { hooks.map(\.databases.option) }

  /// What may be chosen for one restore, each flag once.
  public var choices: [RestoreChoice] {
    hooks.flatMap(\.choices).reduce(into: []) { found, choice in
      if !found.contains(where: { $0.flag.isSame(as: choice.flag) }) { found.append(choice) }
    }
  }

  /// Those of databases that are reached at servers.
  public var servers: OptionSchema { schema("Databases of servers") { !$0.kind.isFile } }

  /// Those of databases that are files.
  public var files: OptionSchema { schema("Databases of files") { $0.kind.isFile } }

  private func schema(_ title: String, _ isWanted: (any DatabaseHook) -> Bool) -> OptionSchema {
    OptionSchema(title, hooks.filter(isWanted).map(\.databases.option), role: .databases)
  }
}
