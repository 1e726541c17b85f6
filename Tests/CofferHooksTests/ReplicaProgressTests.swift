import Testing

@testable import CofferHooks

@Suite("A replay that goes on, and one that does not")
struct ReplicaProgressTests {
  @Test("Whatever changes is a sign of work, at one place for a day at most")
  func moving() {
    var progress = ReplicaProgress(since: 0)
    let pause = ReplicaProgress.patience - 1
    let looks = Int(ReplicaProgress.placePatience / pause)
    for look in 1...looks {
      let now = Double(look) * pause
      let isOver = progress.standsStill(at: "1 4711", ["Applying", "\(look)"], isIdle: false, now: now)
      #expect(!isOver)
    }
    var other = progress
    let end = pause + ReplicaProgress.placePatience
    let goesOn = other.standsStill(at: "1 4712", ["Applying", "more"], isIdle: false, now: end)
    #expect(!goesOn)
    let isOver = progress.standsStill(at: "1 4711", ["Applying", "more"], isIdle: false, now: end)
    #expect(isOver)
  }

  @Test("What changes no more is over after its time, sooner where the server waits, and may go on all the same")
  func standing() {
    for (isIdle, patience) in [(false, ReplicaProgress.patience), (true, ReplicaProgress.idlePatience)] {
      var progress = ReplicaProgress(since: 0)
      let looks = [("1", 1), ("1", patience), ("1", patience + 1), ("2", patience + 2)].map { sign, now in
        progress.standsStill(at: "", [sign], isIdle: isIdle, now: now)
      }
      #expect(looks == [false, false, true, false])
    }
  }
}
