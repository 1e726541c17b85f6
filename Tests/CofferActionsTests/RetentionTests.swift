import Foundation
import Testing

@testable import CofferActions

@Suite("Which archives are kept")
struct RetentionTests {
  init() {
    setenv("TZ", "UTC", 1)
    tzset()
  }

  /// 2027-01-15 12:00 UTC, a Friday.
  private let now = Date(timeIntervalSince1970: 1_800_014_400)

  /// An archive a day at noon, called by how many days it is old.
  private func daily(_ days: Range<Int>, partial: Set<Int> = []) -> [RetentionPolicy.Candidate] {
    days.map { .init(id: "\($0)", date: now.addingTimeInterval(Double(-$0) * 86400), isPartial: partial.contains($0)) }
  }

  private func kept(_ policy: RetentionPolicy, _ archives: [RetentionPolicy.Candidate]) -> [String] {
    let reasons = policy.reasons(for: archives.shuffled(), now: now)
    return archives.map(\.id).filter { reasons[$0] != nil }
  }

  @Test("A rule keeps the newest of each period, and the next rule counts only what is not kept yet")
  func rules() {
    #expect(kept(RetentionPolicy(counts: [.daily: 3]), daily(0..<10)) == ["0", "1", "2"])
    // Weeks end on Sundays: 5, 12 and 19 days ago; this week's newest is kept as a day already.
    #expect(kept(RetentionPolicy(counts: [.daily: 2, .weekly: 2]), daily(0..<30)) == ["0", "1", "5", "12"])
    #expect(kept(RetentionPolicy(counts: [.monthly: 2]), daily(0..<60)) == ["0", "15"])
    #expect(kept(RetentionPolicy(counts: [.daily: -1]), daily(0..<5)) == ["0", "1", "2", "3", "4"])
  }

  @Test("A rule that finds fewer periods than it may keeps the oldest archive")
  func oldest() {
    #expect(kept(RetentionPolicy(counts: [.yearly: 5]), daily(0..<10)) == ["0", "9"])
    #expect(kept(RetentionPolicy(counts: [.daily: 2, .yearly: 1]), daily(0..<10)) == ["0", "1", "9"])
  }

  @Test(
    "An archive of the future stays and pushes no other out; some minutes of difference between clocks do not matter")
  func future() {
    let archives = daily(-400..<(-399)) + daily(0..<5)
    #expect(kept(RetentionPolicy(counts: [.daily: 2]), archives) == ["-400", "0", "1"])
    let soon = RetentionPolicy.Candidate(id: "soon", date: now.addingTimeInterval(600), isPartial: false)
    #expect(kept(RetentionPolicy(counts: [.daily: 2]), [soon] + daily(0..<5)) == ["soon", "1"])
  }

  @Test("Below zero there is no limit, and no oldest archive to fill up with")
  func noLimit() {
    #expect(kept(RetentionPolicy(counts: [.yearly: -1]), daily(0..<10)) == ["0"])
    #expect(kept(RetentionPolicy(counts: [.monthly: -1]), daily(0..<60)) == ["0", "15", "46"])
    #expect(!RetentionPolicy(counts: [.daily: -1]).isEmpty)
  }

  @Test("The newest whole archive stays where no rule keeps any: failed backups take no older ones along")
  func newest() {
    let policy = RetentionPolicy(within: 86400)
    #expect(kept(policy, daily(3..<9)) == ["3"])
    #expect(kept(policy, daily(3..<9, partial: [3, 4])) == ["5"])
    #expect(kept(policy, daily(3..<9, partial: [3, 4, 5, 6, 7, 8])) == ["3"])
    #expect(policy.reasons(for: daily(3..<9), now: now)["3"]?.description == "newest (no rule keeps any)")
    // What counts for nothing, or is kept for a purpose, is no backup of the days that the rules are about.
    #expect(kept(policy, daily(-400..<(-399)) + daily(3..<9)) == ["-400", "3"])
    var pinned = daily(8..<9)
    pinned[0].isPinned = true
    #expect(kept(policy, daily(3..<8) + pinned) == ["3", "8"])
    #expect(kept(policy, daily(0..<9)) == ["0"])
    #expect(kept(policy, []) == [])
  }

  @Test("What is younger than keep_within stays, however many there are")
  func within() {
    #expect(kept(RetentionPolicy(within: 2.5 * 86400), daily(0..<10)) == ["0", "1", "2"])
  }

  @Test("Several archives in a day: the newest stands for it; a partial one only if there is no whole one")
  func partial() {
    let archives: [RetentionPolicy.Candidate] = [
      .init(id: "today, partial", date: now, isPartial: true),
      .init(id: "today, whole", date: now.addingTimeInterval(-3600), isPartial: false),
      .init(id: "yesterday, partial", date: now.addingTimeInterval(-86400), isPartial: true),
      .init(id: "before, new", date: now.addingTimeInterval(-2 * 86400), isPartial: false),
      .init(id: "before, old", date: now.addingTimeInterval(-2 * 86400 - 60), isPartial: false),
    ]
    #expect(
      kept(RetentionPolicy(counts: [.daily: 3]), archives) == [
        "today, whole", "yesterday, partial", "before, new", "before, old",
      ])
  }

  @Test("A period of which there is only a partial archive takes the oldest whole one nothing")
  func partialAndOldest() {
    let archives: [RetentionPolicy.Candidate] = [
      .init(id: "this year, partial", date: now, isPartial: true),
      .init(id: "last year, new", date: now.addingTimeInterval(-20 * 86400), isPartial: false),
      .init(id: "last year", date: now.addingTimeInterval(-40 * 86400), isPartial: false),
      .init(id: "last year, old", date: now.addingTimeInterval(-60 * 86400), isPartial: false),
    ]
    #expect(
      kept(RetentionPolicy(counts: [.yearly: 2]), archives) == [
        "this year, partial", "last year, new", "last year, old",
      ])
    #expect(kept(RetentionPolicy(counts: [.daily: 2]), daily(0..<5, partial: Set(0..<5))) == ["0", "1"])
    #expect(kept(RetentionPolicy(counts: [.yearly: 2]), daily(0..<5, partial: Set(0..<5))) == ["0", "4"])
  }

  @Test("Partial archives use nothing up: a rule keeps as many whole ones as without them")
  func partialPushNone() {
    // The newest four days failed in part.
    #expect(
      kept(RetentionPolicy(counts: [.daily: 3]), daily(0..<10, partial: [0, 1, 2, 3])) == [
        "0", "1", "2", "4", "5", "6",
      ])
    let whole = kept(RetentionPolicy(counts: [.daily: 3, .weekly: 2]), daily(0..<40))
    let mixed = (0..<40).flatMap { day -> [RetentionPolicy.Candidate] in
      let noon = now.addingTimeInterval(Double(-day) * 86400)
      return [
        .init(id: "\(day) partial", date: noon.addingTimeInterval(60), isPartial: true),
        .init(id: "\(day)", date: noon, isPartial: false),
      ]
    }
    #expect(kept(RetentionPolicy(counts: [.daily: 3, .weekly: 2]), mixed) == whole)
  }

  @Test("keep_last keeps the newest whole archives, and partial ones only as far as nothing else has what they hold")
  func last() {
    #expect(kept(RetentionPolicy(last: 3), daily(0..<10)) == ["0", "1", "2"])
    #expect(kept(RetentionPolicy(last: -1), daily(0..<4)) == ["0", "1", "2", "3"])
    #expect(kept(RetentionPolicy(last: 2), daily(0..<10, partial: [0, 1, 2, 4])) == ["0", "1", "3", "5"])
    #expect(!RetentionPolicy(last: 1).isEmpty)
    #expect(kept(RetentionPolicy(last: 2, counts: [.daily: 2]), daily(0..<10)) == ["0", "1", "2", "3"])
  }

  @Test("keep_last counts only what keep_within does not keep, partial archives too")
  func lastBesideWithin() {
    let within = 2.5 * 86400
    #expect(kept(RetentionPolicy(within: within, last: 2), daily(0..<10)) == ["0", "1", "2", "3", "4"])
    #expect(kept(RetentionPolicy(within: within, last: -1), daily(0..<6)) == ["0", "1", "2", "3", "4", "5"])
    #expect(
      kept(RetentionPolicy(within: within, last: 2), daily(0..<10, partial: [0, 3, 5]))
        == ["0", "1", "2", "4", "6"])
    #expect(
      kept(RetentionPolicy(within: within, last: 2), daily(0..<10, partial: [0, 1, 2, 3, 4, 5]))
        == ["0", "1", "2", "3", "4", "6", "7"])
  }

  @Test("Every reason names its rule and its number")
  func reasons() {
    let policy = RetentionPolicy(within: 86400, last: 2, counts: [.daily: 2, .yearly: 3])
    let reasons = policy.reasons(for: daily(0..<7, partial: [2]) + daily(-400..<(-399)), now: now)
    #expect(
      reasons.mapValues(\.description) == [
        "-400": "of the future", "0": "within", "1": "last #1", "2": "daily (partial) #1", "3": "last #2",
        "4": "daily #1", "5": "daily #2", "6": "yearly (oldest) #1",
      ])
  }

  @Test("Quarters are of three months, or of thirteen weeks with the 53rd in the last")
  func quarters() throws {
    let calendar = Calendar(identifier: .iso8601)
    func date(_ year: Int, _ month: Int, _ day: Int) throws -> Date {
      try #require(
        calendar.date(from: DateComponents(timeZone: .gmt, year: year, month: month, day: day, hour: 12)))
    }
    #expect(RetentionPolicy.Period.quarterlyByMonths.name(of: try date(2026, 3, 31)) == "2026-1")
    #expect(RetentionPolicy.Period.quarterlyByMonths.name(of: try date(2026, 4, 1)) == "2026-2")
    #expect(RetentionPolicy.Period.quarterlyByWeeks.name(of: try date(2026, 12, 31)) == "2026-4")
    #expect(RetentionPolicy.Period.quarterlyByWeeks.name(of: try date(2026, 3, 29)) == "2026-1")
    #expect(RetentionPolicy.Period.quarterlyByWeeks.name(of: try date(2026, 3, 30)) == "2026-2")
  }

  @Test("Of archives of one second the one that was made last is the newest")
  func sameSecond() {
    let now = Date(timeIntervalSince1970: 1_800_000_000)
    let archives = ["z", "a", "m"].map { RetentionPolicy.Candidate(id: $0, date: now, isPartial: false) }
    var policy = RetentionPolicy()
    policy.last = 1
    #expect(Array(policy.reasons(for: archives, now: now).keys) == ["m"])
    policy = RetentionPolicy()
    policy.counts = [.daily: 1]
    #expect(Array(policy.reasons(for: archives, now: now).keys) == ["m"])
  }
}
