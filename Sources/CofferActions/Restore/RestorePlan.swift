import CofferHooks
import CofferRepository
import CofferSystem

/// A restore of some dumps of an archive, all of it checked before any of it is done.
struct RestorePlan {
  private struct Step {
    let dump: ArchiveDump
    let restore: any PlannedRestore
  }

  private let steps: [Step]
  private let archive: Archive
  private let reader: ArchiveReader
  private let hooks: HookContext
  private let context: ActionContext

  /// Checks every dump: its hook, its entry of the configuration, programs, servers, permissions.
  ///
  /// - Parameter tables: What is restored of each; nil for all of it.
  /// - Throws: What is wrong with any of them, together.
  init(
    _ dumps: [ArchiveDump], of archive: Archive, to target: RestoreTarget, tables: TableSelection?,
    reader: ArchiveReader, hooks: HookContext,
    context: ActionContext
  ) throws {
    self.archive = archive
    self.reader = reader
    self.hooks = hooks
    self.context = context
    var steps: [Step] = []
    var failures: [any Error] = []
    for dump in dumps {
      do {
        guard let hook = context.run.hooks.hook(named: dump.record.hook) else {
          throw RestoreError.refused(
            dump.identity, problem: "this version of coffer has no hook \(dump.record.hook)", suggestion: nil)
        }
        let restore =
          if let tables {
            try hook.restore(
              tables, of: dump.facts, from: ReadDump(dump, reader, context.cancellation), to: target,
              root: context.root, context: hooks)
          } else {
            try hook.restore(of: dump.facts, to: target, root: context.root, context: hooks)
          }
        steps.append(Step(dump: dump, restore: restore))
      } catch let error as RunCancelled {
        throw error
      } catch {
        failures.append(error)
      }
    }
    guard failures.isEmpty else { throw SeveralErrors(failures) }
    self.steps = steps
  }

  /// What will be done, a line a database.
  var summary: [String] {
    steps.map { step in
      let version = step.dump.record.applicationVersion.map { ", application version \($0)" } ?? ""
      return Quoting.terminal(step.restore.summary + version)
    }
  }

  /// What takes the place of an archive's dumps: what came of bringing them forward.
  struct Replacement {
    let dump: (ArchiveDump) throws -> any RunningDump
    /// What of it is told beside what was restored.
    let json: JSONValue
  }

  /// Restores one database after the other.
  ///
  /// - Parameter log: What of a log is replayed behind the dumps, as is told.
  /// - Throws: The first failure, after having said what was restored before it and what was not touched.
  func restoreAll(from replacement: Replacement? = nil, replaying log: JSONValue? = nil) throws {
    let progress = try ReadingProgress(context)
    let tally = RestoreTally(of: archive, replayed: replacement?.json ?? log, context)
    defer {
      progress.stop()
      tally.end()
    }
    var restored: [any RunningRestore] = []
    for (number, step) in steps.enumerated() {
      context.console.step("Restoring \(step.restore.summary)")
      let start = context.surroundings.clock.steadySeconds()
      do {
        let later = steps[(number + 1)...].map(\.restore)
        restored.append(
          try replacement.map { try restore(step, from: $0.dump(step.dump), before: later, progress) }
            ?? restore(step, before: later, progress))
      } catch {
        tellState(upTo: number)
        for failure in makePostponed(restored) { context.console.tell([failure]) }
        throw error
      }
      context.console.answer("Restored \(step.restore.summary) from \(archive.name)")
      tally.add(step.dump, step.restore, seconds: context.surroundings.clock.steadySeconds() - start)
    }
    let failures = makePostponed(restored)
    guard failures.isEmpty else { throw SeveralErrors(failures) }
  }

  /// Makes what of each restore had to wait for the others.
  ///
  /// - Returns: What could not be made.
  private func makePostponed(_ restored: [any RunningRestore]) -> [any Error] {
    restored.compactMap { running in
      do {
        for warning in try running.makePostponed() { context.console.warning(warning) }
        return nil
      } catch {
        return error
      }
    }
  }

  private func tellState(upTo failed: Int) {
    func titles(_ steps: ArraySlice<Step>) -> String { steps.map(\.dump.identity.title).joined(separator: ", ") }
    if failed > 0 { context.console.warning("Restored before the failure: \(titles(steps[..<failed]))") }
    let rest = steps[(failed + 1)...]
    if !rest.isEmpty { context.console.warning("Not touched: \(titles(rest))") }
  }

  private func restore(
    _ step: Step, before later: [any PlannedRestore], _ progress: ReadingProgress
  ) throws -> any RunningRestore {
    let replay = DumpReplay(
      reader: reader, hooks: hooks, cancellation: context.cancellation, progress: progress)
    let (running, warnings) = try replay.run(step.restore, of: step.dump, before: later)
    for warning in warnings { context.console.warning(warning) }
    return running
  }

  private static let pieceSize = 1 << 18

  private func restore(
    _ step: Step, from dump: any RunningDump, before later: [any PlannedRestore], _ progress: ReadingProgress
  ) throws -> any RunningRestore {
    let running: any RunningRestore
    do {
      running = try step.restore.start(folder: nil, before: later, context: hooks)
    } catch {
      dump.abandon()
      throw error
    }
    do {
      guard case .stream(let source) = dump.output else {
        throw RestoreError.refused(step.dump.identity, problem: "it is no stream", suggestion: nil)
      }
      progress.begin("\(step.dump.identity.title), restoring", total: 0)
      let sink = progress.counting(running)
      try withUnsafeTemporaryAllocation(byteCount: Self.pieceSize, alignment: 16) { buffer in
        while case let count = try source.read(into: buffer), count > 0 {
          try sink.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
      }
      for warning in try dump.finish().warnings { context.console.warning(warning) }
      for warning in try running.finish() { context.console.warning(warning) }
      return running
    } catch {
      running.abandon()
      dump.abandon()
      throw error
    }
  }
}
