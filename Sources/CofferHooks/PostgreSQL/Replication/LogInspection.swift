import CofferSystem

/// What a server says of how its log leaves it: by `archive_command`, and by replication slots.
///
/// Asked over a connection like others, to the database `postgres`: anybody who may connect to that may read these views.
/// Used by one thread.
public final class LogInspection {
  /// A physical replication slot.
  public struct Slot: Sendable, Equatable {
    public let name: String
    /// Whether somebody receives by it.
    public let isActive: Bool
    /// `reserved`, `extended`, `unreserved` or `lost`; nil before version 13.
    public let status: String?
    /// From where on the server keeps its log; nil where it keeps none.
    public let start: LogSequenceNumber?
    /// Bytes of log that are kept; nil where that is not known.
    public let kept: UInt64?
  }

  /// `archive_command`, by `pg_stat_archiver`.
  public struct Archiver: Sendable, Equatable {
    /// Whether `archive_mode` is on.
    public let isOn: Bool
    /// Whether `archive_command` or `archive_library` says what is to be done; else the server keeps all of its log, and fails at nothing.
    public let isTold: Bool
    /// The file that was stored last; nil for none.
    public let last: String?
    public let failureCount: UInt64
    /// The file that could not be stored, and when, where nothing has been stored since.
    public let failing: Failure?
  }

  /// A file that could not be stored, as the server writes its name and the time.
  public struct Failure: Sendable, Equatable {
    public let name: String
    public let time: String
  }

  /// Where the server's log is.
  public struct Position: Sendable, Equatable {
    public let systemIdentifier: UInt64
    /// nil on a standby, which follows others.
    public let timeline: UInt32?
    /// How far the log has been written, or on a standby received.
    public let end: LogSequenceNumber

    public init(systemIdentifier: UInt64, timeline: UInt32?, end: LogSequenceNumber) {
      self.systemIdentifier = systemIdentifier
      self.timeline = timeline
      self.end = end
    }
  }

  private let connection: ReplicationConnection
  private let clock: Clock
  /// Seconds that an answer is waited for.
  private static let patience: Double = 60
  private static let database = "postgres"
  private static let sessionName = "coffer log inspection"
  private static let firstWithStatus = 130_000

  /// Connects.
  ///
  /// - Throws: `ReplicationError`; `RunCancelled`; `SystemError`.
  public init(of server: ReplicationServer, clock: Clock, cancellation: Cancellation) throws {
    connection = try ReplicationConnection(
      to: server, name: Self.sessionName, database: Self.database, clock: clock, cancellation: cancellation)
    self.clock = clock
    // Nothing of the database stands in for what is asked.
    _ = try ask("SELECT pg_catalog.set_config('search_path', 'pg_catalog', false)")
  }

  private func ask(_ text: String) throws -> ReplicationRows {
    try connection.query(text, until: clock.steadySeconds() + Self.patience)
  }

  /// The physical ones of all slots.
  ///
  /// - Throws: `ReplicationError`; `RunCancelled`; `SystemError`.
  public func slots() throws -> [Slot] {
    let status = connection.serverVersion >= Self.firstWithStatus ? "wal_status" : "NULL"
    let rows = try ask(
      """
      SELECT slot_name, active, restart_lsn, \(status) AS status, pg_catalog.pg_wal_lsn_diff(CASE WHEN \
      pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_receive_lsn() ELSE pg_catalog.pg_current_wal_lsn() END, restart_lsn)::pg_catalog.numeric(20) AS kept \
      FROM pg_catalog.pg_replication_slots WHERE slot_type = 'physical' ORDER BY slot_name
      """)
    return try rows.rows.indices.map { row in
      guard let name = rows.text(row, "slot_name") else { throw unexpected("pg_replication_slots") }
      return Slot(
        name: name, isActive: rows.text(row, "active")?.isSame(as: "t") ?? false, status: rows.text(row, "status"),
        start: rows.text(row, "restart_lsn").flatMap { LogSequenceNumber($0) },
        kept: rows.text(row, "kept").flatMap { UInt64($0) })
    }
  }

  /// From where on the server keeps its log for a slot: what `READ_REPLICATION_SLOT` tells from version 15 on.
  ///
  /// - Parameters:
  ///   - replication: A connection for replication to the same server.
  ///   - timeline: The server's.
  /// - Returns: nil where it keeps none.
  /// - Throws: `ReplicationError`; `RunCancelled`; `SystemError`.
  public func start(
    of slot: String, over replication: ReplicationConnection, timeline: UInt32
  ) throws -> (timeline: UInt32, position: LogSequenceNumber)? {
    guard let position = try slots().first(where: { $0.name.isSame(as: slot) })?.start else { return nil }
    guard timeline > 1 else { return (timeline, position) }
    let file = "TIMELINE_HISTORY \(timeline)"
    let content = try replication.query(file).bytes(0, "content") ?? []
    guard content.count <= TimelineHistory.sizeLimit, let history = TimelineHistory(of: timeline, content),
      let own = history.timeline(at: position)
    else { throw unexpected(file) }
    return (own, position)
  }

  /// - Throws: `ReplicationError`; `RunCancelled`; `SystemError`.
  public func archiver() throws -> Archiver {
    let rows = try ask(
      """
      SELECT pg_catalog.current_setting('archive_mode') AS mode, pg_catalog.current_setting('archive_command') AS command, \
      pg_catalog.current_setting('archive_library', true) AS library, last_archived_wal, failed_count, last_failed_wal, \
      last_failed_time, last_failed_time > coalesce(last_archived_time, '-infinity') AS fails FROM pg_catalog.pg_stat_archiver
      """)
    guard let mode = rows.text(0, "mode") else { throw unexpected("pg_stat_archiver") }
    let failing = rows.text(0, "fails")?.isSame(as: "t") == true
    return Archiver(
      isOn: !mode.isSame(as: "off"),
      isTold: ["command", "library"].contains { rows.bytes(0, $0)?.isEmpty == false },
      last: rows.text(0, "last_archived_wal"),
      failureCount: rows.text(0, "failed_count").flatMap { UInt64($0) } ?? 0,
      failing: failing
        ? Failure(name: rows.text(0, "last_failed_wal") ?? "?", time: rows.text(0, "last_failed_time") ?? "?") : nil)
  }

  /// - Returns: nil for a standby that has received nothing.
  /// - Throws: `ReplicationError`; `RunCancelled`; `SystemError`.
  public func position() throws -> Position? {
    let rows = try ask(
      """
      SELECT system_identifier, \
      CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8) END AS timeline, \
      CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_receive_lsn() ELSE pg_catalog.pg_current_wal_lsn() END AS position \
      FROM pg_catalog.pg_control_system()
      """)
    // SQL has the identifier with a sign.
    guard let identifier = rows.text(0, "system_identifier").flatMap({ Int64($0) }) else {
      throw unexpected("pg_control_system")
    }
    return rows.text(0, "position").flatMap { LogSequenceNumber($0) }.map { end in
      Position(
        systemIdentifier: UInt64(bitPattern: identifier),
        timeline: rows.text(0, "timeline").flatMap { UInt32($0, radix: 16) }, end: end)
    }
  }

  private func unexpected(_ view: String) -> ReplicationError {
    .unexpected(place: connection.place, "the rows of \(view)")
  }
}
