import CofferSystem
import Synchronization

/// What programs have said of their versions: none is asked twice in a run.
final class ProgramVersions: Sendable {
  private let answers = Mutex<[[ExactName]: CommandResult]>([:])

  /// - Parameter command: In the context's environment.
  /// - Throws: `LaunchError`; `CommandTimedOut`; `RunCancelled`.
  func answer(to command: ChildCommand, _ context: HookContext) throws -> CommandResult {
    let words = ([command.executable] + command.arguments).map { ExactName($0) }
    if let known = answers.withLock({ $0[words] }) { return known }
    let answer = try context.launcher.run(command, cancellation: context.cancellation)
    // One that failed may have failed for what is over the next time.
    if answer.status.isSuccess { answers.withLock { $0[words] = answer } }
    return answer
  }
}
