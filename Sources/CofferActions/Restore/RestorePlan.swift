import CofferHooks
import CofferRepository
import CofferSystem
import Foundation

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
  /// - Throws: What is wrong with any of them, together.
  init(
    _ dumps: [ArchiveDump], of archive: Archive, to target: RestoreTarget, reader: ArchiveReader, hooks: HookContext,
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
        let restore = try hook.restore(of: dump.facts, to: target, root: context.root, context: hooks)
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
  var summary: [String] { steps.map { Quoting.terminal($0.restore.summary) } }

  /// Restores one database after the other.
  ///
  /// - Throws: The first failure, after having said what was restored before it and what was not touched.
  func restoreAll() throws {
    let progress = try ReadingProgress(context)
    defer { progress.stop() }
    var restored: [any RunningRestore] = []
    for (number, step) in steps.enumerated() {
      context.console.step("Restoring \(step.restore.summary)")
      do {
        restored.append(try restore(step, before: steps[(number + 1)...].map(\.restore), progress))
      } catch {
        tellState(upTo: number)
        for failure in makePostponed(restored) { context.console.tell([failure]) }
        throw error
      }
      context.console.answer("Restored \(step.restore.summary) from \(archive.name)")
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
    let title = step.dump.identity.title
    var folder: String?
    if step.restore.wantsFolder {
      progress.begin("\(title), bringing its files back", total: step.dump.record.bytes)
      folder = try extractFolder(step.dump, progress)
    }
    var stream: StreamReference?
    if folder == nil, case .file(let reference)? = step.dump.items.first?.content { stream = reference }
    if let stream, !step.restore.isReversible {
      progress.begin("\(title), reading it before anything is changed", total: stream.size)
      try reader.read(stream, into: progress.counting(DiscardingSink()), cancellation: context.cancellation)
    }
    progress.begin("\(title), restoring", total: stream?.size ?? 0)
    let running = try step.restore.start(folder: folder, before: later, context: hooks)
    do {
      repeat {
        guard let stream else { continue }
        progress.begin("\(title), restoring", total: stream.size)
        try reader.read(stream, into: progress.counting(running), cancellation: context.cancellation)
      } while try running.endPass()
    } catch {
      running.abandon()
      throw error
    }
    for warning in try running.finish() { context.console.warning(warning) }
    return running
  }

  /// Brings a dump of many files back into the run's own folder.
  private func extractFolder(_ dump: ArchiveDump, _ progress: ReadingProgress) throws -> String {
    let extractor = FileExtractor(into: hooks.runtime.folder)
    let name = EntryName("restore-\(UInt32.random(in: 0 ... .max))")
    let depth = dump.path.utf8.split(separator: UInt8(ascii: "/")).count
    for item in dump.items {
      let below = item.path.bytes.split(separator: UInt8(ascii: "/")).dropFirst(depth)
      let parts = [name] + below.map { EntryName(bytes: $0) }
      try extractor.extract(item, parts: parts) { sink in
        if case .file(let stream) = item.content {
          try reader.read(stream, into: progress.counting(sink), cancellation: context.cancellation)
        }
      }
    }
    return hooks.runtime.folder.path(of: name)
  }
}
