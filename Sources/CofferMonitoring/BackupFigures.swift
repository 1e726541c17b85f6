import CofferSystem
import FoundationEssentials
import Glibc

/// How the backups of one configuration file stand in one repository, as figures.
public struct BackupFigures: Sendable {
  /// Backups of the same thing.
  public struct Backups: Sendable {
    /// The last good one; nil when there is none.
    public var time: Date?
    public var due: Date?
    public var bytes: UInt64?
    /// Bytes more than the one before.
    public var growth: Int?
    public var lastProof: Date?
    /// nil where nothing says how old it may be.
    public var isOverdue: Bool?

    public init(
      time: Date?, due: Date?, bytes: UInt64?, growth: Int?, lastProof: Date? = nil, isOverdue: Bool?
    ) {
      self.time = time
      self.due = due
      self.bytes = bytes
      self.growth = growth
      self.lastProof = lastProof
      self.isOverdue = isOverdue
    }
  }

  /// Those of a database, and which one that is; names as in `DumpReport`.
  public struct Database: Sendable {
    public var hook: String
    public var place: String
    public var name: String
    public var backups: Backups

    public init(hook: String, place: String, name: String, backups: Backups) {
      self.hook = hook
      self.place = place
      self.name = name
      self.backups = backups
    }
  }

  /// How far a server's log reaches, and which server's it is.
  public struct Log: Sendable {
    public var server: String
    public var host: String
    /// When the newest part was stored; nil where there is none.
    public var time: Date?
    /// nil where nothing says how old it may be.
    public var isOverdue: Bool?

    public init(server: String, host: String, time: Date?, isOverdue: Bool?) {
      self.server = server
      self.host = host
      self.time = time
      self.isOverdue = isOverdue
    }
  }

  public var configuration: String
  public var repository: String
  /// Those of everything together.
  public var whole: Backups
  public var databases: [Database]
  public var logs: [Log]

  public init(
    configuration: String, repository: String, whole: Backups, databases: [Database], logs: [Log] = []
  ) {
    self.configuration = configuration
    self.repository = repository
    self.whole = whole
    self.databases = databases
    self.logs = logs
  }
}

extension Metrics {
  /// Takes in how backups stand; of databases that are not among them any more nothing stays.
  mutating func update(with figures: BackupFigures) {
    let labels = [
      Label(name: "configuration", value: figures.configuration), Label(name: "repository", value: figures.repository),
    ]
    remove(from: Family.ofBackups) { $0.starts(with: labels) }
    set(figures.whole, labels)
    for database in figures.databases {
      set(
        database.backups,
        labels + [
          Label(name: "hook", value: database.hook), Label(name: "place", value: database.place),
          Label(name: "database", value: database.name),
        ])
    }
    for log in figures.logs {
      let labels = labels + [Label(name: "server", value: log.server), Label(name: "host", value: log.host)]
      if let time = log.time { set(.logTime, labels, Self.seconds(time)) }
      if let isOverdue = log.isOverdue { set(.logOverdue, labels, isOverdue ? 1 : 0) }
    }
  }

  private mutating func set(_ backups: BackupFigures.Backups, _ labels: [Label]) {
    let values: [(Family, Double?)] = [
      (.backupOverdue, backups.isOverdue.map { $0 ? 1 : 0 }), (.backupTime, backups.time.map(Self.seconds)),
      (.backupDue, backups.due.map(Self.seconds)), (.backupBytes, backups.bytes.map { Double($0) }),
      (.backupGrowth, backups.growth.map { Double($0) }), (.backupProof, backups.lastProof.map(Self.seconds)),
    ]
    for (family, value) in values {
      if let value { set(family, labels, value) }
    }
  }
}
