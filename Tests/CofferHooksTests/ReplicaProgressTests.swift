import Testing

@testable import CofferHooks

@Suite("A replay that goes on, and one that does not")
struct ReplicaProgressTests {
  @Test("Whatever changes is a sign of work, however long it takes")
  func moving() {
    var progress = ReplicaProgress(since: 0)
    for hour in 1...100 {
      let now = Double(hour) * (ReplicaProgress.patience - 1)
      let isOver = progress.standsStill(["1 4711", "Applying", "\(hour)"], isIdle: false, at: now)
      #expect(!isOver)
    }
  }

  @Test("What changes no more is over after its time, sooner where the server waits, and may go on all the same")
  func standing() {
    for (isIdle, patience) in [(false, ReplicaProgress.patience), (true, ReplicaProgress.idlePatience)] {
      var progress = ReplicaProgress(since: 0)
      let looks = [("1", 1), ("1", patience), ("1", patience + 1), ("2", patience + 2)].map { sign, now in
        progress.standsStill([sign], isIdle: isIdle, at: now)
      }
      #expect(looks == [false, false, true, false])
    }
  }
}
