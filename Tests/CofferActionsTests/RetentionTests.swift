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
      kept(RetentionPolicy(counts: [.daily: 3]), archives) == ["today, whole", "yesterday, partial", "before, new"])
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
}
