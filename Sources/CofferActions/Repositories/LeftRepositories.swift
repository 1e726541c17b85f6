import CofferSystem

/// A repository held up the others for longer than it may.
struct StalledRepository: DiagnosableError, Equatable {
  /// As messages name it.
  let name: String
  let seconds: Double

  var diagnosis: Diagnosis {
    Diagnosis(
      subject: "repository \(name)",
      problem: "It took nothing for \(Formats.duration(seconds)) while others had to wait for it, and has no "
        + "archive of this run",
      suggestion: "What it has is kept, and the next run goes on from there. If it is only slow, raise stall_limit, or "
        + "back up to it in a configuration file of its own")
  }
}

/// A repository stored nothing for longer than it may when another had its archive already.
struct UncommittedRepository: DiagnosableError, Equatable {
  /// As messages name it.
  let name: String
  let seconds: Double

  var diagnosis: Diagnosis {
    Diagnosis(
      subject: "repository \(name)",
      problem: "It has stored nothing for \(Formats.duration(seconds)) while another had its archive already, and "
        + "was not waited for any longer",
      suggestion: "Look whether its place answers, and by repo-list whether the archive has come to be there after "
        + "all. If it is only slow, raise stall_limit")
  }
}

/// A repository that dropped out, and whose calls on its place have not come back since.
struct UnsettledRepository: DiagnosableError, Equatable {
  /// As messages name it.
  let name: String
  let seconds: Double

  var diagnosis: Diagnosis {
    Diagnosis(
      subject: "repository \(name)",
      problem: "What was begun there has not ended for another \(Formats.duration(seconds)), and is left alone",
      suggestion: "Look whether its place answers at all: a mount hangs while the host behind it is out of reach")
  }
}
