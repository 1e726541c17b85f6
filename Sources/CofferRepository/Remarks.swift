import CofferSystem
import Synchronization

/// What is wrong with a repository and stops nothing: each thing is said once.
final class Remarks: Sendable {
  private let said = Mutex<Set<ExactName>>([])
  private let warn: @Sendable (Diagnosis) -> Void

  init(_ warn: @escaping @Sendable (Diagnosis) -> Void) {
    self.warn = warn
  }

  func add(_ diagnosis: Diagnosis) {
    let text = "\(diagnosis.subject): \(diagnosis.problem)"
    if said.withLock({ $0.insert(ExactName(text)).inserted }) { warn(diagnosis) }
  }

  /// - Parameters:
  ///   - error: Of the repository; that the run is to stop says nothing of it, and goes another way.
  ///   - consequence: What it means for the run.
  func add(_ error: any Error, consequence: String) {
    guard let diagnosis = (error as? any DiagnosableError)?.diagnosis else { return }
    add(
      Diagnosis(
        subject: diagnosis.subject, problem: "\(diagnosis.problem); \(consequence)", suggestion: diagnosis.suggestion))
  }
}
