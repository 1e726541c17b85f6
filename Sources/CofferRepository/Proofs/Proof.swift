import CofferSystem
import FoundationEssentials
import Glibc

/// What came of restoring a dump to a throw-away place: whether it restores.
public struct Proof: Codable, Equatable, Sendable {
  /// The database, as configurations call it.
  public let hook: String
  public let place: String
  public let database: String
  /// The dump's place below `coffer/` in its archive, which is that of its database.
  public let dump: String
  /// The archive's name, its id, and the host that it is of.
  public let archive: String
  public let archiveID: String
  public let origin: String
  public internal(set) var time: Date
  /// The machine that it was tried on.
  public let hostname: String
  /// Whether the dump was restored, and nothing was otherwise than when it was dumped.
  public var isProven: Bool
  /// What kept it from being so.
  public var problem: String?
  /// Whether a database was made of it, and it was not only read.
  public var isRestored = true
  /// What restored or read it.
  public var server: String?
  /// The version of the server that it was dumped from.
  public var source: String?
  /// The version of this program.
  public let program: String
  /// How long the restore took.
  public var seconds: Double?
  /// Of the dump.
  public let bytes: UInt64
  /// As they were restored; nil where nobody counted.
  public var tables: Int?
  public var rows: UInt64?
  /// Of a dump that holds what belongs to a server, how many roles or accounts of it were there; nil for others.
  public var accounts: Int?
  /// Whether they were compared with what was counted when it was dumped.
  public var isCompared = false
  /// Of how many tables the rows were.
  public var comparedTables: Int?
  /// How many questions of the user's own were asked.
  public var questions: Int?

  public init(
    hook: String, place: String, database: String, dump: String, archive: String, archiveID: String, origin: String,
    time: Date, hostname: String, isProven: Bool, source: String?, program: String, bytes: UInt64
  ) {
    self.hook = hook
    self.place = place
    self.database = database
    self.dump = dump
    self.archive = archive
    self.archiveID = archiveID
    self.origin = origin
    self.time = time
    self.hostname = hostname
    self.isProven = isProven
    self.source = source
    self.program = program
    self.bytes = bytes
  }
}

extension Proof {
  /// Bytes of a problem that are kept: names in it are anybody's.
  private static let problemLimit = 4096

  /// As it is kept: what is said of it is not longer than an object bears.
  var bounded: Proof {
    var proof = self
    proof.problem = problem.map { text in
      text.utf8.count <= Self.problemLimit
        ? text : String(decoding: text.utf8.prefix(Self.problemLimit), as: UTF8.self) + "..."
    }
    return proof
  }

  /// Whether its numbers are some that a verification can have written.
  var isPlausible: Bool {
    PlausibleNumbers.isTime(time) && PlausibleNumbers.isSize(bytes) && rows.map(PlausibleNumbers.isSize) ?? true
      && [tables, comparedTables, questions, accounts].allSatisfy { $0.map { $0 >= 0 } ?? true }
      && seconds.map { $0.isFinite && $0 >= 0 && $0 < 1e9 } ?? true
  }
}
