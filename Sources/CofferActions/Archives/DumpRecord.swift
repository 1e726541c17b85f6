import CofferHooks
import CofferRepository
import CofferSystem
import FoundationEssentials

/// What an archive remembers of a database dump, so that it can be restored without today's configuration.
///
/// To the repository it is bytes.
struct DumpRecord: Sendable, Equatable, Codable {
  /// The hook's configuration name, for example `postgresql_databases`.
  var hook: String
  /// The database's name, or `all`.
  var database: String
  /// As configured; nil means the client's default.
  var hostname: String?
  /// As configured; nil means the client's default.
  var port: Int?
  var container: String?
  var label: String?
  /// The dump's format, for example `custom`, `plain`, `tar`, `directory`, `sql`.
  var format: String
  /// The version of the dump program, as it names itself.
  var clientVersion: String?
  /// The version of the server, as it names itself.
  var serverVersion: String?
  /// Further facts that the hook wants back on restore, for example `owner`, `encoding`.
  var details: [String: String]
  /// Bytes of the dump; of all files of a directory dump.
  var bytes: UInt64
  var start: Date
  var end: Date
  /// The exit status of the dump program.
  var exitStatus: Int32
  /// What was dumped, as far as it was counted; archives of earlier versions do not have it.
  var content: DumpContent?
  /// Of a base backup of a PostgreSQL server only.
  var base: BaseBackupFacts?
  /// Of a physical backup of a MariaDB server only.
  var physical: PhysicalBackupFacts?
  /// Where the binary log of the server was, as far as that is known.
  var log: DumpLogPlace?
  /// Of a dump of a whole MongoDB server only: the entries of its oplog that it has.
  var oplog: DumpOplogPlace?

  init(
    hook: String, database: String, hostname: String? = nil, port: Int? = nil, container: String? = nil,
    label: String? = nil, format: String, clientVersion: String? = nil, serverVersion: String? = nil,
    details: [String: String] = [:], bytes: UInt64, start: Date, end: Date, exitStatus: Int32 = 0,
    content: DumpContent? = nil, base: BaseBackupFacts? = nil, physical: PhysicalBackupFacts? = nil,
    log: DumpLogPlace? = nil, oplog: DumpOplogPlace? = nil
  ) {
    self.hook = hook
    self.database = database
    self.hostname = hostname
    self.port = port
    self.container = container
    self.label = label
    self.format = format
    self.clientVersion = clientVersion
    self.serverVersion = serverVersion
    self.details = details
    self.bytes = bytes
    self.start = start
    self.end = end
    self.exitStatus = exitStatus
    self.content = content
    self.base = base
    self.physical = physical
    self.log = log
    self.oplog = oplog
  }
}

extension DumpRecord {
  /// What an archive remembers of a dump cannot be read.
  struct Unreadable: DiagnosableError, Equatable {
    /// The dump's, in the archive.
    let path: String

    var diagnosis: Diagnosis {
      Diagnosis(
        subject: path, problem: "What the archive remembers of the dump cannot be read",
        suggestion: "Use another archive, or bring the dump's bytes back with 'coffer extract'")
    }
  }

  /// - Parameter bytes: Of the dump; of all files of a directory dump.
  init(_ outcome: DumpOutcome, bytes: UInt64, start: Date, end: Date) {
    let facts = outcome.facts
    self.init(
      hook: facts.identity.hook, database: facts.identity.database, hostname: facts.identity.hostname,
      port: facts.identity.port, container: facts.identity.container, label: facts.identity.label,
      format: facts.format, clientVersion: facts.clientVersion, serverVersion: facts.serverVersion,
      details: facts.details, bytes: bytes, start: start, end: end, exitStatus: outcome.exitStatus,
      content: facts.content, base: facts.base, physical: facts.physical, log: facts.log,
      oplog: facts.oplog)
  }

  /// Whether it is of a whole server, that is laid down and not put into one that runs.
  var isOfServer: Bool { base != nil || physical != nil }

  /// What the application said of its version when it was dumped.
  var applicationVersion: String? { details[DumpFacts.applicationVersionKey] }

  /// Seconds by which the replica that was dumped lagged behind.
  var replicaLag: Double? { details[DumpFacts.replicaLagKey].flatMap { Double($0) }.flatMap { $0.isFinite ? $0 : nil } }

  /// What the item's archive remembers; nil for an item that is no dump.
  ///
  /// - Throws: `Unreadable`.
  init?(of item: ArchiveItem) throws(Unreadable) {
    guard let bytes = item.dump else { return nil }
    guard let record = try? RecordJSON.decoder.decode(DumpRecord.self, from: Data(bytes)),
      PlausibleNumbers.isTime(record.start), PlausibleNumbers.isTime(record.end),
      PlausibleNumbers.isSize(record.bytes)
    else {
      throw Unreadable(path: item.path.text)
    }
    self = record
  }

  /// As an archive keeps it.
  ///
  /// - Throws: `EncodingError`, of numbers that JSON does not have.
  func encoded() throws -> [UInt8] { Array(try RecordJSON.encoder.encode(self)) }
}
