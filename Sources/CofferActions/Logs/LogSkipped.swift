import CofferConfiguration
import CofferSystem

/// What a run of 'wal push' or 'wal get' has left undone without an error, because the configuration, a command before it or the
/// command line kept it from that: PostgreSQL takes success for a file that is stored, or is there.
struct LogSkipped: DiagnosableError {
  private let isPush: Bool
  /// The paths of repositories that were not come to.
  private let locations: [String]

  /// - Returns: nil where nothing was left undone, or an error has said so.
  init?(_ run: CommandRun, _ files: ConfigurationFiles, after failures: [any Error]) {
    let (push, get) = (WALPushAction.declaration.name, WALGetAction.declaration.name)
    guard
      let invocation = run.parsed.invocations.first(where: {
        $0.action.name.isSame(as: push) || $0.action.name.isSame(as: get)
      }), !run.notes.isGiven, SeveralErrors(failures).errors.allSatisfy(WALGetAction.isEnd)
    else { return nil }
    let reached = run.notes.reached
    let wanted = invocation.flags[SharedFlags.repository]
    let configured = files.configurations.flatMap { $0.repositories.map(RepositoryLocation.init) }
    let chosen =
      files.areMissing
      ? wanted.map { [RepositoryLocation(path: $0)] } ?? []
      : configured.filter { location in wanted.map(location.matches) ?? true }
    let left = chosen.map(\.path).filter { path in !reached.contains { $0.isSame(as: path) } }
    guard !left.isEmpty || chosen.isEmpty else { return nil }
    isPush = invocation.action.name.isSame(as: push)
    locations = left
  }

  var diagnosis: Diagnosis {
    let places = locations.isEmpty ? "any repository" : locations.joined(separator: ", ")
    return Diagnosis(
      subject: isPush ? WALPushAction.declaration.name : WALGetAction.declaration.name,
      problem: isPush ? "The file was not stored in \(places)" : "The file was not looked for in \(places)",
      suggestion:
        "skip_actions, a command before it, or --dry-run kept it from that: PostgreSQL must not take it for success"
    )
  }
}
