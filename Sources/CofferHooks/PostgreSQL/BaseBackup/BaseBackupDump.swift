import CofferConfiguration
import CofferSystem

/// A base backup that can be begun.
struct BaseBackupDump: PlannedDump {
  /// What dump records call its form.
  static let format = "base"
  /// What the server's list of connections calls it.
  static let sessionName = "coffer base backup"

  let identity: DumpIdentity
  let section: ConfigurationSection
  let connection: PostgreSQLConnection
  private var isRehearsal = false

  init(identity: DumpIdentity, section: ConfigurationSection, connection: PostgreSQLConnection) {
    self.identity = identity
    self.section = section
    self.connection = connection
  }

  var rehearsal: any PlannedDump {
    var other = self
    other.isRehearsal = true
    return other
  }

  func start(context: HookContext) throws -> any RunningDump {
    if section[PostgreSQLClusterOptions.readFiles] { return try startReading(context) }
    return try BaseBackupStream.naming(identity) {
      let conversation = try ReplicationConnection(
        to: ReplicationServer(connection), name: Self.sessionName, clock: context.clock,
        cancellation: context.cancellation)
      let server = try ReplicatedServer(conversation)
      guard !isRehearsal else { return RehearsedBaseBackup(of: identity, conversation.parameter("server_version")) }
      return try BaseBackupStream(of: identity, conversation, server, context: context)
    }
  }

  /// Reads the files here, in the place of having the server send them.
  private func startReading(_ context: HookContext) throws -> any RunningDump {
    guard let path = section[PostgreSQLClusterOptions.dataDirectory] else {
      throw DumpError.misconfigured(
        identity, problem: "read_files is set, and data_directory is not",
        suggestion: "Say with data_directory where the server's files are, or leave read_files out")
    }
    return try BaseBackupStream.naming(identity, stall: context.limits.stall) {
      let mode = try BackupMode(of: ReplicationServer(connection), context: context)
      try mode.checkRight()
      let data = try Folder(opening: context.absolute(path))
      try mode.prove(data)
      guard !isRehearsal else { return RehearsedBaseBackup(of: identity, mode.versionName) }
      return try FileBackup(of: identity, data, mode, context: context)
    }
  }
}

/// A connection over which a base backup could be made. None is: the server would write everything down that it holds in memory.
private final class RehearsedBaseBackup: RunningDump, ByteSource {
  private let facts: DumpFacts

  init(of identity: DumpIdentity, _ version: String?) {
    facts = DumpFacts(identity: identity, format: BaseBackupDump.format, serverVersion: version)
  }

  var output: DumpOutput { .stream(self) }
  var factsSoFar: DumpFacts? { facts }

  func read(into buffer: UnsafeMutableRawBufferPointer) -> Int { 0 }
  func end() {}
  func finish() -> DumpOutcome { DumpOutcome(facts: facts, bytes: 0, exitStatus: 0) }
  func abandon() {}
}
