import CofferConfiguration
import CofferSystem

/// A database system: how it is configured, how its databases are dumped and put back, what to do when that fails.
public protocol DatabaseHook: Sendable {
  /// The configuration option that lists its databases, with the options of each; its name is the hook's.
  var databases: OptionKey<[ConfigurationSection]> { get }

  var kind: DatabaseKind { get }

  /// Whether an entry of the configuration asks for dumps.
  func isBackedUp(_ entry: ConfigurationSection) -> Bool

  /// What to do about what its programs say when they fail. Whatever the hook makes of a `DumpIdentity` that has it - a
  /// `DumpError`, a `RestoreError` - tells it.
  var advice: FailureAdvice { get }

  /// What may be chosen for one restore, besides what all systems know. What other systems let be chosen, and this one's
  /// databases cannot be restored with, is refused before `plan`.
  var choices: [RestoreChoice] { get }

  /// Returns the dumps that the configuration asks for, in its order.
  ///
  /// Servers are asked what databases they have where the configuration says `all`; nothing is started yet. What one
  /// entry's server answers does not keep the others from being dumped: see `ImpossibleDump`.
  func dumps(of root: ConfigurationSection, context: HookContext) throws -> [any PlannedDump]

  /// Checks that a dump can be restored, touching nothing: programs, connection, permissions.
  ///
  /// - Parameters:
  ///   - facts: With the hook's own advice.
  ///   - root: Today's configuration; nil when there is none.
  /// - Throws: `RestoreError` and others, naming the database.
  func plan(
    restoring facts: DumpFacts, to target: RestoreTarget, root: ConfigurationSection?, context: HookContext
  ) throws -> any PlannedRestore

  /// Whether a dump holds what belongs to a server rather than to a database: it is restored to no server of the user's to see
  /// whether that works, but for those that are made for it.
  func isServerWide(_ facts: DumpFacts) -> Bool

  /// Checks that tables of a dump can be restored, touching nothing.
  ///
  /// - Parameters:
  ///   - facts: With the hook's own advice.
  ///   - dump: The dump's bytes, of which the restore wants `PlannedRestore.parts`.
  /// - Throws: `RestoreError` and others, naming the database.
  func plan(
    restoring tables: TableSelection, of facts: DumpFacts, from dump: any StoredDump, to target: RestoreTarget,
    root: ConfigurationSection?, context: HookContext
  ) throws -> any PlannedRestore

  /// Makes a throw-away place in which a dump can be restored, to see whether that works.
  ///
  /// - Parameters:
  ///   - facts: With the hook's own advice.
  ///   - bytes: The dump's.
  /// - Throws: `DrillError` when there is none here.
  func drillPlace(for facts: DumpFacts, bytes: UInt64, on ground: DrillGround) throws -> any DrillPlace

  /// Makes a database for a dump on the server that the configuration names for that, and removes those that runs which were
  /// killed have left there.
  ///
  /// - Parameter facts: With the hook's own advice.
  /// - Returns: nil where the configuration names none.
  /// - Throws: `DrillError`; `RestoreError`; what asking throws.
  func drillServer(
    for facts: DumpFacts, root: ConfigurationSection, context: HookContext
  ) throws -> (any DrillPlace)?

  /// Looks whether those may restore dumps, and how much more they may do, whom the configuration names for servers of drills.
  /// Nothing is changed there.
  ///
  /// - Returns: For each server and user what was found, or why it could not be.
  func drillRights(in root: ConfigurationSection, context: HookContext) -> [Result<DrillRights, any Error>]

  /// Recognises the arguments by which the hook starts this program again, to work in a process of its own.
  func worker(for arguments: [String]) -> (any HookWorker)?

  /// Does once what its workers do, on something of its own.
  func prepareWorkers()
}

extension DatabaseHook {
  public var name: String { databases.name }

  public func isBackedUp(_ entry: ConfigurationSection) -> Bool { true }

  public var advice: FailureAdvice { .common }

  public var choices: [RestoreChoice] { [] }

  public func worker(for arguments: [String]) -> (any HookWorker)? { nil }
  public func prepareWorkers() {}

  public func isServerWide(_ facts: DumpFacts) -> Bool { facts.identity.isGlobals }

  public func drillServer(
    for facts: DumpFacts, root: ConfigurationSection, context: HookContext
  ) throws -> (any DrillPlace)? { nil }

  public func drillRights(
    in root: ConfigurationSection, context: HookContext
  ) -> [Result<DrillRights, any Error>] { [] }

  public func drillPlace(for facts: DumpFacts, bytes: UInt64, on ground: DrillGround) throws -> any DrillPlace {
    throw DrillError.impossible(
      facts.identity, problem: "its system's dumps cannot be restored to a throw-away place yet", suggestion: nil)
  }

  public func plan(
    restoring tables: TableSelection, of facts: DumpFacts, from dump: any StoredDump, to target: RestoreTarget,
    root: ConfigurationSection?, context: HookContext
  ) throws -> any PlannedRestore {
    throw RestoreError.refused(
      facts.identity, problem: "tables cannot be chosen from it",
      suggestion: "Restore it whole, to another place (--target-name), and bring the table over from there")
  }

  /// Plans the restore of tables of a dump as an archive remembers it.
  ///
  /// - Throws: As `plan`; `RestoreError.refused` for a choice that cannot be had of this system.
  public func restore(
    _ tables: TableSelection, of facts: DumpFacts, from dump: any StoredDump, to target: RestoreTarget,
    root: ConfigurationSection?, context: HookContext
  ) throws -> any PlannedRestore {
    var facts = facts
    facts.identity = facts.identity.advised(by: advice).aimed(at: target)
    try target.check(for: facts.identity, known: choices)
    return try plan(restoring: tables, of: facts, from: dump, to: target, root: root, context: context)
  }

  /// Plans the restore of a dump as an archive remembers it.
  ///
  /// - Throws: As `plan`; `RestoreError.refused` for a choice that cannot be had of this system.
  public func restore(
    of facts: DumpFacts, to target: RestoreTarget, root: ConfigurationSection?, context: HookContext
  ) throws -> any PlannedRestore {
    var facts = facts
    facts.identity = facts.identity.advised(by: advice).aimed(at: target)
    try target.check(for: facts.identity, known: choices)
    return try plan(restoring: facts, to: target, root: root, context: context)
  }
}

extension DatabaseHook {
  /// Makes a database on a server of the configuration for a dump as an archive remembers it.
  ///
  /// - Returns: nil where the configuration names none, or the dump would change it.
  /// - Throws: As `drillServer`.
  public func drillServer(
    of facts: DumpFacts, root: ConfigurationSection, context: HookContext
  ) throws -> (any DrillPlace)? {
    guard !isServerWide(facts) else { return nil }
    var facts = facts
    facts.identity = facts.identity.advised(by: advice)
    return try drillServer(for: facts, root: root, context: context)
  }

  /// The host of the server on which the configuration wants dumps of such a database to be restored for a drill; nil for none, and
  /// where several entries fit, which the drill says. Dumps that would change it are restored elsewhere (`isServerWide`).
  public func drillHost(of facts: DumpFacts, root: ConfigurationSection) -> String? {
    guard !kind.isFile, let entry = try? ServerEntry.matching(facts.identity, in: root, of: self) else { return nil }
    return entry.section[ServerOptions.verifyHostname]
  }

  /// Makes a throw-away place for a dump as an archive remembers it.
  ///
  /// - Throws: As `drillPlace`.
  public func drill(of facts: DumpFacts, bytes: UInt64, on ground: DrillGround) throws -> any DrillPlace {
    var facts = facts
    facts.identity = facts.identity.advised(by: advice)
    return try drillPlace(for: facts, bytes: bytes, on: ground)
  }
}

/// Where the databases of a system are.
public enum DatabaseKind: Sendable, Equatable {
  /// At a server.
  ///
  /// - Parameter defaultPort: The port of one for which none is configured; nil where that is not known.
  case server(defaultPort: Int?)
  /// Each is a file of this machine.
  case file

  public var isFile: Bool { self == .file }

  /// nil for files.
  public var defaultPort: Int? {
    if case .server(let port) = self { port } else { nil }
  }
}

/// Work that a hook has this program do in a process of its own.
public protocol HookWorker {
  /// Does it.
  ///
  /// - Returns: The exit code.
  func run() -> Int32
}

/// A dump that can be started.
public protocol PlannedDump: Sendable {
  var identity: DumpIdentity { get }

  /// The entry of the configuration that asks for it.
  var section: ConfigurationSection { get }

  /// A dump that begins as this one does and gives out what it writes at once, for a look whether this one could be made.
  var rehearsal: any PlannedDump { get }

  /// The same dump with nothing beside it: nothing is counted, and no sessions wait for other dumps.
  var alone: any PlannedDump { get }

  /// Whether the dump is in the runtime directory as a whole before it is stored.
  var needsRoom: Bool { get }

  /// Asks about how many bytes the dump will have; nil where its system has no figure for that.
  func estimatedSize(context: HookContext) throws -> UInt64?

  /// Does ahead what of `start` another dump that is made meanwhile does not mind.
  ///
  /// - Returns: The same dump, which starts faster within some moments: what was done goes as soon as nobody has it any more. What
  ///   fails now is left to `start`.
  func prepared(context: HookContext) -> any PlannedDump

  /// Starts the dump program.
  func start(context: HookContext) throws -> any RunningDump
}

extension PlannedDump {
  public func prepared(context: HookContext) -> any PlannedDump { self }

  public var needsRoom: Bool { false }

  public func estimatedSize(context: HookContext) throws -> UInt64? { nil }

  public var rehearsal: any PlannedDump { self }

  public var alone: any PlannedDump { self }
}

/// A dump that cannot be started because what to dump could not be found out: the server did not answer, for example.
public struct ImpossibleDump: PlannedDump {
  public let identity: DumpIdentity
  public let section: ConfigurationSection
  public let cause: any Error

  public init(identity: DumpIdentity, section: ConfigurationSection, cause: any Error) {
    self.identity = identity
    self.section = section
    self.cause = cause
  }

  public func start(context: HookContext) throws -> any RunningDump { throw cause }
}

/// A dump on its way.
public protocol RunningDump: AnyObject {
  /// Where the dump's bytes come from.
  var output: DumpOutput { get }

  /// Whether something is beside it that may have kept it from beginning - what counts, sessions that wait for other dumps: not every
  /// server bears that.
  var hasCompany: Bool { get }

  /// Whether it is made of a server's pages rather than of text.
  var holdsPages: Bool { get }

  /// What is known of it before it ends; nil when nothing is.
  var factsSoFar: DumpFacts? { get }

  /// Waits for the dump program and makes sure that the dump is complete; once it was found to be, does nothing. What `finish`
  /// has to do besides may be done while the next dump is made.
  ///
  /// - Throws: `DumpError`.
  func end() throws

  /// Waits for the dump program and makes sure that the dump is complete, if `end` has not.
  ///
  /// - Throws: `DumpError`.
  func finish() throws -> DumpOutcome

  /// Ends the dump program with everything it started.
  func abandon()
}

extension RunningDump {
  public var hasCompany: Bool { false }
  public var holdsPages: Bool { false }
  public var factsSoFar: DumpFacts? { nil }
}

/// How a dump is given out.
public enum DumpOutput {
  /// Bytes as the program writes them.
  case stream(any ByteSource)
  /// A folder of files, complete.
  case folder(String)
}

/// A dump that is complete.
public struct DumpOutcome: Sendable, Equatable {
  public var facts: DumpFacts
  /// Bytes of a stream; nil for a folder.
  public var bytes: UInt64?
  public var exitStatus: Int32
  /// What the program warned of although it was content.
  public var warnings: [String] = []
}

/// A restore that was checked and can be started.
public protocol PlannedRestore: Sendable {
  /// What it will do, in one line.
  var summary: String { get }
  /// Whether the dump is wanted as a folder of files rather than as a stream.
  var wantsFolder: Bool { get }

  /// The stretches of the dump's stream that it wants to be written to it, in their order; nil for all of it.
  var parts: [Range<UInt64>]? { get }

  /// What comes back of what was counted when the dump was made; nil where that is not known.
  func content(of dump: DumpContent) -> DumpContent?

  /// Whether a restore that is given up leaves the database as it was. If not, the whole dump is read and verified
  /// before the restore is started.
  var isReversible: Bool { get }

  /// Starts the restoring program.
  ///
  /// - Parameter folder: The dump's files, for a restore that wants them.
  func start(folder: String?, context: HookContext) throws -> any RunningRestore

  /// Starts the restoring program.
  ///
  /// - Parameter later: What is restored after it in the same run: what needs that is made in `makePostponed`.
  func start(folder: String?, before later: [any PlannedRestore], context: HookContext) throws -> any RunningRestore
}

extension PlannedRestore {
  public var isReversible: Bool { true }

  public var parts: [Range<UInt64>]? { nil }

  public func content(of dump: DumpContent) -> DumpContent? { dump }

  public func start(
    folder: String?, before later: [any PlannedRestore], context: HookContext
  ) throws -> any RunningRestore {
    try start(folder: folder, context: context)
  }
}

/// A restore on its way: the dump's bytes are written to it.
public protocol RunningRestore: ByteSink {
  /// Tells that the dump was written to its end.
  ///
  /// - Returns: Whether it has to be written once more, from its beginning.
  /// - Throws: `RestoreError`; the restore still has to be abandoned.
  func endPass() throws -> Bool

  /// Ends the input, waits, and makes the restored database the one in use.
  ///
  /// - Returns: Warnings.
  /// - Throws: `RestoreError`; the database is then as it was, if the restore is reversible.
  func finish() throws -> [String]

  /// Makes what could not be made before the rest of the run was restored. It comes after `finish`, and also when the
  /// rest has failed.
  ///
  /// - Returns: Warnings.
  /// - Throws: `RestoreError`, which says what could not be made.
  func makePostponed() throws -> [String]

  /// Gives up; the database is then as it was, if the restore is reversible.
  func abandon()
}

extension RunningRestore {
  public func endPass() throws -> Bool { false }
  public func makePostponed() throws -> [String] { [] }
}
