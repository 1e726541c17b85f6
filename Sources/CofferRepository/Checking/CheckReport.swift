import CofferSystem

/// How deeply a check looks; each level does what the ones below it do.
public enum CheckLevel: Int, Sendable, Comparable, Codable {
  /// Names match bytes, trailers are in place.
  case objects = 1
  /// Directories, index objects and archive records open and agree.
  case tables = 2
  /// Every recipe closes over chunks that exist.
  case recipes = 3
  /// Every block decrypts, decompresses, and holds the chunks it should.
  case content = 4

  public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// Damage, and what suffers from it.
public struct CheckFinding: DiagnosableError, Equatable {
  /// An object's name, or an archive's item.
  public let object: String
  public let problem: String
  /// The file or dump that suffers, if it is one.
  public var item: DamagedItem?

  public var diagnosis: Diagnosis { Diagnosis(subject: object, problem: problem) }
}

/// A file or dump of an archive, some bytes of which are in a damaged place.
public struct DamagedItem: Sendable, Equatable {
  public let archive: Archive
  public let item: ArchiveItem
  /// The bytes that no good copy is left of, in order.
  public var lost: [Range<UInt64>] = []
  /// The bytes that are read from another copy.
  public var healed: [Range<UInt64>] = []
}

/// What a check looked at and found.
public struct CheckReport: Sendable, Equatable {
  public internal(set) var objectCount = 0
  public internal(set) var archiveCount = 0
  public internal(set) var findings: [CheckFinding] = []
  /// Damage from which nothing suffers any more: what it took along has been stored again, or no archive needs it.
  public internal(set) var remarks: [CheckFinding] = []
  /// Files and dumps that are whole because there are other copies of what was damaged.
  public internal(set) var healed: [DamagedItem] = []
  /// Where the time was over; nil for a check that came to its end.
  public internal(set) var progress: CheckProgress?
  /// Packs that index objects name again.
  public internal(set) var indexedAgain = 0
  /// Packs of write-only keys that no index object names and that were not read whole, so that nobody's word was taken.
  public internal(set) var leftUnindexed = 0
}

/// How long a check may take, and where an earlier one of the same level stopped.
public struct CheckLimit: Sendable {
  /// Seconds. A pack or an archive that was begun is gone through to its end.
  public var duration: Double
  public var progress: CheckProgress?

  public init(duration: Double, progress: CheckProgress? = nil) {
    self.duration = duration
    self.progress = progress
  }
}

/// How far a check came that is made in parts. Packs are looked at first, in the order of their names; tables and archives at
/// the end.
public struct CheckProgress: Sendable, Equatable, Codable {
  public let level: CheckLevel
  /// The name of the last pack that was looked at.
  public var lastPack = ""
  /// How many were.
  public var packCount = 0
  /// How many there are.
  public var packTotal = 0
  /// The id of the last archive that was followed.
  public var lastArchive = ""
  /// The name of the last object of a log that was looked at; nil for none, also in what earlier versions have kept.
  public var lastLog: String?
  /// Names of packs that were found damaged; they are looked at again at the end.
  public var damagedPacks: [String] = []
  /// Whether an archive was found to suffer.
  public var isArchiveDamaged = false

  init(level: CheckLevel) {
    self.level = level
  }
}
