import CofferSystem

/// A repository that a backup to several goes on without.
struct LeftRepository: DiagnosableError, Equatable {
  enum Reason: Equatable {
    /// It held up the others for longer than it may.
    case stalled
    /// It stored nothing for longer than it may when another had its archive already.
    case uncommitted
    /// It dropped out, and its calls on its place have not come back since.
    case unsettled
  }

  /// As messages name it.
  let name: String
  let reason: Reason
  let seconds: Double

  var diagnosis: Diagnosis {
    let time = Formats.duration(seconds)
    let (problem, suggestion) =
      switch reason {
      case .stalled:
        (
          "It took nothing for \(time) while others had to wait for it, and has no archive of this run",
          "What it has is kept, and the next run goes on from there. If it is only slow, raise stall_limit, or "
            + "back up to it in a configuration file of its own"
        )
      case .uncommitted:
        (
          "It has stored nothing for \(time) while another had its archive already, and was not waited for any longer",
          "Look whether its place answers, and by repo-list whether the archive has come to be there after "
            + "all. If it is only slow, raise stall_limit"
        )
      case .unsettled:
        (
          "What was begun there has not ended for another \(time), and is left alone",
          "Look whether its place answers at all: a mount hangs while the host behind it is out of reach"
        )
      }
    return Diagnosis(subject: "repository \(name)", problem: problem, suggestion: suggestion)
  }
}
