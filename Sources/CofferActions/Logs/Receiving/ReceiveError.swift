import CofferHooks
import CofferSystem

/// Why the log of a server is not received any more.
enum ReceiveError: DiagnosableError {
  /// The server has not the log any more that comes next.
  case recycled(place: String, segment: String)
  /// Another server answers than the one whose log it was.
  case otherServer(place: String, identifier: String)
  /// The repository has log of a timeline or a place that the server does not know.
  case ahead(place: String, segment: String, String)
  /// What the server sends is not what comes next.
  case hole(place: String, ReceivedLog.Hole)
  /// An answer is not what the protocol says.
  case unexpected(place: String, String)
  /// What had come last is not stored.
  case stoppedEarly(place: String, bytes: Int)
  /// One repository was away, and has not what the others have.
  case behind(place: String, repository: String)
  /// One repository was away from the start to the end.
  case absent(repository: String)

  private static let bringingBack =
    "Bring it back, and start the command: what it lacks comes from the server, if that still has it"
  private static let leavingGap =
    "Run it once with --leave-gap: the log goes on at what the server has. Make a base backup behind that, for what is "
    + "before the gap leads no further"

  /// Whether the log can go on behind what is not to be had.
  var isGap: Bool {
    switch self {
    case .recycled, .ahead: true
    case .otherServer, .hole, .unexpected, .stoppedEarly, .behind, .absent: false
    }
  }

  var diagnosis: Diagnosis {
    switch self {
    case .recycled(let place, let segment):
      Diagnosis(
        subject: place,
        problem: "The server has not its log any more from segment \(segment) on, which is to be stored next",
        suggestion: Self.leavingGap)
    case .otherServer(let place, let identifier):
      Diagnosis(
        subject: place, problem: "Another server answers there than a moment ago: its identifier is \(identifier)",
        suggestion: "Start the command anew if that is meant: the log of that server is another one")
    case .ahead(let place, let segment, let text):
      Diagnosis(
        subject: place,
        problem: "The log in the repository goes on at segment \(segment), which is none of the server's: \(text)",
        suggestion: "The server was restored, or lost what it had written. " + Self.leavingGap)
    case .hole(let place, let hole):
      Diagnosis(
        subject: place,
        problem: "The server sends its log from \(hole.got.text) on, and \(hole.expected.text) comes next",
        suggestion: "Look into the server's log, and start the command anew")
    case .unexpected(let place, let text):
      Diagnosis(subject: place, problem: "The server's answer is not understood: \(text)")
    case .stoppedEarly(let place, let bytes):
      Diagnosis(
        subject: place, problem: "\(Formats.size(UInt64(bytes))) that had come of its log are not stored",
        suggestion: "The server keeps them: they come again when the command is started")
    case .absent(let repository):
      Diagnosis(
        subject: repository,
        problem: "It was away, and has nothing of the log that the other repositories got meanwhile",
        suggestion: Self.bringingBack)
    case .behind(let place, let repository):
      Diagnosis(
        subject: place, problem: "\(repository) was away, and has not all of the log that the other repositories have",
        suggestion: Self.bringingBack)
    }
  }
}
