import CofferSystem

/// Questions to the person who sets things up. Without a terminal, or where everything is to be taken as proposed, nobody is
/// asked.
struct Dialogue {
  private let question: TerminalQuestion
  let isOpen: Bool

  init(_ context: ActionContext) {
    question = TerminalQuestion(context.cancellation)
    isOpen = TerminalQuestion.canAsk && !context.flags.contains(Confirmation.yes)
  }

  /// - Parameter proposal: What an empty answer means, and what counts when nobody is asked.
  /// - Throws: `RunCancelled`; `SystemError`.
  func confirms(_ text: String, proposal: Bool) throws -> Bool {
    guard isOpen else { return proposal }
    let answer = try line("\(text) [\(proposal ? "Y/n" : "y/N")] ").lowercased()
    return answer.isEmpty ? proposal : ["y", "yes"].contains(answer)
  }

  /// - Returns: An empty text when nobody is asked, or nothing was answered.
  /// - Throws: `RunCancelled`; `SystemError`.
  func text(_ text: String) throws -> String {
    guard isOpen else { return "" }
    return try line("\(text) ")
  }

  private func line(_ prompt: String) throws -> String {
    // The terminal's end is no answer, and nothing goes on without one.
    guard let line = try question.line(Quoting.terminal(prompt), isSecret: false) else { throw RunCancelled() }
    return line.trimmed
  }
}
