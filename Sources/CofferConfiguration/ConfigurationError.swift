import CofferSystem

/// Something wrong at one place of a configuration file.
public struct ConfigurationProblem: Error, Equatable {
  public let mark: SourceMark
  public let message: String
  public let suggestion: String?

  public init(mark: SourceMark, message: String, suggestion: String? = nil) {
    self.mark = mark
    self.message = message
    self.suggestion = suggestion
  }
}

extension ConfigurationProblem {
  /// What is wrong and what to do, in one line.
  fileprivate var sentence: String { message + (suggestion.map { ". \($0)" } ?? "") }
}

/// A configuration that cannot be used.
public enum ConfigurationError: DiagnosableError, Equatable {
  /// No file at any of the places that were looked at.
  case noFiles(searched: [String])
  case unreadable(path: String, cause: SystemError)
  /// Another user can change it.
  case untrusted(UntrustedPlace)
  case empty(path: String)
  /// At least one problem, in the order of their places.
  case invalid(path: String, [ConfigurationProblem])
  /// The command that an option, a flag or a variable names gave no passphrase.
  case passcommandFailed(String, command: String, detail: String)
  case noPassphrase(repository: String)

  public var diagnosis: Diagnosis {
    switch self {
    case .noFiles(let searched):
      Diagnosis(
        subject: "configuration", problem: "No configuration file in \(searched.joined(separator: ", "))",
        suggestion: "Write one with 'coffer config generate', or name yours with --config")
    case .unreadable(let path, let cause):
      Diagnosis(
        subject: path, problem: "The configuration cannot be read: \(cause.reason)",
        suggestion: cause.diagnosis.suggestion)
    case .untrusted(let place): place.diagnosis
    case .empty(let path):
      Diagnosis(
        subject: path, problem: "The configuration is empty",
        suggestion: "See 'coffer config generate' for what to put into it")
    case .invalid(_, let problems) where problems.count == 1:
      Diagnosis(
        subject: problems[0].mark.description, problem: problems[0].message, suggestion: problems[0].suggestion)
    case .invalid(_, let problems):
      Diagnosis(
        subject: problems[0].mark.description,
        problem: problems[0].sentence + problems.dropFirst().map { "\n\($0.mark): \($0.sentence)" }.joined(),
        suggestion: nil)
    case .passcommandFailed(let source, let command, let detail):
      Diagnosis(
        subject: source, problem: "'\(command)' gave no passphrase: \(detail)",
        suggestion: "Run the command by hand and see what it says")
    case .noPassphrase(let repository):
      Diagnosis(
        subject: "repository \(repository)", problem: "There is no passphrase, and no terminal to ask on",
        suggestion: "Set encryption_passphrase or encryption_passcommand, or COFFER_PASSPHRASE in the environment")
    }
  }

  /// The problems with their places; empty for errors that have none.
  public var problems: [ConfigurationProblem] {
    if case .invalid(_, let problems) = self { problems } else { [] }
  }
}
