import CofferSystem

/// Errors of several repositories or dumps, told together.
struct SeveralErrors: Error {
  let errors: [any Error]

  init(_ errors: [any Error]) {
    self.errors = errors.flatMap { ($0 as? SeveralErrors)?.errors ?? [$0] }
  }
}

/// An error of one repository among those that an action works on; the others are not affected.
struct RepositoryFailure: DiagnosableError {
  let location: RepositoryLocation
  let cause: any Error

  init(_ location: RepositoryLocation, _ cause: any Error) {
    self.location = location
    self.cause = cause
  }

  var diagnosis: Diagnosis { Diagnosis(of: cause) }
}
