import CofferSystem

/// How far a standby lags behind its primary.
///
/// `pg_last_xact_replay_timestamp` alone tells of a primary on which nothing happens that it is far behind; so a standby that
/// has replayed all that it has received counts as current, as long as it still receives: one that is cut off has replayed
/// all of it, too.
enum PostgreSQLReplicaLag {
  /// Whether it is a standby, whether all is replayed and more would come, and seconds since the last transaction that was.
  static let question: PostgreSQLStatement = """
    SELECT pg_catalog.pg_is_in_recovery(),
    pg_catalog.pg_last_wal_receive_lsn() OPERATOR(pg_catalog.<=) pg_catalog.pg_last_wal_replay_lsn()
    AND EXISTS (SELECT FROM pg_catalog.pg_stat_wal_receiver),
    pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-)
    pg_catalog.pg_last_xact_replay_timestamp())
    """

  /// The same for servers before version 10, which do not tell whether they receive.
  static let oldQuestion: PostgreSQLStatement = """
    SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.pg_last_xlog_receive_location() OPERATOR(pg_catalog.=)
    pg_catalog.pg_last_xlog_replay_location(),
    pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-)
    pg_catalog.pg_last_xact_replay_timestamp())
    """

  static func lag(_ rows: [PostgreSQLAnswer.Row]) -> ReplicaLag {
    guard rows.count == 1, rows[0].count == 3, let isStandby = rows[0][0]?.text else {
      return .unknown("its answer is not what was asked for")
    }
    guard isStandby == "t" else { return .none }
    if rows[0][1]?.text == "t" { return .seconds(0) }
    guard let seconds = rows[0][2]?.text.flatMap({ Double($0) }), seconds.isFinite else {
      return .unknown("it receives nothing, and has replayed no transaction since it was started")
    }
    return .seconds(max(seconds, 0))
  }
}
