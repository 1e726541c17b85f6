import CofferSystem

/// Rights over a whole server that a user has by himself.
enum MariaDBServerRights {
  /// A row for each.
  static let question =
    "SELECT PRIVILEGE_TYPE FROM information_schema.USER_PRIVILEGES WHERE GRANTEE = CONCAT('\\'', LEFT(CURRENT_USER(), "
    + "CHAR_LENGTH(CURRENT_USER()) - CHAR_LENGTH(SUBSTRING_INDEX(CURRENT_USER(), '@', -1)) - 1), '\\'@\\'', "
    + "SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '\\'')"

  /// Those with which a view or a function that somebody else has made can do nothing but read.
  private static let reading: Set<String> = [
    "USAGE", "SELECT", "LOCK TABLES", "SHOW VIEW", "SHOW CREATE ROUTINE", "EVENT", "TRIGGER", "PROCESS", "RELOAD",
    "SHOW DATABASES", "REPLICATION CLIENT", "BINLOG MONITOR", "REPLICA MONITOR", "SLAVE MONITOR", "REPLICATION SLAVE",
  ]

  /// The first of some rights with which more can be done; nil for none.
  static func first(beyondReading rights: [String]) -> String? {
    // Whoever has none is told to have USAGE.
    rights.isEmpty ? "rights that cannot be told" : rights.first { !reading.contains($0) }
  }
}
