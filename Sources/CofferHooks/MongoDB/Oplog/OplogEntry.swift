import CofferSystem

/// What of an entry of an oplog is looked at: a document of `local.oplog.rs`.
public struct OplogEntry: Sendable, Equatable {
  public let mark: OplogMark
  /// `i`, `u`, `d`, `c` for a command, `n` for nothing.
  let operation: String
  /// The database and the collection that it is about.
  let namespace: String
  /// What is inserted, or the command.
  private let object: ArraySlice<UInt8>?
  /// Bytes.
  private let size: Int

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
    object = document[document: "o"]
    size = bytes.count
  }

  /// What mongorestore makes of an entry that it replays.
  public enum Effect: Sendable, Equatable {
    /// What the server made of it.
    case same
    /// A collection gets another name, and no more: its indexes are made at the end, under the old one, and what it takes the place of is put
    /// aside, since that has another UUID than it had.
    case renames
    /// It ends there. What it does not replay.
    case fails(String)
  }

  /// What comes of it, after all that is before it was replayed.
  public var effect: Effect {
    size > MongoDBArchive.documentLimit
      ? .fails("an entry of more than 16 MiB") : Self.effect(of: operation, on: namespace, object)
  }

  private static func effect(
    of operation: String, on namespace: String, _ object: ArraySlice<UInt8>?, depth: Int = 0
  ) -> Effect {
    if namespace.isSame(as: versions) { return .fails("a change of \(versions)") }
    guard operation.isSame(as: "c") else { return .same }
    guard let object, var fields = BSONReader(object), let first = fields.next() else {
      return .fails("a command that is none")
    }
    let command = String(decoding: first.name, as: UTF8.self)
    guard replayed.contains(ExactName(command)) else { return .fails("the command \(Quoting.terminal(command))") }
    if command.isSame(as: renaming) { return .renames }
    return command.isSame(as: several) ? effect(ofAll: first, depth: depth + 1) : .same
  }

  /// What comes of operations that are one entry: a transaction's, or those that somebody has had applied.
  private static func effect(ofAll operations: BSONReader.Field, depth: Int) -> Effect {
    guard depth <= depthLimit, operations.kind == BSONReader.array, var elements = BSONReader(operations.value) else {
      return .fails(unreadable)
    }
    var effect = Effect.same
    while let element = elements.next() {
      guard element.kind == BSONReader.document, let document = BSONDocument(element.value) else {
        return .fails(unreadable)
      }
      switch Self.effect(
        of: document[text: "op"] ?? "", on: document[text: "ns"] ?? "", document[document: "o"], depth: depth)
      {
      case .fails(let what): return .fails(what)
      case .renames: effect = .renames
      case .same: break
      }
    }
    return elements.isMalformed ? .fails(unreadable) : effect
  }

  /// Where a server keeps which version its users are of.
  private static let versions = "admin.system.version"
  private static let several = "applyOps"
  private static let renaming = "renameCollection"
  private static let unreadable = "operations that cannot be read"
  /// Servers take no more of `applyOps` in `applyOps`.
  private static let depthLimit = 10
  /// Commands that mongorestore replays or passes over, those of transactions included (mongo-tools, mongorestore/oplog.go).
  private static let replayed = Set(
    [
      renaming, "dropDatabase", several, "dbCheck", "create", "convertToCapped", "emptycapped", "drop",
      "createIndexes", "deleteIndex", "deleteIndexes", "dropIndex", "dropIndexes", "collMod", "startIndexBuild",
      "abortIndexBuild", "commitIndexBuild", "commitTransaction", "abortTransaction", "setMultikeyMetadata",
      "dropIdent",
    ].map { ExactName($0) })
}
