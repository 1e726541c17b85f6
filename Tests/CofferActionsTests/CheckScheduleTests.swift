import CofferConfiguration
import CofferSystem
import Foundation
import Testing

@testable import CofferActions

@Suite("When checks are due")
struct CheckScheduleTests {
  private func schedule(_ text: String) throws -> CheckSchedule {
    let document = "repositories: [{path: /r}]\n" + text
    let reader = FileReader(read: { _ in Array(document.utf8) }, entries: { _ in nil })
    let loader = ConfigurationLoader(
      files: reader, environment: ProcessEnvironment([:]), currentFolder: "/", options: .standard)
    return CheckSchedule(try loader.load("/c.yaml").root)
  }

  /// A Friday.
  private let now = Date(timeIntervalSince1970: 1_800_014_400)

  private func isDue(_ text: String, lastDaysAgo days: Double?) throws -> [Bool] {
    try schedule(text).checks.map { $0.isDue(last: days.map { now.addingTimeInterval(-$0 * 86400) }, now: now) }
  }

  @Test("Without 'checks', repository and archives are checked once a month")
  func standard() throws {
    #expect(try schedule("").checks.map(\.name) == [.repository, .archives])
    #expect(try isDue("", lastDaysAgo: nil) == [true, true])
    #expect(try isDue("", lastDaysAgo: 29) == [false, false])
    #expect(try isDue("", lastDaysAgo: 30) == [true, true])
  }

  @Test("A check without a frequency is made every time, as borgmatic makes it")
  func withoutFrequency() throws {
    #expect(try isDue("checks: [{name: data}, {name: archives, frequency: always}]", lastDaysAgo: 0) == [true, true])
  }

  @Test("A check that is not due says when it was made, when it will be, and what makes it now")
  func postponed() throws {
    setenv("TZ", "UTC", 1)
    tzset()
    let checks =
      "checks: [{name: data, frequency: 1 week, only_run_on: [Monday]}, {name: archives, only_run_on: [Sunday]}]"
    let last = now.addingTimeInterval(-86400)
    let lines = try schedule(checks).checks.map {
      CheckAction.postponed($0, last: $0.name == .data ? last : nil, now: now, RepositoryLocation(path: "/r"))
    }
    #expect(
      lines == [
        "/r: Not checked: 'data' was made on Thu 2027-01-14 12:00:00, and is due on Mon 2027-01-25 00:00:00; "
          + "'coffer check --force' makes it now",
        "/r: Not checked: 'archives' was not made yet, and is due on Sun 2027-01-17 00:00:00; "
          + "'coffer check --force' makes it now",
      ])
  }

  @Test("The next day is found where a midnight is missing, because clocks are put on")
  func missingMidnight() throws {
    setenv("TZ", "BRT3BRST,M11.1.0/0,M2.3.0/0", 1)
    tzset()
    defer {
      setenv("TZ", "UTC", 1)
      tzset()
    }
    // A Saturday's noon in 2018, and the Monday after the Sunday that began at one o'clock.
    let saturday = Date(timeIntervalSince1970: 1_541_257_200)
    for (day, due) in [("Sunday", 1_541_300_400.0), ("Monday", 1_541_383_200.0)] {
      let check = try #require(try schedule("checks: [{name: data, only_run_on: [\(day)]}]").checks.first)
      let found = check.due(last: nil, now: saturday).timeIntervalSince1970
      #expect(found == due, "\(day): \(Int(found))")
    }
  }

  @Test("A check that was made in the future, by a clock that was wrong, is due")
  func future() throws {
    #expect(try isDue("", lastDaysAgo: -1000) == [true, true])
  }

  @Test("Frequencies and days decide")
  func frequencies() throws {
    let checks = """
      checks:
        - {name: data, frequency: 2 weeks}
        - {name: archives, frequency: always}
        - {name: repository, frequency: 1 day, only_run_on: [weekend]}
        - {name: extract, frequency: 1 day, only_run_on: [Friday, Monday]}
      """
    #expect(try isDue(checks, lastDaysAgo: 10) == [false, true, false, true])
    #expect(try isDue(checks, lastDaysAgo: 14) == [true, true, false, true])
    #expect(try isDue(checks, lastDaysAgo: 0.5) == [false, true, false, false])
  }

  @Test(
    "The deepest check does the others' work; one with a limit of its own is made by itself unless a deeper one is made"
  )
  func parts() throws {
    func parts(_ text: String, _ duration: Int? = nil) throws -> [CheckAction.Part] {
      CheckAction.parts(try schedule("checks: [\(text)]").checks, duration)
    }
    #expect(
      try parts("{name: repository}, {name: archives}, {name: extract}") == [
        .init(level: .recipes, duration: nil, names: [.repository, .archives])
      ])
    #expect(
      try parts("{name: repository}, {name: data, max_duration: 60}") == [
        .init(level: .tables, duration: nil, names: [.repository]),
        .init(level: .content, duration: 60, names: [.data]),
      ])
    #expect(
      try parts("{name: repository, max_duration: 60}, {name: data}") == [
        .init(level: .content, duration: nil, names: [.repository, .data])
      ])
    #expect(
      try parts("{name: repository, max_duration: 60}, {name: data}", 5) == [
        .init(level: .content, duration: 5, names: [.repository, .data])
      ])
    #expect(try parts("{name: spot}").isEmpty)
  }

  @Test("What is no frequency and no day is refused", arguments: ["frequency: often", "only_run_on: [Someday]"])
  func nonsense(option: String) {
    #expect(throws: ConfigurationError.self) { try schedule("checks: [{name: data, \(option)}]") }
  }
}
