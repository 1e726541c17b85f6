import CofferSystem

/// Where and how a database is restored, if not to where its dump came from; nil means "as configured".
public struct RestoreTarget: Sendable {
  public var hostname: String?
  public var port: Int?
  public var username: String?
  public var password: String?
  /// In place of a hostname.
  public var container: String?
  /// The only way to the server, whatever the configuration and the clients' own files say: a socket of this machine.
  var socketPath: String?
  /// Whether nothing is given to its owner, and no rights are given: where the roles of the dump are not.
  var leavesOwners = false
  /// Whether it is to see that the dump restores: nobody works with what is there then.
  var isDrill = false
  /// Makes a folder for a tablespace in place of the dump's; nil for that one.
  var tablespaceFolder: (@Sendable () throws -> String)?
  /// What the databases are known by that the restore works in, sixteen hexadecimal digits; nil for the restore's own choice.
  var mark: String?
  /// What the database is to be called; nil for its own name.
  public var databaseName: String?
  /// What of the server's oplog is replayed behind the dump; nil for nothing. Of MongoDB only.
  public var oplog: OplogReplay?
  /// What was chosen of `DatabaseHook.choices`, with the values that were given; a switch has none.
  public private(set) var chosen: [(choice: RestoreChoice, values: [String])] = []

  public init(
    hostname: String? = nil, port: Int? = nil, username: String? = nil, password: String? = nil,
    container: String? = nil, databaseName: String? = nil
  ) {
    self.hostname = hostname
    self.port = port
    self.username = username
    self.password = password
    self.container = container
    self.databaseName = databaseName
  }

  /// Whether it leads to another server.
  var namesServer: Bool { hostname != nil || port != nil || container != nil }

  /// Puts values in place of those that were chosen before; nil takes them back.
  public mutating func choose(_ choice: RestoreChoice, _ values: [String]?) {
    chosen.removeAll { $0.choice.flag.isSame(as: choice.flag) }
    if let values { chosen.append((choice, values)) }
  }

  public subscript<Value>(key: RestoreChoiceKey<Value>) -> Value {
    get { key.read(chosen.first { $0.choice.flag.isSame(as: key.choice.flag) }?.values) }
    set { choose(key.choice, key.write(newValue)) }
  }

  /// - Throws: `RestoreError.refused` for what was chosen and cannot be had of a database whose system knows only some
  ///   choices.
  func check(for identity: DumpIdentity, known: [RestoreChoice]) throws(RestoreError) {
    for (choice, _) in chosen where !known.contains(where: { $0.flag.isSame(as: choice.flag) }) {
      guard let refusal = choice.refusal else { continue }
      throw .refused(identity, problem: refusal.problem, suggestion: refusal.suggestion)
    }
  }
}
