import CofferSystem

/// What of an entry of an oplog is looked at: a document of `local.oplog.rs`.
public struct OplogEntry: Sendable, Equatable {
  public let mark: OplogMark
  /// `i`, `u`, `d`, `c` for a command, `n` for nothing.
  let operation: String
  /// The database and the collection that it is about.
  let namespace: String
  /// Of a command which.
  let command: String?

  /// - Parameter bytes: The whole document.
  /// - Returns: nil for what is no entry.
  init?(_ bytes: [UInt8]) {
    guard let document = BSONDocument(bytes), let timestamp = document[timestamp: "ts"] else { return nil }
    var sum = CRC64()
    bytes.withUnsafeBytes { sum.update($0) }
    mark = OplogMark(
      time: OplogTime(
        seconds: UInt32(timestamp >> 32), increment: UInt32(truncatingIfNeeded: timestamp)),
      term: document[number: "t"] ?? -1, sum: sum.value)
    operation = document[text: "op"] ?? ""
    namespace = document[text: "ns"] ?? ""
    command = operation.isSame(as: "c") ? document[firstOf: "o"] : nil
  }

  /// What of it no mongorestore replays, after all that is before it was replayed; nil for nothing.
  public var obstacle: String? {
    if let command, !Self.replayed.contains(ExactName(command)) { return "the command \(Quoting.terminal(command))" }
    return namespace.isSame(as: Self.versions) ? "a change of \(Self.versions)" : nil
  }

  /// Where a server keeps which version its users are of.
  private static let versions = "admin.system.version"
  /// Commands that mongorestore replays or passes over, those of transactions included (mongo-tools, mongorestore/oplog.go).
  private static let replayed = Set(
    [
      "renameCollection", "dropDatabase", "applyOps", "dbCheck", "create", "convertToCapped", "emptycapped", "drop",
      "createIndexes", "deleteIndex", "deleteIndexes", "dropIndex", "dropIndexes", "collMod", "startIndexBuild",
      "abortIndexBuild", "commitIndexBuild", "commitTransaction", "abortTransaction",
    ].map { ExactName($0) })
}
