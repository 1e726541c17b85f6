import CofferSystem

/// Whether a server writes what it gets from another into its own binary log.
enum ReplicaLogging {
  /// What tells it. MySQL calls the first by either name, and has the last not.
  static let variables = ["log_slave_updates", "log_replica_updates", "gtid_slave_pos"]

  /// Whether the log may lack changes: that of a server that does not write them down, and, of MariaDB, has got any.
  ///
  /// - Parameter value: Of a variable, where there is such.
  static func mayLack(_ value: (String) -> String?) -> Bool {
    let isOff = variables.prefix(2).compactMap(value).contains { text in
      ["OFF", "0"].contains { text.isSame(as: $0) }
    }
    return isOff && value(variables[2]).map { !$0.isEmpty } ?? true
  }

  /// Whether a server is a replica: one that was restored has got changes, too, and gets no more.
  ///
  /// - Returns: true as well where the user may not see it.
  /// - Throws: What `ask` throws.
  static func isReplica(version: String, _ ask: (String) throws -> MariaDBAnswer) rethrows -> Bool {
    for question in MariaDBReplicaLag.questions(version) {
      let answer = try ask(question)
      if answer.status.isSuccess { return !answer.rows.isEmpty }
      guard MariaDBReplicaLag.isUnknownForm(answer.errorLines) else { return true }
    }
    return true
  }

  static let problem =
    "its binary log does not have what it gets from another server (log_slave_updates, or log_replica_updates, is off), and no replay of the log brings that back"
  static let suggestion =
    "Write log_slave_updates into its option file and start it anew, or receive the log of the other server and dump that"
}
