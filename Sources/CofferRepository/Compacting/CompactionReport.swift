import FoundationEssentials
import Glibc

/// How a compaction is to go.
public struct CompactionOptions: Sendable {
  /// The percentage of a pack that has to come free before what is needed of it is written anew.
  public var threshold: Int
  /// Bytes of packs that are read and written anew at most; nil for any number.
  public var repackSize: Int?
  /// Seconds for which running backups are waited for.
  public var wait: Double
  /// Whether to say only what would be done.
  public var isDryRun: Bool
  /// zstd's level of backups, and of logs.
  public var compressionLevel: Int
  /// Whether somebody promises that nobody else compacts the repository meanwhile: stores that overwrite take that.
  public var isExclusive: Bool

  public init(
    threshold: Int = 10, repackSize: Int? = nil, wait: Double = 0, isDryRun: Bool = false, compressionLevel: Int = 3,
    isExclusive: Bool = false
  ) {
    self.threshold = threshold
    self.repackSize = repackSize
    self.wait = wait
    self.isDryRun = isDryRun
    self.compressionLevel = compressionLevel
    self.isExclusive = isExclusive
  }

  /// zstd's level for what is written anew, up to 11, where matches are searched by a way of our own: nobody waits for it, and it may lie
  /// there for years. Data in full takes an eighth less so than at the usual level 3. A backup that is to be fast by a lower level is on a
  /// machine that is slow here, too.
  var rewriteLevel: Int { max(compressionLevel, min(compressionLevel * 4, BlockCompressor.rewriteLevel)) }
}

/// Where a compaction is.
public enum CompactionProgress: Sendable, Equatable {
  case marking(archive: Int, of: Int)
  case moving(pack: Int, of: Int)
  case waiting(sessions: Int)
  case verifying(pack: Int, of: Int)
  case deleting(pack: Int, of: Int)
}

/// A backup that a compaction waits for.
public struct AwaitedSession: Sendable, Equatable {
  public let id: String
  public let hostname: String?
  /// The process's number on its machine.
  public let process: Int32
  /// Whether it holds a write-only key.
  public let isWriteOnly: Bool
  /// When the store last received a sign of it.
  public let lastSign: Date
}

/// An archive of a write-only key that needs what is not there, or whose record makes no sense.
public struct IncompleteArchive: Sendable, Equatable {
  public let id: String
  /// Its name; its id where the record does not tell.
  public let name: String
  /// What is missing.
  public let detail: String
}

/// What a compaction did.
public struct CompactionReport: Sendable, Equatable {
  public enum Outcome: String, Sendable {
    /// There was nothing to give back.
    case nothing
    /// A dry run's: there is something to give back.
    case planned
    /// What goes is decided when the sessions have ended that are waited for.
    case waiting
    /// What was decided is deleted.
    case done
    /// Somebody else has gone on with it meanwhile.
    case overtaken
  }

  public var outcome = Outcome.nothing
  /// The round of compaction; 0 when there is none yet.
  public var round = 0
  /// Bytes of all objects in the store.
  public var sizeBefore: UInt64 = 0
  public var sizeAfter: UInt64 = 0
  /// Packs that were, or would be, given up, and their bytes.
  public var packs = 0
  public var packSize: UInt64 = 0
  /// A dry run's: bytes that would come free, as far as that can be known beforehand.
  public var gain: UInt64 = 0
  /// Those of them that are, or would be, written anew in part, and their bytes.
  public var movedPacks = 0
  public var movedSize: UInt64 = 0
  /// Those of the packs that are written anew, or would be, so that the newest archives restore as fast as a first one, and their
  /// bytes.
  public var refreshedPacks = 0
  public var refreshedSize: UInt64 = 0
  /// Condemned packs that stay since something in them turned out to be needed.
  public var pardonedPacks = 0
  /// Packs in which something needed cannot be read, nor anywhere else.
  public var damagedPacks: [String] = []
  /// Archives of write-only keys that are not whole; what they reach is kept.
  public var incompleteArchives: [IncompleteArchive] = []
  public var deletedIndexObjects = 0
  public var removedLeftovers = 0
  /// Objects with proofs of archives that are gone, and what nobody has put among them who may.
  public var removedProofs = 0
  /// What was done about small objects of logs.
  public var logs = LogTidyingReport()
  /// Bytes read from the store and written to it.
  public var bytesRead: UInt64 = 0
  public var bytesWritten: UInt64 = 0
  /// The sessions that are waited for.
  public var waitingFor: [AwaitedSession] = []

  public init() {}
}
