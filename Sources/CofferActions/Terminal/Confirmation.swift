import CofferSystem

/// Asks before something that cannot be taken back. Only a person at a terminal is asked: a job has nobody to answer.
enum Confirmation {
  /// The person said no.
  struct Declined: DiagnosableError, Equatable {
    let subject: String

    var diagnosis: Diagnosis { Diagnosis(subject: subject, problem: "Not confirmed. Nothing was changed") }
  }

  static let yes = Flag<Bool>("--yes", "-y", help: "Do not ask on a terminal before anything is replaced or deleted.")

  /// - Parameter subject: What is not done when the answer is no.
  /// - Throws: `Declined`; `RunCancelled`; `SystemError`.
  static func ask(_ question: String, _ subject: String, _ context: ActionContext) throws {
    guard !context.flags.contains(yes), TerminalQuestion.canAsk else { return }
    let answer = try TerminalQuestion(context.cancellation).line("\(question) [y/N] ", isSecret: false) ?? ""
    guard ["y", "yes"].contains(answer.trimmed.lowercased()) else { throw Declined(subject: subject) }
  }
}
