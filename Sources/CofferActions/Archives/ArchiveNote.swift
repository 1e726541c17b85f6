import CofferConfiguration
import CofferRepository
import CofferSystem
import FoundationEssentials
import Glibc

/// What somebody who makes an archive says of it besides its comment.
struct ArchiveNote: Sendable, Equatable {
  var label = ""
  var reason = ""
  var tags: [String] = []
  var keepUntil: Date?

  private static let labelFlag = Flag<String>(
    "--label", value: "NAME", .archiveWord, default: "",
    help: "A name for an archive that is made for a purpose; 'keep_labelled' keeps those.")
  private static let reasonFlag = Flag<String>(
    "--reason", value: "TEXT", default: "", help: "Why the archive is made; kept with it.")
  private static let tagFlag = Flag<[String]>(
    "--tag", value: "NAME", each: .archiveWord, help: "A tag that is kept with the archive; may be repeated.")
  private static let keepUntilFlag = Flag<KeepUntil?>(
    "--keep-until", value: "DATE", .keepUntil,
    help: "Until when 'prune' keeps the archive whatever its age: 2027-01-31, or a time from now on like 30d or 1y.")

  static let flags: [any CommandFlag] = [labelFlag, reasonFlag, tagFlag, keepUntilFlag]

  var isEmpty: Bool { label.isEmpty && reason.isEmpty && tags.isEmpty && keepUntil == nil }

  /// - Throws: `UsageError` for a date that has passed.
  init(_ context: ActionContext) throws(UsageError) {
    label = context.flags[Self.labelFlag]
    reason = context.flags[Self.reasonFlag]
    tags = context.flags[Self.tagFlag]
    let now = context.surroundings.clock.now()
    keepUntil = context.flags[Self.keepUntilFlag]?.date(from: now)
    guard let keepUntil, keepUntil <= now else { return }
    throw UsageError(
      argument: Self.keepUntilFlag.name, problem: "\(Formats.time(keepUntil)) has passed",
      suggestion: "Name a day that is still to come, or a time from now on like 30d")
  }
}

/// A day, or a time from now on.
enum KeepUntil: Sendable, Equatable {
  /// To the day's end, in local time.
  case day(year: Int, month: Int, day: Int)
  case after(seconds: Double)

  init?(_ text: String) {
    if let age = ArchiveAge(text) {
      guard age.seconds <= Self.longest else { return nil }
      self = .after(seconds: age.seconds)
      return
    }
    let parts = text.parts(by: "-")
    guard parts.map(\.utf8.count) == [4, 2, 2],
      parts.allSatisfy({ $0.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } })
    else { return nil }
    let numbers = parts.compactMap { Int($0) }
    self = .day(year: numbers[0], month: numbers[1], day: numbers[2])
    guard start != nil else { return nil }
  }

  /// A thousand years: what is longer is a slip.
  private static let longest = 1000 * 366 * 86400.0

  func date(from now: Date) -> Date? {
    switch self {
    case .after(let seconds): now.addingTimeInterval(seconds)
    case .day: start.flatMap { Self.calendar.date(byAdding: .day, value: 1, to: $0) }
    }
  }

  private static var calendar: Calendar { Calendar(identifier: .gregorian) }

  /// When the day begins; nil for one that no calendar has.
  private var start: Date? {
    guard case .day(let year, let month, let day) = self else { return nil }
    let parts = DateComponents(calendar: Self.calendar, year: year, month: month, day: day)
    return parts.isValidDate ? parts.date : nil
  }
}

extension FlagParser<String> {
  /// A name for an archive: one line, and not too long for a list.
  static let archiveWord = FlagParser("a name of one line and at most 100 bytes") { text in
    let isOne =
      (1...100).contains(text.utf8.count)
      && text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
    return isOne ? text : nil
  }
}

extension FlagParser<KeepUntil> {
  static let keepUntil = FlagParser("a day like 2027-01-31, or a time from now on like 30d, 6m or 1y") { KeepUntil($0) }
}
