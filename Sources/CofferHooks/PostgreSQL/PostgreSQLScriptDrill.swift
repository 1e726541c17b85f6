import CofferConfiguration
import CofferSystem

/// The drill of a script of pg_dumpall: of a whole server, or of roles and tablespaces. It goes to a cluster of its own, by the restore
/// that a server in use has.
final class PostgreSQLScriptDrill: DrillPlace {
  private let ground: DrillGround
  private let major: Int
  private let server: PostgreSQLDrillServer
  /// Of a dump that nothing was counted of when it was made.
  private let census: PostgreSQLScriptCensus?
  private let isGlobals: Bool

  /// Makes the cluster, and starts it.
  ///
  /// - Throws: `DrillError`; `LaunchError`; `SystemError`; `RunCancelled`.
  init(of facts: DumpFacts, bytes: UInt64, on ground: DrillGround, _ installations: PostgreSQLInstallations) throws {
    self.ground = ground
    isGlobals = facts.identity.isGlobals
    census = facts.content == nil ? PostgreSQLScriptCensus() : nil
    let firstRole = facts.details[PostgreSQLDumpFacts.firstRoleKey].flatMap { ServerText($0).isReserved ? nil : $0 }
    (server, major) = try PostgreSQLDrillServer.new(
      for: facts, bytes: bytes, firstRole: firstRole ?? PostgreSQLDrillServer.superuser, on: ground, installations)
    do {
      try server.checkExtensions(facts.content?.needs.extensions ?? [], major: major)
      try server.takeOwnUser()
    } catch {
      remove()
      throw error
    }
  }

  // MARK: - The place

  var version: String { "PostgreSQL \(major)" }

  var target: RestoreTarget {
    var target = RestoreTarget(
      hostname: server.folder, port: PostgreSQLDrillServer.port, username: server.user)
    target.isDrill = true
    target.tablespaceFolder = { [ground] in
      try ground.makeFolder("tablespace-\(String(UInt64.random(in: 0 ... .max), radix: 16))").path
    }
    return target
  }

  func facts(_ facts: DumpFacts) -> DumpFacts {
    var facts = facts
    facts.identity = facts.identity.here
    return facts
  }

  var observer: (any ByteSink)? { census }

  func findings(of facts: DumpFacts) throws -> DrillFindings {
    var findings = try server.findings()
    guard let census else { return findings }
    if let database = try server.recoded(census.encodings) {
      findings.warnings.append(
        "Nothing was compared: what makes '\(Quoting.terminal(database.shown))' is written in another encoding than it has"
      )
    } else {
      findings.dumped = census.content()
    }
    return findings
  }

  func databases(of facts: DumpFacts) throws -> [String] {
    isGlobals ? [] : try server.databases().compactMap(\.text)
  }

  func answer(to statement: String, of facts: DumpFacts) throws -> String {
    try server.questions(facts.identity.database).answer(to: statement, of: facts.identity)
  }

  func remove() { server.remove() }
}
