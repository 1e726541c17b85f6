import CofferSystem

/// A dump that is not complete.
public enum DumpError: DiagnosableError, Equatable {
  /// The dump program said that it failed, or was killed.
  case programFailed(DumpIdentity, program: String, status: ExitStatus, lines: [String])
  /// A program that the dump needs could not be started.
  case notStarted(DumpIdentity, LaunchError)
  /// The program ended well, but wrote nothing.
  case empty(DumpIdentity, program: String)
  /// The program ended well, but the dump lacks its end.
  case incomplete(DumpIdentity, program: String, missing: String)
  /// The program ended well, but wrote something that is no part of a dump.
  case mixed(DumpIdentity, program: String, with: String)
  /// Tables were emptied or rewritten after what the dump sees was settled, and before it had locked them: it has none of their
  /// rows.
  case overtaken(DumpIdentity, tables: [String])
  case stalled(DumpIdentity, program: String, seconds: Int)
  case tookTooLong(DumpIdentity, program: String, seconds: Int)
  /// The configuration names the same place in the archive twice.
  case duplicate(DumpIdentity)
  /// The configuration of the database cannot work.
  case misconfigured(DumpIdentity, problem: String, suggestion: String)
  /// The server's databases could not be listed.
  case listingFailed(DumpIdentity, program: String, lines: [String])
  /// The server is a replica that lags too far behind, or nobody knows how far.
  case lagging(DumpIdentity, problem: String, suggestion: String)
  /// What comes by PostgreSQL's replication protocol does not come; with what the server has told besides.
  case replication(DumpIdentity, ReplicationError, told: [String])
  /// Pages of a server are damaged on its disk; some of them, and how many.
  case damaged(DumpIdentity, pages: [String], count: Int)

  public var identity: DumpIdentity {
    switch self {
    case .programFailed(let identity, _, _, _), .notStarted(let identity, _), .empty(let identity, _),
      .incomplete(let identity, _, _), .mixed(let identity, _, _),
      .overtaken(let identity, _), .stalled(let identity, _, _), .tookTooLong(let identity, _, _),
      .duplicate(let identity),
      .misconfigured(let identity, _, _), .listingFailed(let identity, _, _), .lagging(let identity, _, _),
      .replication(let identity, _, _), .damaged(let identity, _, _):
      identity
    }
  }

  /// Whether the same dump may well succeed a little later.
  public var isWorthARetry: Bool {
    switch self {
    case .programFailed, .empty, .incomplete, .overtaken, .stalled, .tookTooLong, .listingFailed, .lagging: true
    case .notStarted, .mixed, .duplicate, .misconfigured, .damaged: false
    case .replication(_, let error, _): error.isTransient
    }
  }

  /// Whether what spoilt the dump was a matter of a moment: it is taken again at once.
  public var isOvertaken: Bool { if case .overtaken = self { true } else { false } }

  public var diagnosis: Diagnosis {
    let (problem, suggestion) = text
    return Diagnosis(subject: identity.title, problem: problem, suggestion: suggestion)
  }

  private var text: (String, String?) {
    switch self {
    case .programFailed(_, let program, let status, let lines):
      (ClientFailure.problem(program, status, lines), identity.advice.suggestion(lines))
    case .notStarted(_, let error):
      ("\(error.diagnosis.subject): \(error.diagnosis.problem)", error.diagnosis.suggestion)
    case .empty(_, let program):
      ("\(program) ended without an error, but wrote nothing", "Run the dump by hand and see what it says")
    case .incomplete(_, let program, let missing):
      (
        "\(program) ended without an error, but the dump is not complete: \(missing)",
        "Run the command again; if it happens again, look at the server's log"
      )
    case .mixed(_, let program, let text):
      (
        "\(program) wrote what is no part of a dump: '\(Quoting.terminal(text))'",
        "It, or the command that runs it, must write the dump to its standard output and nothing else: no greetings, no messages"
      )
    case .overtaken(_, let tables):
      (
        "The dump lacks rows: as it began, these tables were emptied or rewritten (TRUNCATE, ALTER TABLE): "
          + tables.prefix(20).map { Quoting.terminal($0) }.joined(separator: ", "),
        "Take the backup when that does not happen; the dump before it is whole"
      )
    case .stalled(_, let program, let seconds):
      (
        "\(program) wrote nothing for \(seconds) seconds and was ended",
        "See what it waits for (locks on the server, a checkpoint, a prompt), or raise dump_stall_timeout"
      )
    case .tookTooLong(_, let program, let seconds):
      ("\(program) took more than \(seconds) seconds and was ended", "Raise dump_time_limit, or see what slows it")
    case .duplicate(let identity):
      (
        "Two entries of the configuration lead to the same dump '\(Quoting.terminal(identity.path))'",
        "Give one of them a label"
      )
    case .misconfigured(_, let problem, let suggestion), .lagging(_, let problem, let suggestion): (problem, suggestion)
    case .replication(_, let error, let told):
      (
        ([error.diagnosis.problem] + told.prefix(5)).joined(separator: " / "),
        identity.advice.suggestion([error.diagnosis.problem]) ?? error.diagnosis.suggestion
      )
    case .damaged(_, let pages, let count):
      (
        (count == 1 ? "A page of the server has" : "\(count) pages of the server have")
          + " a checksum that is not right: "
          + pages.map { Quoting.terminal($0) }.joined(separator: "; ") + (count > pages.count ? "; ..." : ""),
        "Pages of the server are damaged. Keep the older base backups, and look at the server's disk"
      )
    case .listingFailed(_, let program, let lines):
      (
        "The databases of the server could not be listed: \(ClientFailure.telling(lines) ?? "\(program) said nothing")",
        identity.advice.suggestion(lines)
      )
    }
  }
}

extension PlannedDump {
  /// An error of the dump, which names its database also where it is about a program alone.
  public func named(_ error: any Error) -> any Error {
    (error as? LaunchError).map { DumpError.notStarted(identity, $0) } ?? error
  }

  /// Starts it, with errors that name the database.
  public func begin(context: HookContext) throws -> any RunningDump {
    do {
      return try start(context: context)
    } catch {
      throw named(error)
    }
  }
}
