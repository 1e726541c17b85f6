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
    let loader = ConfigurationLoader(files: reader, environment: ProcessEnvironment([:]), currentFolder: "/")
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

  @Test("What is no frequency and no day is refused", arguments: ["frequency: often", "only_run_on: [Someday]"])
  func nonsense(option: String) {
    #expect(throws: ConfigurationError.self) { try schedule("checks: [{name: data, \(option)}]") }
  }
}
