import CofferSystem

/// Which database a dump is of, and where that puts it in an archive.
public struct DumpIdentity: Sendable, Hashable {
  /// The hook's configuration name, for example `postgresql_databases`.
  public let hook: String
  /// The database's name, or `all`.
  public let database: String
  public let hostname: String?
  public let port: Int?
  public let container: String?
  public let label: String?
  /// Whether it is of what a server's databases have in common, roles for example, and not of a database.
  public let isGlobals: Bool
  /// What to do when its programs fail; nothing of what tells one dump from another.
  public let advice: FailureAdvice
  /// Where it is restored to, if somebody has said so; nothing of what tells one dump from another.
  private(set) var target: String?

  /// What a dump of globals is called, and its format.
  public static let globalsName = "globals"

  public init(
    hook: String, database: String, hostname: String? = nil, port: Int? = nil, container: String? = nil,
    label: String? = nil, isGlobals: Bool = false, advice: FailureAdvice = .common
  ) {
    self.hook = hook
    self.database = database
    self.hostname = hostname
    self.port = port
    self.container = container
    self.label = label
    self.isGlobals = isGlobals
    self.advice = advice
  }

  public static func == (left: DumpIdentity, right: DumpIdentity) -> Bool { left.features == right.features }

  public func hash(into hasher: inout Hasher) { hasher.combine(features) }

  /// What tells one dump from another.
  private struct Features: Hashable {
    let texts: [ExactName?]
    let port: Int?
    let isGlobals: Bool
  }

  private var features: Features {
    Features(
      texts: [hook, database, hostname, container, label].map { $0.map { ExactName($0) } }, port: port,
      isGlobals: isGlobals)
  }

  /// The same dump with the advice of its system.
  func advised(by advice: FailureAdvice) -> DumpIdentity {
    DumpIdentity(
      hook: hook, database: database, hostname: hostname, port: port, container: container, label: label,
      isGlobals: isGlobals, advice: advice)
  }

  /// The same dump, on its way to where a restore's flags say.
  func aimed(at target: RestoreTarget) -> DumpIdentity {
    var other = self
    if let file = target[SharedChoices.restorePath] {
      other.target = file
    } else if target.databaseName != nil || target.namesServer {
      let host = target.container ?? target.hostname ?? container ?? hostname ?? "localhost"
      let port = (target.port ?? port).map { ":\($0)" } ?? ""
      other.target = "'\(target.databaseName ?? database)' at \(host)\(port)"
    }
    return other
  }

  /// The same place, another database.
  func naming(_ database: String) -> DumpIdentity {
    DumpIdentity(
      hook: hook, database: database, hostname: hostname, port: port, container: container, label: label,
      advice: advice)
  }

  /// The same place, what its databases have in common.
  var globals: DumpIdentity {
    DumpIdentity(
      hook: hook, database: Self.globalsName, hostname: hostname, port: port, container: container, label: label,
      isGlobals: true, advice: advice)
  }

  /// Where the database is, as archives name it: the label, or else the container or the host (`localhost` when none
  /// is configured) and, only if it is configured, the port.
  public var place: String {
    label ?? (container ?? hostname ?? "localhost") + (port.map { ":\($0)" } ?? "")
  }

  /// The dump's path below `coffer/` in an archive, and below a run's own folder.
  ///
  /// A host may be a socket's folder, and any name may be `..` or hold a `/`: no part leads to another folder, and no two
  /// names become one. Globals are not where a database of that name would be.
  public var path: String {
    "\(isGlobals ? "\(system)_\(Self.globalsName)" : hook)/\(Self.part(place))/\(Self.part(database))"
  }

  /// As messages name the dump.
  public var title: String {
    let place = Quoting.terminal(place)
    if isGlobals { return "\(system) globals at \(place)" }
    if let system = hook.before(end: "_clusters") ?? hook.before(end: "_servers") {
      return "\(system) server '\(Quoting.terminal(database))' at \(place)"
    }
    return "\(system) database '\(Quoting.terminal(database))' at \(place)"
  }

  /// As messages about a restore name it.
  var restoreTitle: String { title + (target.map { " -> \(Quoting.terminal($0))" } ?? "") }

  private var system: String { hook.before(end: "_databases") ?? hook }

  /// A name as one part of a path. `%` and two digits stand for a byte; so `%` itself is written as one, and alone it
  /// stands for the empty name. Archives made by earlier versions have `%` as it is; nothing reads names out of paths.
  private static func part(_ name: String) -> String {
    switch name {
    case "": return "%"
    case ".", "..": return name.swapping(".", for: "%2E")
    default:
      return name.swapping("%", for: "%25").swapping("/", for: "%2F").swapping("\0", for: "%00")
    }
  }
}

/// What is known of a dump once it is complete.
public struct DumpFacts: Sendable, Equatable {
  public var identity: DumpIdentity
  public var format: String
  public var clientVersion: String?
  public var serverVersion: String?
  /// What the hook wants to have back on restore.
  public var details: [String: String]
  /// What was dumped, as far as it was counted; nil when nothing was.
  public var content: DumpContent?
  /// Of a base backup of a PostgreSQL server only.
  public var base: BaseBackupFacts?
  /// Of a physical backup of a MariaDB server only.
  public var physical: PhysicalBackupFacts?
  /// Where the binary log of the server was, as far as that is known.
  public var log: DumpLogPlace?
  /// Of a dump of a whole MongoDB server only: the entries of its oplog that it has.
  public var oplog: DumpOplogPlace?

  public init(
    identity: DumpIdentity, format: String, clientVersion: String? = nil, serverVersion: String? = nil,
    details: [String: String] = [:], content: DumpContent? = nil, base: BaseBackupFacts? = nil,
    physical: PhysicalBackupFacts? = nil, log: DumpLogPlace? = nil, oplog: DumpOplogPlace? = nil
  ) {
    self.identity = identity
    self.format = format
    self.clientVersion = clientVersion
    self.serverVersion = serverVersion
    self.details = details
    self.content = content
    self.base = base
    self.physical = physical
    self.log = log
    self.oplog = oplog
  }

  init<Format: RawRepresentable>(identity: DumpIdentity, format: Format) where Format.RawValue == String {
    self.init(identity: identity, format: format.rawValue)
  }

  /// Whether the dump has a format of its system's.
  func has<Format: RawRepresentable>(_ format: Format) -> Bool where Format.RawValue == String {
    self.format.isSame(as: format.rawValue)
  }
}
