import CofferSQLite
import CofferSystem

/// Recognises what client programs say when they fail.
enum ClientFailure {
  /// The line that says what happened: what follows it are mostly questions and hints.
  static func telling(_ lines: [String]) -> String? {
    lines.first(where: isTelling) ?? lines.last
  }

  static func problem(_ program: String, _ status: ExitStatus, _ lines: [String]) -> String {
    let end =
      switch status {
      case .exited(let code): "\(program) failed with exit status \(code)"
      case .signalled(let signal): "\(program) was killed by signal \(signal)"
      }
    return lines.isEmpty ? end : end + ": " + told(lines).joined(separator: " / ")
  }

  /// What servers and programs begin the telling line with; messages are asked for in English. Statements and contexts of
  /// any length follow it. Some give a number: `ERROR 1064`.
  static let signs = ["FATAL:", "ERROR:", "PANIC:", "error:", "ERROR "]

  static func isTelling(_ line: String) -> Bool { signs.contains { line.holds($0) } }

  /// Five lines: from the first that tells the error on, or else the last ones.
  private static func told(_ lines: [String]) -> ArraySlice<String> {
    let lines = lines.filter { !SQLiteContent.isOne($0) }
    guard let first = lines.firstIndex(where: isTelling) else { return lines.suffix(5) }
    return lines[first...].prefix(5)
  }

  /// The lines that are warnings; other lines are how a program tells what it is doing.
  static func warnings(_ lines: [String]) -> [String] {
    lines.filter { $0.lowercased().holds("warning:") }
  }
}
