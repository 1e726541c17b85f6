/// What a person is told about a failure: what happened, to what, and what to do next.
///
/// Sentences start with a capital letter and end without a full stop; the edge of the program adds
/// punctuation, colour and indentation.
public struct Diagnosis: Sendable, Equatable {
  /// The database, path, object or option concerned, spelled as the user would recognise it.
  public let subject: String
  /// What happened.
  public let problem: String
  /// What to do next; a command to run wherever there is one.
  public let suggestion: String?

  public init(subject: String, problem: String, suggestion: String? = nil) {
    self.subject = subject
    self.problem = problem
    self.suggestion = suggestion
  }
}

/// An error that knows what it is about and what to do next.
///
/// Every error type that can cross a target's border conforms; text is rendered only at the program's edge.
public protocol DiagnosableError: Error, Sendable, CustomStringConvertible {
  var diagnosis: Diagnosis { get }
}

extension Diagnosis {
  /// What is told of any error; one that does not say what it is about is told of as the program's own.
  public init(of error: any Error) {
    self =
      (error as? any DiagnosableError)?.diagnosis
      ?? Diagnosis(subject: "coffer", problem: String(describing: error))
  }
}

extension DiagnosableError {
  public var description: String {
    let diagnosis = diagnosis
    let head = "\(diagnosis.subject): \(diagnosis.problem)"
    guard let suggestion = diagnosis.suggestion else { return head }
    return "\(head). \(suggestion)"
  }
}
