import CofferConfiguration
import CofferSystem

/// A database that the configuration wants backed up, or several that one entry stands for; known without asking a server.
public struct ConfiguredDatabase: Sendable {
  public let identity: DumpIdentity
  /// Whether the entry's name stands for whatever databases there are: `all`, or a pattern.
  public let isOpen: Bool

  /// Whether a dump is of what the entry asks for, globals that are saved beside it among it.
  public func covers(_ dump: DumpIdentity) -> Bool {
    guard dump.hook.isSame(as: identity.hook), dump.place.isSame(as: identity.place) else { return false }
    if dump.database.isSame(as: identity.database) || dump.isGlobals { return true }
    guard isOpen else { return false }
    return identity.database.isSame(as: Self.all) || NamePattern(identity.database).matches(dump.database)
  }

  fileprivate static let all = "all"
}

extension HookRegistry {
  /// The databases of a configuration, in its order.
  public func configured(in root: ConfigurationSection) -> [ConfiguredDatabase] {
    hooks.flatMap { hook in
      guard !hook.kind.isFile else {
        return root[hook.databases].map { section in
          let identity = DumpIdentity(
            hook: hook.name, database: section[SQLiteOptions.name], label: section[SQLiteOptions.label],
            advice: hook.advice)
          return ConfiguredDatabase(identity: identity, isOpen: false)
        }
      }
      return ServerEntry.all(in: root, of: hook).map { entry in
        let name = entry.identity.database
        let isOpen = name.isSame(as: ConfiguredDatabase.all) || name.holds("*")
        return ConfiguredDatabase(identity: entry.identity, isOpen: isOpen)
      }
    }
  }
}
