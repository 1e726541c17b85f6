import CofferSystem

/// Days of the week: one by its English name or the first letters of it, or `weekday` or `weekend` for several.
public struct Weekdays: OptionText {
  /// Numbered as calendars do.
  public enum Day: Int, CaseIterable, Sendable {
    case sunday = 1
    case monday, tuesday, wednesday, thursday, friday, saturday
  }

  public static let title = "a day of the week"
  public static let suggestion = "Write, for example, Saturday, weekday or weekend"

  private static let several: [(name: String, days: Set<Day>)] = [
    ("weekday", [.monday, .tuesday, .wednesday, .thursday, .friday]), ("weekend", [.saturday, .sunday]),
  ]
  private static let names: [(name: String, day: Day)] = Day.allCases.map { ("\($0)", $0) }

  public let days: Set<Day>
  /// As it was written.
  public let spelling: String

  public init?(_ text: String) {
    let name = text.lowercased()
    spelling = text
    if let several = Self.several.first(where: { $0.name.isSame(as: name) }) {
      days = several.days
    } else if name.utf8.count > 2, let day = Self.names.first(where: { $0.name.begins(with: name) })?.day {
      days = [day]
    } else {
      return nil
    }
  }

  public static func nearest(to text: String) -> String? {
    let text = text.lowercased()
    let all = names.map(\.name) + several.map(\.name)
    let beginnings = text.isEmpty ? [] : all.filter { $0.begins(with: text) }
    guard let name = beginnings.count == 1 ? beginnings[0] : NearestName.of(text, among: all) else { return nil }
    return several.contains { $0.name.isSame(as: name) } ? name : name.capitalized
  }
}
