import CofferHooks
import CofferSystem

/// Why a MongoDB server cannot be brought to a moment; told before anything is changed.
enum OplogRouteError: DiagnosableError, Equatable {
  case noArchive
  /// What was chosen is not the dump of one whole server.
  case notWhole(DumpIdentity)
  /// The dump has no oplog.
  case noPlace(DumpIdentity, archive: String)
  case dumpIsLater(DumpIdentity, target: String)
  /// No log in the repository has the last entry of a dump's oplog.
  case noLog(DumpIdentity, OplogTime)
  /// Several logs have that entry, and the archive does not say whose it is.
  case ambiguous(DumpIdentity, OplogTime)
  /// - isDoubtful: Whether the set may have rolled back what is last there.
  case beyond(target: String, nearest: OplogTime, hasGap: Bool, isDoubtful: Bool)
  case unreadable(slice: String, String)
  /// mongorestore replays no such entry.
  case notReplayable(OplogTime, what: String, before: OplogTime)

  /// Whether an older archive may do.
  var leadsToOlder: Bool {
    switch self {
    case .noPlace, .dumpIsLater: true
    case .noArchive, .notWhole, .noLog, .ambiguous, .beyond, .unreadable, .notReplayable: false
    }
  }

  var diagnosis: Diagnosis {
    switch self {
    case .noArchive: Diagnosis(of: ReplayRouteError.noArchive)
    case .notWhole(let identity):
      Diagnosis(
        subject: identity.title,
        problem: "Only one whole server of MongoDB at a time is brought to a moment by its oplog",
        suggestion:
          "Choose its dump with --database all --hook mongodb, and restore it to a spare server (--hostname) if only a part is "
          + "wanted")
    case .noPlace(let identity, let archive):
      Diagnosis(
        subject: identity.title, problem: "The dump in archive \(archive) has no oplog, and cannot be brought forward",
        suggestion: "Set oplog: true in its entry of mongodb_databases, for the dumps to come")
    case .dumpIsLater(let identity, let target):
      Diagnosis(
        subject: identity.title,
        problem: "No dump was made before \(target), and a server can only be brought forward",
        suggestion: "Choose a later target; --match-archives '*' looks at the archives of other hosts, too")
    case .noLog(let identity, let time):
      Diagnosis(
        subject: identity.title,
        problem: "The repository has no oplog with the entry of \(time.text), at which the dump was made",
        suggestion: "See 'coffer oplog list'; 'coffer oplog receive' stores the log, and has to have run since the dump"
      )
    case .ambiguous(let identity, let time):
      Diagnosis(
        subject: identity.title,
        problem:
          "Several servers' logs have the entry of \(time.text), at which the dump was made, and its archive names none",
        suggestion:
          "See whose they are with 'coffer oplog list', and name the key of the right one with --signer. Dumps to come name it "
          + "where their configuration has the server in mongodb_servers"
      )
    case .beyond(let target, let nearest, let hasGap, let isDoubtful):
      Diagnosis(
        subject: "restore",
        problem: (hasGap ? "The log has a gap before \(target)" : "The log ends before \(target)")
          + ". The nearest point that can be reached: "
          + "\(ReplayRouteError.time(Int64(nearest.seconds) - 1)), or the last entry: --to-ts \(nearest.text)"
          + (isDoubtful
            ? ". Another primary has written what follows: the set may have rolled back what is last there" : ""),
        suggestion: hasGap
          ? "Choose that point, or a dump that was made behind the gap"
          : "Have 'coffer oplog receive' store what the server still has, or choose that point")
    case .unreadable(let slice, let text):
      Diagnosis(
        subject: slice, problem: "The log cannot be read there: \(text)", suggestion: "Choose a moment before it")
    case .notReplayable(let time, let what, let before):
      Diagnosis(
        subject: "oplog entry \(time.text)", problem: "No mongorestore replays \(what)",
        suggestion: "Choose a moment before it, --to-ts \(before.text) at the latest, or a dump that was made behind it"
      )
    }
  }
}
