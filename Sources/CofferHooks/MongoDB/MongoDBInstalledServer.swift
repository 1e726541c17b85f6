import CofferSystem

/// MongoDB's server, where one is installed on this machine.
struct MongoDBInstalledServer {
  let program: String
  /// For example `7.0.5`.
  let version: String

  private static let name = "mongod"

  /// - Returns: nil where there is none.
  /// - Throws: `LaunchError`; `CommandTimedOut`; `RunCancelled`.
  static func find(on ground: DrillGround) throws -> MongoDBInstalledServer? {
    for program in ground.programs(named: name) {
      let told = try ground.context.launcher.run(
        ground.command(program, ["--version"]), cancellation: ground.context.cancellation)
      if let version = version(in: told.text) { return MongoDBInstalledServer(program: program, version: version) }
    }
    return nil
  }

  /// `db version v7.0.5`, and more.
  private static func version(in text: String) -> String? {
    let version = text.lines().lazy.compactMap { $0.after(beginning: "db version v") }.first?.words.first
    return version.map { String($0) }
  }

  /// - Throws: `DrillError.impossible` for a dump of a newer server.
  func check(for facts: DumpFacts) throws(DrillError) {
    guard let wanted = facts.serverVersion, ServerRelease(version) < ServerRelease(wanted) else { return }
    throw .older(facts.identity, installed: version, than: wanted)
  }

  /// Listens at one socket, and at no address: what is restored is reached by nobody else. The cache is the smallest one that
  /// the server takes (0.25 GB), nothing that expires is removed before it is counted, and no JavaScript of the dump's is run.
  ///
  /// The socket is named twice because the server, by itself, listens at the local address besides.
  static func arguments(data: String, socket: String, in folder: String) -> [String] {
    [
      "--dbpath", data, "--unixSocketPrefix", folder, "--bind_ip", socket, "--port", String(port),
      "--wiredTigerCacheSizeGB", "0.25", "--noscripting", "--quiet", "--setParameter", "ttlMonitorEnabled=false",
      "--setParameter", "diagnosticDataCollectionEnabled=false",
    ]
  }

  private static let port = 27017
  /// What the server calls its socket.
  static let socketName = "mongodb-\(port).sock"
}
