import CofferStorage
import CofferSystem
import Foundation
import Testing

@testable import CofferActions

@Suite("What is waited for is told once")
struct StoreWaitsTests {
  private func failure(_ reason: String) -> StorageError {
    .failed(nil, location: "there", StorageFailure(.transient, "request", reason: reason))
  }

  @Test("Of several calls that wait for one repository the first tells, and progress says it until the last has ended")
  func several() {
    let now = Monitor(100.0)
    let waits = StoreWaits(
      Clock(now: { Date(timeIntervalSince1970: 0) }, steadySeconds: { now.update { $0 } }))
    var told: [String] = []
    func hear(_ news: RetryNews) { waits.hear(news, of: "there") { told.append($0) } }
    #expect(waits.beforeProgress == "")
    hear(.waits(because: failure("Connection refused"), turn: 0, seconds: 2))
    hear(.waits(because: failure("Connection refused"), turn: 0, seconds: 1.5))
    #expect(told == ["Waiting for there: Connection refused, next try in 2.0 s"])
    #expect(waits.beforeProgress == "waits for there: Connection refused; ")
    now.update { $0 += 2 }
    hear(.waits(because: failure("No route to host"), turn: 1, seconds: 4))
    #expect(told.count == 2 && told.last == "Waiting for there: No route to host, next try in 4.0 s")
    hear(.ends)
    #expect(waits.beforeProgress == "waits for there: No route to host; ")
    hear(.ends)
    #expect(waits.beforeProgress == "")
    // The next time is told anew.
    hear(.waits(because: failure("Connection refused"), turn: 0, seconds: 1))
    #expect(told.count == 3)
  }
}
