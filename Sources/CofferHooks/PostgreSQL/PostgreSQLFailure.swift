import CofferSystem

/// Recognises what PostgreSQL's programs say when they fail.
enum PostgreSQLFailure {
  /// The line that tells what was wrong, rather than where or what else could be done.
  static func telling(_ lines: [String]) -> String {
    guard let line = lines.first(where: { line in signs.contains { line.holds($0) } }) ?? lines.last else {
      return "psql failed and said nothing"
    }
    guard let sign = signs.first(where: { line.holds($0) }) else { return line.trimmed }
    let parts = line.parts(by: sign, limit: 2)
    return (parts.last ?? line).trimmed
  }

  /// The lines with the telling one and what belongs to it first.
  static func ordered(_ lines: [String]) -> [String] {
    guard let start = lines.firstIndex(where: { line in signs.contains { line.holds($0) } }) else { return lines }
    return Array(lines[start...] + lines[..<start])
  }

  /// What servers and programs begin the telling line with; messages are asked for in English.
  private static let signs = ["FATAL:", "ERROR:", "PANIC:", "error:"]
}
