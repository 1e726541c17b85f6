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

  private let connection: ReplicationConnection
  private static let database = "postgres"
  private static let sessionName = "coffer log inspection"
  private static let firstWithStatus = 130_000

  /// Connects.
  ///
  /// - Throws: `ReplicationError`; `RunCancelled`; `SystemError`.
  public init(of server: ReplicationServer, clock: Clock, cancellation: Cancellation) throws {
    connection = try ReplicationConnection(
      to: server, name: Self.sessionName, database: Self.database, clock: clock, cancellation: cancellation)
    // Nothing of the database stands in for what is asked.
    _ = try connection.query("SELECT pg_catalog.set_config('search_path', 'pg_catalog', false)")
  }

  /// The physical ones of all slots.
  ///
  /// - Throws: `ReplicationError`; `RunCancelled`; `SystemError`.
  public func slots() throws -> [Slot] {
    let status = connection.serverVersion >= Self.firstWithStatus ? "wal_status" : "NULL"
    let rows = try connection.query(
      """
      SELECT slot_name, active, restart_lsn, \(status) AS status, pg_wal_lsn_diff(CASE WHEN \
      pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END, restart_lsn)::numeric(20) AS kept \
      FROM pg_replication_slots WHERE slot_type = 'physical' ORDER BY slot_name
      """)
    return try rows.rows.indices.map { row in
      guard let name = rows.text(row, "slot_name") else { throw unexpected("pg_replication_slots") }
      return Slot(
        name: name, isActive: rows.text(row, "active")?.isSame(as: "t") ?? false, status: rows.text(row, "status"),
        start: rows.text(row, "restart_lsn").flatMap { LogSequenceNumber($0) },
        kept: rows.text(row, "kept").flatMap { UInt64($0) })
    }
  }

  /// - Throws: `ReplicationError`; `RunCancelled`; `SystemError`.
  public func archiver() throws -> Archiver {
    let rows = try connection.query(
      """
      SELECT current_setting('archive_mode') AS mode, last_archived_wal, failed_count, last_failed_wal, \
      last_failed_time, last_failed_time > coalesce(last_archived_time, '-infinity') AS fails FROM pg_stat_archiver
      """)
    guard let mode = rows.text(0, "mode") else { throw unexpected("pg_stat_archiver") }
    let failing = rows.text(0, "fails")?.isSame(as: "t") == true
    return Archiver(
      isOn: !mode.isSame(as: "off"), last: rows.text(0, "last_archived_wal"),
      failureCount: rows.text(0, "failed_count").flatMap { UInt64($0) } ?? 0,
      failing: failing
        ? Failure(name: rows.text(0, "last_failed_wal") ?? "?", time: rows.text(0, "last_failed_time") ?? "?") : nil)
  }

  /// How far the server's log has been written, or on a standby received.
  ///
  /// - Throws: `ReplicationError`; `RunCancelled`; `SystemError`.
  public func position() throws -> LogSequenceNumber? {
    try connection.query(
      "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END AS position"
    ).text(0, "position").flatMap { LogSequenceNumber($0) }
  }

  private func unexpected(_ view: String) -> ReplicationError {
    .unexpected(place: connection.place, "the rows of \(view)")
  }
}
