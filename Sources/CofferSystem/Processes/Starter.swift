import CSpawn

/// A thread that starts children and lives as long as any of them: the kernel ends a child with the thread that started
/// it, not with the program.
final class Starter: Sendable {
  /// nil until the first child is started.
  private let thread = Monitor<Stage<@Sendable () -> Void>?>(nil)
  private let watch = Monitor<GroupWatch??>(nil)

  /// Calls `body` on the thread and waits for what it returns.
  ///
  /// - Throws: `SystemError` when the thread cannot be had.
  func run<Result: Sendable>(_ body: @escaping @Sendable () -> Result) throws(SystemError) -> Result {
    let result = Monitor<Result?>(nil)
    do {
      try stage().give {
        let value = body()
        result.update { $0 = value }
      }
    } catch let error as SystemError {
      throw error
    } catch {
      preconditionFailure("nobody else ends the stage, and its work does not fail")
    }
    return result.wait(until: { $0 != nil }) { value in
      guard let value else { preconditionFailure("it was waited for") }
      return value
    }
  }

  /// The watch of all the children that end with this program, begun when the first one is; nil where none can be had.
  func groupWatch() -> GroupWatch? {
    watch.update { watch in
      let known = watch ?? GroupWatch()
      watch = .some(known)
      return known
    }
  }

  private func stage() throws -> Stage<@Sendable () -> Void> {
    try thread.update { thread in
      if let thread { return thread }
      let started = try Stage<@Sendable () -> Void>("children", capacity: 1) { $0() }
      thread = started
      return started
    }
  }
}
