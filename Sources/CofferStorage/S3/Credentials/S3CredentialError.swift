import CofferSystem

/// Why there are no credentials. None of them is ever in it.
struct S3CredentialError: DiagnosableError, Equatable {
  /// Where they were looked for.
  let place: String
  let problem: String
  let suggestion: String?
  /// Whether another try may find them.
  let isTransient: Bool
  /// Whether the run was asked to stop meanwhile.
  let isCancelled: Bool

  init(
    _ place: String, _ problem: String, suggestion: String? = nil, isTransient: Bool = false, isCancelled: Bool = false
  ) {
    self.place = place
    self.problem = problem
    self.suggestion = suggestion
    self.isTransient = isTransient
    self.isCancelled = isCancelled
  }

  /// Nothing was configured, and nothing was found.
  static let none = S3CredentialError(
    "credentials",
    "None were found: not in the configuration, the environment, ~/.aws/credentials or ~/.aws/config, "
      + "nor is there a role that this machine or container was given",
    suggestion: "Set 's3: access_key' and 's3: secret_key', or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")

  var diagnosis: Diagnosis { Diagnosis(subject: place, problem: problem, suggestion: suggestion) }
}
