import CofferHooks
import CofferSystem

/// What a receiver of a server's log works with.
struct ReceiveMeans {
  let repositories: [OpenRepository]
  /// Whether others are away: what these have, not every one has.
  var isWithoutSome = false
  let clock: Clock
  let console: Console
  /// Of the run: the end of receiving.
  let cancellation: Cancellation
  /// Of the stores: later, so that what has come is stored.
  let storing: Cancellation
  let wake: Wakeup
  /// For whoever looks at a terminal.
  let progress: Monitor<String>
  var limits = LogLimits()

  /// Of the repositories, as messages name them.
  var places: [String] { repositories.map(\.location.path) }

  /// What programs of databases are started with, so that they end with receiving.
  func ending(_ hooks: HookContext) -> HookContext {
    var hooks = hooks
    hooks.cancellation = cancellation
    return hooks
  }

  /// Waits until something has been stored, a second at most.
  ///
  /// - Throws: `RunCancelled`.
  func waitForWake() throws {
    if wake.wait(seconds: 1, cancellation) == .cancelled { throw RunCancelled() }
  }
}
