import CofferSystem
import FoundationEssentials

/// What a run has done for one configuration file: gathered while it runs, rendered by monitoring services.
public struct RunReport: Sendable, Equatable {
  /// The configuration file's path.
  public var configuration: String
  /// This machine's name.
  public var hostname: String
  /// The names of the actions, in their order.
  public var actions: [String]
  public var start: Date
  /// nil while it runs.
  public var end: Date?
  public var repositories: [RepositoryReport] = []
  /// Everything that went wrong, each error in full sentences.
  public var errors: [String] = []
  /// Whether nothing was done because a command said that it is not the time: neither a success nor a failure.
  public var isSkipped = false

  public init(configuration: String, hostname: String, actions: [String], start: Date) {
    self.configuration = configuration
    self.hostname = hostname
    self.actions = actions
    self.start = start
  }
}

/// What a run has done in one repository.
public struct RepositoryReport: Sendable, Equatable {
  public var path: String
  public var label: String?
  /// nil when none was made.
  public var archive: ArchiveReport?
  /// The database dumps that were begun, in their order.
  public var dumps: [DumpReport] = []
  /// The dumps that were restored to a throw-away place, in their order.
  public var proofs: [ProofReport] = []
  /// Whether all of its actions succeeded.
  public var isSuccess = true
  /// Whether none of them was begun, because a command said so.
  public var isSkipped = false

  public init(path: String, label: String?) {
    self.path = path
    self.label = label
  }

  /// As people call it.
  public var name: String { label ?? path }

  /// Whether the dump can be restored from here: one that went well is lost when no archive is made.
  func keeps(_ dump: DumpReport) -> Bool { archive != nil && dump.bytes != nil }
}

/// A new archive.
public struct ArchiveReport: Sendable, Equatable {
  public var name: String
  public var start: Date
  public var end: Date
  public var bytesRead: UInt64
  /// Plain bytes that the repository did not have.
  public var bytesNew: UInt64
  /// Bytes added to the repository.
  public var bytesStored: UInt64

  public init(
    name: String, start: Date, end: Date, bytesRead: UInt64, bytesNew: UInt64, bytesStored: UInt64
  ) {
    self.name = name
    self.start = start
    self.end = end
    self.bytesRead = bytesRead
    self.bytesNew = bytesNew
    self.bytesStored = bytesStored
  }

  public var seconds: Double { end.timeIntervalSince(start) }
}

/// The dump of one database.
public struct DumpReport: Sendable, Equatable {
  /// The hook's configuration name, for example `postgresql_databases`.
  public var hook: String
  /// The label, container or host.
  public var place: String
  public var database: String
  public var end: Date
  public var seconds: Double
  /// nil when it failed.
  public var bytes: UInt64?

  public init(hook: String, place: String, database: String, end: Date, seconds: Double, bytes: UInt64?) {
    self.hook = hook
    self.place = place
    self.database = database
    self.end = end
    self.seconds = seconds
    self.bytes = bytes
  }
}

/// What came of restoring a dump to a throw-away place.
public struct ProofReport: Sendable, Equatable {
  /// As of `DumpReport`.
  public var hook: String
  public var place: String
  public var database: String
  public var time: Date
  public var isProven: Bool
  /// How long the restore took; nil when it failed.
  public var seconds: Double?
  /// That were restored; nil when nobody counted.
  public var rows: UInt64?

  public init(
    hook: String, place: String, database: String, time: Date, isProven: Bool, seconds: Double?, rows: UInt64?
  ) {
    self.hook = hook
    self.place = place
    self.database = database
    self.time = time
    self.isProven = isProven
    self.seconds = seconds
    self.rows = rows
  }
}
