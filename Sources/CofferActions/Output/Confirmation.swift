import CofferSystem
import Foundation

/// Asks before something that cannot be taken back. Only a person at a terminal is asked: a job has nobody to answer.
enum Confirmation {
  static func ask(_ question: String) -> Bool {
    guard isatty(STDIN_FILENO) == 1, isatty(STDERR_FILENO) == 1 else { return true }
    let text = Array("\(Quoting.terminal(question, keepingLines: true)) [y/N] ".utf8)
    _ = text.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    return ["y", "yes"].contains(readLine()?.trimmed.lowercased() ?? "")
  }
}
