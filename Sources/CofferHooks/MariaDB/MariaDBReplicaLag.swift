import CofferSystem

/// How far a replica lags behind, by what it says of its channels.
enum MariaDBReplicaLag {
  /// What a server is asked, the newest form first: one that does not know it is asked the next.
  ///
  /// - Parameter version: As the server tells it.
  static func questions(_ version: String) -> [String] {
    version.holds("MariaDB")
      ? ["SHOW ALL REPLICAS STATUS", "SHOW ALL SLAVES STATUS"] : ["SHOW REPLICA STATUS", "SHOW SLAVE STATUS"]
  }

  /// Whether a failure is only that the server does not know the words (ER_PARSE_ERROR).
  static func isUnknownForm(_ lines: [String]) -> Bool { lines.contains { $0.holds("ERROR 1064 ") } }

  /// The furthest that any channel lags.
  ///
  /// A server that is behind for reasons it does not know, since a thread has stopped, tells no number.
  ///
  /// - Parameter rows: The first is of the columns' names; none where the server is no replica.
  static func lag(_ rows: [[String]]) -> ReplicaLag {
    guard let names = rows.first else { return .none }
    var furthest = 0.0
    for row in rows.dropFirst() {
      guard row.count == names.count else { return .unknown("its answer is not what was asked for") }
      func value(_ wanted: String...) -> String? {
        wanted.lazy.compactMap { name in names.firstIndex { $0.isSame(as: name) } }.first.map { row[$0] }
      }
      let channel = value("Connection_name", "Channel_Name").flatMap { $0.isEmpty ? nil : "channel '\($0)': " } ?? ""
      for (title, running) in [
        ("receives", value("Replica_IO_Running", "Slave_IO_Running")),
        ("applies", value("Replica_SQL_Running", "Slave_SQL_Running")),
      ] where running?.isSame(as: "Yes") != true {
        let error = title == "receives" ? value("Last_IO_Error") : value("Last_SQL_Error")
        let reason = error.flatMap { $0.isEmpty || $0 == "NULL" ? nil : ": \($0)" } ?? ""
        return .unknown("\(channel)it \(title) nothing\(reason)")
      }
      guard let seconds = value("Seconds_Behind_Source", "Seconds_Behind_Master").flatMap({ Double($0) }),
        seconds.isFinite, seconds >= 0
      else { return .unknown("\(channel)the server does not tell it") }
      furthest = max(furthest, seconds)
    }
    return .seconds(furthest)
  }
}
