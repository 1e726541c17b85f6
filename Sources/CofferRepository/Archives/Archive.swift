import CofferSystem
import FoundationEssentials
import Glibc

/// What the writer of an archive says about it; the rest of the record comes from the session.
public struct ArchiveDraft: Sendable, Equatable {
  public var name: String
  public var hostname: String
  public var username: String
  public var commandLine: [String]
  public var comment: String
  public var tags: [String]
  /// What the archive is called by whoever made it by hand; empty for none.
  public var label: String
  /// Why it was made; empty where nobody said.
  public var reason: String
  /// The path of the configuration that it was made by; empty where it is not known.
  public var configuration: String
  /// Until when it is to be kept whatever its age; nil where nobody said.
  public var keepUntil: Date?
  /// When the run began.
  public var start: Date
  /// Names of the dumps that failed when the policy was to keep the others; empty for a whole archive.
  public var missingDumps: [String]
  /// What it needs of servers' logs, of each base backup in it.
  public var logNeeds: [LogNeed]

  public init(
    name: String, hostname: String, username: String, commandLine: [String], comment: String = "",
    tags: [String] = [], label: String = "", reason: String = "", configuration: String = "",
    keepUntil: Date? = nil, start: Date, missingDumps: [String] = [],
    logNeeds: [LogNeed] = []
  ) {
    self.name = name
    self.hostname = hostname
    self.username = username
    self.commandLine = commandLine
    self.comment = comment
    self.tags = tags
    self.label = label
    self.reason = reason
    self.configuration = configuration
    self.keepUntil = keepUntil
    self.start = start
    self.missingDumps = missingDumps
    self.logNeeds = logNeeds
  }
}

/// An archive's record: the commit point of a backup. A record that exists is complete.
public struct Archive: Sendable, Equatable {
  /// The last part of the record's object name: UTC time and 16 hex digits, for example
  /// `20261121t043709z-0123456789abcdef`.
  public var id: String
  public var draft: ArchiveDraft
  /// When the record was written.
  public var end: Date
  public var statistics: ArchiveStatistics
  /// The item list.
  public var items: StreamReference
  /// When the store received the record, by its own clock; nil when that was not asked.
  public var received: Date?
  /// The id of the write-only key that signed the record; nil for full keys.
  public var writeOnlyKey: String?
  /// The round of compaction that the session saw when it began.
  public var round = 0
  /// What the archive counts for, by what was seen of the rounds after it was listed.
  public var standing = ArchiveStanding.counts

  public init(
    id: String, draft: ArchiveDraft, end: Date, statistics: ArchiveStatistics, items: StreamReference
  ) {
    self.id = id
    self.draft = draft
    self.end = end
    self.statistics = statistics
    self.items = items
  }

  /// When the archive was made, as far as that can be believed: no clock that is ahead makes an archive newer than the
  /// moment at which the store received it.
  public var time: Date { min(end, received ?? end) }
  /// Where it stands among others, oldest first. Many stores tell times by whole seconds, in which more than one archive can be
  /// made: these go by what they say themselves.
  var order: (Date, Date, String) { (time, end, id) }
  /// When the run began, by the same rule.
  public var startTime: Date { min(draft.start, received ?? draft.start) }
  public var name: String { draft.name }
  /// Until when it is kept whatever its age. The word of a write-only key counts for a year: a stolen one keeps nothing for
  /// ever.
  public var keepUntil: Date? {
    guard let date = draft.keepUntil, writeOnlyKey != nil else { return draft.keepUntil }
    return min(date, time.addingTimeInterval(Self.writeOnlyKeep))
  }
  private static let writeOnlyKeep = 366 * 86400.0
  public var isPartial: Bool { !draft.missingDumps.isEmpty }
}

/// The sizes of an archive, in bytes.
public struct ArchiveStatistics: Sendable, Equatable, Codable {
  /// Files, links, directories and dumps.
  public var itemCount: UInt64 = 0
  /// Bytes of all streams as they were read.
  public var originalSize: UInt64 = 0
  /// Plain bytes of the chunks that the repository did not have yet.
  public var newSize: UInt64 = 0
  /// Bytes that the run added to the store: packs, index segments and records.
  public var storedSize: UInt64 = 0

  public init() {}
}
