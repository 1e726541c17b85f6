import CofferSystem

/// How deeply a check looks; each level does what the ones below it do.
public enum CheckLevel: Int, Sendable, Comparable {
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

  public var diagnosis: Diagnosis { Diagnosis(subject: object, problem: problem) }
}

/// What a check looked at and found.
public struct CheckReport: Sendable, Equatable {
  public internal(set) var objectCount = 0
  public internal(set) var archiveCount = 0
  public internal(set) var findings: [CheckFinding] = []
  /// Damage from which nothing suffers any more: what it took along has been stored again, or no archive needs it.
  public internal(set) var remarks: [CheckFinding] = []
}
