import CofferHooks
import CofferSystem

/// Whether the users of `verify_hostname` may do what a verification does there, and no more.
struct VerifyExamination: Examination {
  let name = "verify"

  func findings(_ patient: Patient) throws -> [Finding] {
    let context = patient.context()
    let hooks = try context.hookContext()
    return try patient.run.hooks.hooks.flatMap { hook in
      try context.cancellation.check()
      return try hook.drillRights(in: context.root, context: hooks).flatMap { result in
        switch result {
        case .success(let rights): return [Self.finding(rights)]
        case .failure(let error as RunCancelled): throw error
        case .failure(let error): return Finding.problems(error)
        }
      }
    }
  }

  private static func finding(_ rights: DrillRights) -> Finding {
    let grade: Finding.Grade =
      switch rights.standing {
      case .enough: .ok
      case .more: .advice
      case .tooLittle: .problem
      }
    return Finding(grade: grade, subject: rights.subject, text: rights.text, remedy: rights.remedy)
  }
}
