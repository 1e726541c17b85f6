import Testing

@testable import CofferSystem

@Suite("Cancellation")
struct CancellationTests {
  @Test("A follower is cancelled with what it follows, also if that was before, and may be by itself")
  func followers() throws {
    let cancellation = try Cancellation()
    let (first, second) = (try cancellation.follower(), try cancellation.follower())
    first.cancel()
    #expect(first.isCancelled && !second.isCancelled && !cancellation.isCancelled)
    cancellation.cancel()
    #expect(second.isCancelled)
    #expect(throws: RunCancelled.self) { try second.sleep(100) }
    #expect(try cancellation.follower().isCancelled)
  }
}
