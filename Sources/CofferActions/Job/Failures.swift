import CofferSystem

/// Errors of several repositories or dumps, told together.
struct SeveralErrors: Error {
  let errors: [any Error]

  init(_ errors: [any Error]) {
    self.errors = errors.flatMap { ($0 as? SeveralErrors)?.errors ?? [$0] }
  }

  /// Does something, and fails at its end with what was known to be wrong before, too.
  static func gathering(_ errors: [any Error], _ body: () throws -> Void) throws {
    do {
      try body()
    } catch let error where !errors.isEmpty && !(error is RunCancelled) {
      throw SeveralErrors(errors + [error])
    }
    if !errors.isEmpty { throw SeveralErrors(errors) }
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
