import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferSystem

/// Looks whether a backup could be made: whether the repositories are there, and whether every dump begins. Nothing is kept.
struct BackupRehearsal {
  private let context: ActionContext
  private let plan: BackupPlan
  private let hooks: HookContext

  /// - Throws: As `BackupPlan`.
  init(_ context: ActionContext) throws {
    self.context = context
    hooks = try context.hookContext()
    plan = try BackupPlan(context, hooks)
  }

  /// Says what would be done.
  ///
  /// - Throws: What would keep it from being done, together.
  func rehearse() throws {
    var failures: [any Error] = []
    for location in context.repositories {
      for dump in plan.dumps { context.console.answer("Would dump \(dump.identity.title) to \(location.path)") }
      for root in plan.sources.roots { context.console.answer("Would back up \(root.text) to \(location.path)") }
      do { try look(for: location) } catch { failures.append(RepositoryFailure(location, error)) }
    }
    for dump in plan.dumps {
      try context.cancellation.check()
      do { _ = try Self.begin(dump, hooks, context.root) } catch { failures.append(error) }
    }
    if !failures.isEmpty { throw SeveralErrors(failures) }
  }

  private func look(for location: RepositoryLocation) throws {
    let store = try location.store(context)
    guard try Repository.header(in: store, cancellation: context.cancellation) != nil else {
      throw RepositoryError.notFound(location: location.path)
    }
  }

  /// Starts the dump's program and waits for the first that it writes: the program, the server and the account are then as
  /// they must be.
  ///
  /// - Returns: What is known of the dump then.
  static func begin(
    _ dump: any PlannedDump, _ hooks: HookContext, _ root: ConfigurationSection
  ) throws -> DumpFacts? {
    var hooks = hooks
    hooks.limits = DumpPolicy(dump.section, in: root).limits
    let running = try dump.rehearsal.begin(context: hooks)
    defer { running.abandon() }
    guard case .stream(let source) = running.output else { return running.factsSoFar }
    let count = try withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { try source.read(into: $0) }
    if count == 0 { _ = try running.finish() }
    return running.factsSoFar
  }
}
