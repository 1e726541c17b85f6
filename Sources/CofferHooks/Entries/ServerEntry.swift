import CofferConfiguration

/// Where a database server is, and who connects to it.
struct ServerAddress: Sendable, Equatable {
  /// nil for the client's own default.
  var hostname: String?
  var port: Int?
  var username: String?
  var password: String?

  /// As messages name the server.
  var place: String { (hostname ?? "localhost") + (port.map { ":\($0)" } ?? "") }
}

/// One configured entry of a database server's hook, or what stands in for it: an archive's memory of where a dump came
/// from.
struct ServerEntry: Sendable {
  let identity: DumpIdentity
  /// Empty for a dump whose entry the configuration does not have any more.
  let section: ConfigurationSection

  /// - Parameter name: The database, or what the configuration has in its place.
  init(_ section: ConfigurationSection, of hook: some DatabaseHook, name: String) {
    self.section = section
    identity = DumpIdentity(
      hook: hook.name, database: name, hostname: section[ServerOptions.hostname], port: section[ServerOptions.port],
      container: section[ServerOptions.container], label: section[ServerOptions.label], advice: hook.advice)
  }

  /// All that the configuration has for a hook to dump.
  static func all(in root: ConfigurationSection, of hook: some DatabaseHook) -> [ServerEntry] {
    root[hook.databases].filter(hook.isBackedUp).map { ServerEntry($0, of: hook, name: $0[ServerOptions.name]) }
  }

  /// Today's entry of a dump, or what the archive remembers of it.
  ///
  /// - Throws: `RestoreError.refused` when several fit equally well.
  static func matching(
    _ identity: DumpIdentity, in root: ConfigurationSection?, of hook: some DatabaseHook
  ) throws(RestoreError) -> ServerEntry {
    try found(identity, in: root, of: hook) ?? ServerEntry(remembering: identity)
  }

  /// - Returns: nil when the configuration does not have it any more.
  /// - Throws: `RestoreError.refused` when several fit equally well.
  static func found(
    _ identity: DumpIdentity, in root: ConfigurationSection?, of hook: some DatabaseHook
  ) throws(RestoreError) -> ServerEntry? {
    let section = try EntryMatching.section(
      for: identity, in: (root ?? .empty)[hook.databases], defaultPort: hook.kind.defaultPort)
    return section.map { ServerEntry($0, of: hook, name: identity.database) }
  }

  init(remembering identity: DumpIdentity) {
    self.identity = identity
    section = ConfigurationSection()
  }

  /// Where dumps are taken.
  ///
  /// - Throws: `CredentialError`; `ContainerError`.
  func address(context: HookContext) throws -> ServerAddress {
    ServerAddress(
      hostname: try identity.container.map { try ContainerAddress.find($0, context: context) } ?? identity.hostname,
      port: identity.port, username: try secret(ServerOptions.username, context),
      password: try secret(ServerOptions.password, file: ServerOptions.passwordFile, context))
  }

  /// Where dumps are restored: each value from the target, else as configured for restores, else as for dumps.
  ///
  /// - Throws: `CredentialError`; `ContainerError`.
  func address(for target: RestoreTarget, context: HookContext) throws -> ServerAddress {
    let password =
      try target.password ?? secret(ServerOptions.restorePassword, file: ServerOptions.restorePasswordFile, context)
      ?? secret(ServerOptions.password, file: ServerOptions.passwordFile, context)
    return ServerAddress(
      hostname: try restoreHostname(target, context),
      port: target.port ?? section[ServerOptions.restorePort] ?? identity.port,
      username: try target.username ?? secret(ServerOptions.restoreUsername, context)
        ?? secret(ServerOptions.username, context),
      password: password)
  }

  /// Where dumps are restored to see whether that works.
  ///
  /// - Returns: nil where no server is configured for that.
  /// - Throws: `CredentialError`.
  func drillTarget(context: HookContext) throws -> RestoreTarget? {
    guard let hostname = section[ServerOptions.verifyHostname] else { return nil }
    return RestoreTarget(
      hostname: hostname, port: section[ServerOptions.verifyPort],
      username: try secret(ServerOptions.verifyUsername, context),
      password: try secret(ServerOptions.verifyPassword, context))
  }

  private func restoreHostname(_ target: RestoreTarget, _ context: HookContext) throws -> String? {
    let places: [(container: String?, hostname: String?)] = [
      (target.container, target.hostname),
      (section[ServerOptions.restoreContainer], section[ServerOptions.restoreHostname]),
      (identity.container, identity.hostname),
    ]
    for place in places {
      if let container = place.container { return try ContainerAddress.find(container, context: context) }
      if let hostname = place.hostname { return hostname }
    }
    return nil
  }

  private func secret(
    _ key: OptionKey<String?>, file: OptionKey<String?>? = nil, _ context: HookContext
  ) throws -> String? {
    if let text = section[key] { return try context.credentials.value(text) }
    return try file.flatMap { section[$0] }.map { try context.credentials.contents(of: $0) }
  }
}
