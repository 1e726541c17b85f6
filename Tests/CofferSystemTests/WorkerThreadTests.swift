import Foundation
import Testing

@testable import CofferSystem

@Suite("Threads")
struct WorkerThreadTests {
  @Test("What only a thread held is freed when the thread has been waited for")
  func ending() throws {
    final class Held: Sendable {
      let freed: Monitor<Int>

      init(_ freed: Monitor<Int>) {
        self.freed = freed
      }

      deinit {
        freed.update { $0 += 1 }
      }
    }
    let freed = Monitor(0)
    for round in 1...200 {
      let held = Held(freed)
      let thread = try WorkerThread(name: "holder") { [held] in _ = held.freed }
      _ = consume held
      thread.join()
      #expect(freed.update { $0 } == round)
    }
  }

  @Test("A thread that the system refuses is an error that says what to raise, and its work is let go")
  func refusal() throws {
    final class Held: Sendable {}
    let held = Held()
    weak let watched = held
    let error = #expect(throws: SystemError.self) {
      _ = try WorkerThread(name: "refused", create: { _, _, _, _ in EAGAIN }) { [held] in _ = held }
    }
    #expect(error == SystemError(call: "pthread_create", subject: "thread 'refused'", code: EAGAIN))
    #expect(error?.diagnosis.suggestion?.contains("ulimit -u") == true)
    _ = consume held
    #expect(watched == nil)
  }

  @Test("A thread that nobody waits for does its work all the same")
  func unattended() throws {
    let done = Monitor(false)
    _ = try WorkerThread(name: "a name that is longer than the kernel keeps") { done.update { $0 = true } }
    done.wait(until: { $0 }) { _ in }
  }
}
