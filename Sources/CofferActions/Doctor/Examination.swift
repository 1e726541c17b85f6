import CofferConfiguration
import CofferSystem

/// Something that the doctor looks at. It changes nothing.
protocol Examination: Sendable {
  /// What messages call it.
  var name: String { get }

  /// What was found; what cannot be looked at is found, too.
  func findings(_ patient: Patient) throws -> [Finding]
}

/// What an examination has found.
struct Finding: Sendable, Equatable {
  enum Grade: String, Sendable {
    case ok
    /// It works; it could be better.
    case advice
    /// Something must be done.
    case problem

    /// As people see it.
    var word: String {
      switch self {
      case .ok: "ok"
      case .advice: "advice"
      case .problem: "TO DO"
      }
    }
  }

  let grade: Grade
  /// What it is about.
  let subject: String
  let text: String
  /// What to do.
  var remedy: String?

  static func ok(_ subject: String, _ text: String) -> Finding { Finding(grade: .ok, subject: subject, text: text) }

  static func advice(_ subject: String, _ text: String, _ remedy: String?) -> Finding {
    Finding(grade: .advice, subject: subject, text: text, remedy: remedy)
  }

  static func problem(_ subject: String, _ text: String, _ remedy: String?) -> Finding {
    Finding(grade: .problem, subject: subject, text: text, remedy: remedy)
  }

  /// Errors, each by itself.
  static func problems(_ error: any Error) -> [Finding] {
    SeveralErrors([error]).errors.map { error in
      let diagnosis = Diagnosis(of: error)
      return .problem(diagnosis.subject, diagnosis.problem, diagnosis.suggestion)
    }
  }
}

/// The examinations there are, in the order in which they are told. A new one is one more line.
enum Examinations {
  static let all: [any Examination] = [
    ConfigurationExamination(), PermissionExamination(), DatabaseExamination(), LogExamination(), VerifyExamination(),
    RepositoryExamination(), SpaceExamination(), ClockExamination(), BackupExamination(), CheckExamination(),
    ProofExamination(), BinaryLogExamination(), OplogExamination(),
  ]
}
