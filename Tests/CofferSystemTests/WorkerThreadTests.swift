import CofferSystem
import Testing

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
      let thread = WorkerThread(name: "holder") { [held] in _ = held.freed }
      _ = consume held
      thread.join()
      #expect(freed.update { $0 } == round)
    }
  }
}
