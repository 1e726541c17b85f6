import Testing

@testable import CofferActions

@Suite("Parts of a log that wait for several repositories")
struct LogLanesTests {
  private typealias Lanes = LogLanes<Int>

  /// Has a repository store what waits for it.
  private func store(_ lanes: inout Lanes, _ lane: Int, reach: Int? = nil) -> (
    taken: [Int], stored: [Int], news: [Lanes.News]
  ) {
    var (taken, stored, news) = ([Int](), [Int](), [Lanes.News]())
    while let job = lanes.take(lane, 0) {
      taken.append(job)
      let outcome = finish(&lanes, lane, reach: max(job, reach ?? 0))
      stored += outcome.stored
      news += outcome.news
    }
    return (taken, stored, news)
  }

  /// Has it store what it has in hand.
  private func finish(_ lanes: inout Lanes, _ lane: Int, reach: Int = 1) -> (stored: [Int], news: [Lanes.News]) {
    let (stored, news) = lanes.finish(lane, reach: LogMark(major: 0, minor: UInt64(reach)))
    return (stored, (news + lanes.endTidying(lane)).map(\.news))
  }

  @Test("Each takes all in order, and what is stored is what each has")
  func order() {
    var lanes = Lanes(2)
    for job in 1...5 { lanes.add(job, size: 10) }
    #expect(lanes.waiting == 50 && !lanes.isIdle(0))
    let first = store(&lanes, 0)
    #expect(first.taken == [1, 2, 3, 4, 5] && first.stored == [] && lanes.waiting == 50)
    let second = store(&lanes, 1)
    #expect(second.taken == [1, 2, 3, 4, 5] && second.stored == [1, 2, 3, 4, 5])
    #expect(lanes.waiting == 0 && lanes.isIdle(0) && lanes.isSettled && first.news + second.news == [])
  }

  @Test("While others are away that have nothing of it, nothing is stored everywhere")
  func withoutSome() {
    var lanes = Lanes(1, isWithoutSome: true)
    lanes.add(1, size: 10)
    let one = store(&lanes, 0)
    #expect(one.taken == [1] && one.stored == [] && !lanes.isComplete)
    #expect(lanes.waiting == 0 && lanes.isIdle(0) && lanes.isSettled)
  }

  @Test("One that fails for a while gets all that waits, and does not keep the others from being idle")
  func failing() {
    var lanes = Lanes(2)
    lanes.add(1, size: 10)
    #expect(lanes.take(1, 0) == 1)
    let isFirst = lanes.fail(1)
    let isSecond = lanes.fail(1)
    #expect(isFirst && !isSecond)
    #expect(!lanes.isIdle(0))
    #expect(store(&lanes, 0).taken == [1])
    #expect(lanes.isIdle(0) && !lanes.isSettled)
    lanes.add(2, size: 10)
    #expect(store(&lanes, 0).taken == [2])
    let (stored, news) = finish(&lanes, 1)
    #expect(stored == [1] && news == [.isBack])
    #expect(store(&lanes, 1).stored == [2])
  }

  @Test("One that is away is let go when no more may wait, and nothing is stored until it has returned and has all")
  func letGo() {
    var lanes = Lanes(3, limits: LogLimits(bytes: 30, jobs: 100, seconds: 30))
    for job in 1...3 { lanes.add(job, size: 10) }
    #expect(!lanes.hasRoom)
    // One that is slow is waited for.
    #expect(store(&lanes, 0).taken == [1, 2, 3])
    #expect(lanes.take(1, 100) == 1 && lanes.take(2, 100) == 1)
    #expect(lanes.letGo(129).isEmpty && !lanes.hasRoom)
    #expect(finish(&lanes, 1).stored == [])
    #expect(store(&lanes, 1).taken == [2, 3])
    #expect(lanes.letGo(130).map(\.lane) == [2])
    #expect(lanes.hasRoom && lanes.waiting == 0 && lanes.following == [0, 1] && lanes.behind == [2])
    lanes.add(4, size: 10)
    #expect(store(&lanes, 0).stored == [] && store(&lanes, 1).stored == [])
    #expect(lanes.isSettled && !lanes.hasReturned)
    // What it has in hand is the last that it gets.
    let outcome = lanes.finish(2, reach: LogMark(major: 0, minor: 1))
    #expect(outcome.stored == [] && outcome.news.isEmpty && lanes.take(2, 0) == nil && !lanes.hasReturned)
    let answer = lanes.endTidying(2)
    #expect(answer.map(\.news) == [.answers] && lanes.hasReturned)
    let early = lanes.admit()
    #expect(early.isEmpty && !lanes.hasReturned && lanes.following == [0, 1, 2])
    // It begins with what it has, and the others have had most of that.
    for job in 2...5 { lanes.add(job, size: 10) }
    _ = lanes.take(2, 0)
    #expect(finish(&lanes, 2, reach: 2).news.isEmpty)
    #expect(store(&lanes, 0, reach: 4).stored.isEmpty)
    #expect(store(&lanes, 1, reach: 4).stored == [2])
    _ = lanes.take(2, 0)
    #expect(finish(&lanes, 2, reach: 3).news.isEmpty)
    let last = store(&lanes, 2)
    #expect(last.taken == [4, 5] && last.stored == [4, 5] && last.news == [.hasCaughtUp])
  }

  @Test("One that answers slowly is no less there; where all are away nobody is let go")
  func nobody() {
    var lanes = Lanes(2, limits: LogLimits(bytes: 10, jobs: 100, seconds: 30))
    lanes.add(1, size: 10)
    for lane in 0...1 {
      #expect(lanes.take(lane, 0) == 1)
      _ = lanes.fail(lane)
    }
    #expect(lanes.letGo(1000).isEmpty && !lanes.hasRoom && !lanes.isIdle(1000))
    _ = finish(&lanes, 0)
    #expect(lanes.letGo(1000).map(\.isTold) == [true] && lanes.hasRoom)
    // The one that is left goes away, too, and the first one returns: now that one goes on.
    lanes.add(2, size: 10)
    _ = lanes.take(0, 1000)
    _ = lanes.fail(0)
    #expect(lanes.letGo(2000).isEmpty)
    #expect(finish(&lanes, 1).news == [.answers])
    #expect(lanes.letGo(2000).map(\.lane) == [0] && lanes.isSettled && lanes.waiting == 0)
    // It has what the other one has.
    let news = lanes.admit()
    #expect(news.map(\.news) == [.hasCaughtUp] && lanes.following == [1] && lanes.behind == [0])
  }

  @Test("One that is long in tidying up is away as well, and returns when it has done so")
  func tidying() {
    var lanes = Lanes(2, limits: LogLimits(bytes: 10, jobs: 100, seconds: 30))
    lanes.add(1, size: 10)
    #expect(store(&lanes, 0).taken == [1] && lanes.take(1, 0) == 1)
    #expect(lanes.finish(1, reach: nil).stored == [1])
    #expect(lanes.isIdle(29) && !lanes.isSettled)
    lanes.add(2, size: 10)
    #expect(store(&lanes, 0).taken == [2] && !lanes.isIdle(29) && lanes.isIdle(30))
    #expect(lanes.letGo(30).map(\.lane) == [1] && lanes.hasRoom)
    let answer = lanes.endTidying(1)
    #expect(answer.map(\.news) == [.answers] && lanes.hasReturned)
  }

  @Test("Very many small parts are as much as a few large ones")
  func many() {
    var lanes = Lanes(1, limits: LogLimits(bytes: 1000, jobs: 3, seconds: 30))
    for job in 1...3 {
      #expect(lanes.hasRoom)
      lanes.add(job, size: 1)
    }
    #expect(!lanes.hasRoom)
    #expect(store(&lanes, 0).stored == [1, 2, 3] && lanes.hasRoom)
  }
}
