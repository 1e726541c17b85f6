import CSpawn
import Foundation

/// A thread that starts children and lives as long as any of them: the kernel ends a child with the thread that started
/// it, not with the program.
final class Starter: Sendable {
  private let thread = Monitor<RunningThread?>(nil)
  private let watch = Monitor<GroupWatch??>(nil)

  private struct RunningThread: Sendable {
    let work: BoundedQueue<@Sendable () -> Void>
  }

  deinit {
    thread.update { $0?.work.close() }
  }

  /// Calls `body` on the thread and waits for what it returns.
  ///
  /// - Throws: `SystemError` when the thread cannot be had.
  func run<Result: Sendable>(_ body: @escaping @Sendable () -> Result) throws(SystemError) -> Result {
    let result = Monitor<Result?>(nil)
    try queue().push {
      let value = body()
      result.update { $0 = value }
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

  /// The thread is begun when the first child is.
  private func queue() throws(SystemError) -> BoundedQueue<@Sendable () -> Void> {
    let result: Swift.Result<BoundedQueue<@Sendable () -> Void>, SystemError> = thread.update { thread in
      if let thread { return .success(thread.work) }
      let work = BoundedQueue<@Sendable () -> Void>(capacity: 1)
      do throws(SystemError) {
        _ = try WorkerThread(name: "children") {
          while let body = work.pop() { body() }
        }
      } catch {
        return .failure(error)
      }
      thread = RunningThread(work: work)
      return .success(work)
    }
    return try result.get()
  }
}
