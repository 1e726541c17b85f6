import CofferSystem

/// How much of a log waits at most to be stored, and for how long.
struct LogLimits: Sendable {
  var bytes = 64 << 20
  /// Of many small parts each would be put by itself, where the server would send all of them at once.
  var jobs = 1024
  /// Seconds that one job may take: then the repository counts as away, although nothing has failed yet. Stores try for longer by
  /// themselves.
  var seconds: Double = 30
}

/// How far a repository has a log, in whatever its log counts.
struct LogMark: Comparable {
  let major: UInt64
  let minor: UInt64

  static func < (left: LogMark, right: LogMark) -> Bool {
    (left.major, left.minor) < (right.major, right.minor)
  }
}

/// Parts of a log that wait for several repositories: each takes them in order and at its own pace.
///
/// A repository that is away holds nobody up for long. Where as much waits as may, and another one goes on, it is let go: what
/// waits for it alone is dropped, and it is given nothing until it is admitted again. Whoever gives begins with what it has then.
struct LogLanes<Job> {
  /// What there is to say of a repository.
  enum News: Equatable {
    /// It stores again what waited for it.
    case isBack
    /// It has done what it had in hand when it was let go.
    case answers
    /// It has all that others had when it was admitted.
    case hasCaughtUp
  }

  private enum Standing {
    case following, letGo
    /// It was let go, and has done since what it had in hand.
    case returned
  }

  private struct Lane {
    var standing = Standing.following
    /// The number of the job that it is storing, or takes next.
    var next = 0
    /// When it took the job that it is storing, or tidies up behind; nil for none.
    var since: Double?
    var isFailing = false
    var isTidying = false
    /// Whether somebody was told that it is away.
    var isTold = false
    /// How far it has the log; nil while it has stored nothing.
    var reach: LogMark?
    /// How far others had it when this one was admitted; nil where it has that.
    var goal: LogMark?
  }

  private var lanes: [Lane]
  private var jobs: [(job: Job, size: Int)] = []
  /// The number of the first one that waits.
  private var first = 0
  private let limits: LogLimits
  private let isWithoutSome: Bool
  /// Bytes that wait or are being stored.
  private(set) var waiting = 0

  /// - Parameter isWithoutSome: Whether there are repositories besides that have nothing of what comes.
  init(_ count: Int, limits: LogLimits = LogLimits(), isWithoutSome: Bool = false) {
    lanes = Array(repeating: Lane(), count: count)
    self.limits = limits
    self.isWithoutSome = isWithoutSome
  }

  private var end: Int { first + jobs.count }

  /// Those that are given what comes, by their numbers.
  var following: [Int] { lanes.indices.filter { lanes[$0].standing == .following } }
  /// Those that are not, and lack some of what came.
  var behind: [Int] { lanes.indices.filter { lanes[$0].standing != .following } }
  /// Whether every repository is given what comes.
  var isComplete: Bool { behind.isEmpty && !isWithoutSome }
  /// Whether one waits for being admitted.
  var hasReturned: Bool { lanes.contains { $0.standing == .returned } }
  var hasRoom: Bool { waiting < limits.bytes && jobs.count < limits.jobs }

  mutating func add(_ job: Job, size: Int) {
    jobs.append((job, size))
    waiting += size
  }

  /// Whether something waits for one.
  func has(for lane: Int) -> Bool { lanes[lane].standing == .following && lanes[lane].next < end }

  /// - Parameter now: Seconds of the steady clock, everywhere.
  /// - Returns: nil for nothing.
  mutating func take(_ lane: Int, _ now: Double) -> Job? {
    guard has(for: lane) else { return nil }
    lanes[lane].since = now
    return jobs[lanes[lane].next - first].job
  }

  /// Notes that the job in hand was tried in vain.
  ///
  /// - Returns: Whether nobody was told yet.
  mutating func fail(_ lane: Int) -> Bool {
    lanes[lane].isFailing = true
    defer { lanes[lane].isTold = true }
    return !lanes[lane].isTold
  }

  /// Notes that the job in hand is stored, and is being tidied up behind.
  ///
  /// - Parameter reach: How far the repository has the log.
  /// - Returns: What every repository has now that not every one had before, in order.
  mutating func finish(_ lane: Int, reach: LogMark?) -> (stored: [Job], news: [(lane: Int, news: News)]) {
    var news: [(lane: Int, news: News)] = []
    (lanes[lane].isFailing, lanes[lane].isTidying, lanes[lane].reach) = (false, true, reach)
    lanes[lane].next += 1
    guard lanes[lane].standing == .following else { return ([], []) }
    if lanes[lane].isTold {
      lanes[lane].isTold = false
      news.append((lane, .isBack))
    }
    if hasCaughtUp(lane) { news.append((lane, .hasCaughtUp)) }
    let passed = dropPassed()
    return (isComplete ? passed : [], news)
  }

  mutating func endTidying(_ lane: Int) -> [(lane: Int, news: News)] {
    (lanes[lane].since, lanes[lane].isTidying) = (nil, false)
    guard lanes[lane].standing == .letGo else { return [] }
    (lanes[lane].standing, lanes[lane].isTold) = (.returned, false)
    return [(lane, .answers)]
  }

  /// Lets those go that are away, if another one is not.
  ///
  /// - Returns: Those that are let go, and whether somebody was told already that they are away.
  mutating func letGo(_ now: Double) -> [(lane: Int, isTold: Bool)] {
    guard hasPresent(now) else { return [] }
    let away = following.filter { isAway($0, now) }
    let told = away.map { (lane: $0, isTold: lanes[$0].isTold) }
    for lane in away { (lanes[lane].standing, lanes[lane].isTold) = (.letGo, true) }
    _ = dropPassed()
    return told
  }

  /// Gives those again what comes that have returned. Nothing may wait.
  mutating func admit() -> [(lane: Int, news: News)] {
    let returned = lanes.indices.filter { lanes[$0].standing == .returned }
    let goal = lanes.compactMap(\.reach).max()
    for lane in returned { (lanes[lane].standing, lanes[lane].next, lanes[lane].goal) = (.following, end, goal) }
    return returned.filter { hasCaughtUp($0) }.map { ($0, .hasCaughtUp) }
  }

  /// - Returns: Whether it has what it lacked, and had not before.
  private mutating func hasCaughtUp(_ lane: Int) -> Bool {
    guard let goal = lanes[lane].goal, let reach = lanes[lane].reach, reach >= goal else { return false }
    lanes[lane].goal = nil
    return true
  }

  /// Whether one answers.
  func hasPresent(_ now: Double) -> Bool {
    lanes.indices.contains { lanes[$0].standing == .returned || isPresent($0, now) }
  }

  /// Whether those that are not away have nothing to do.
  func isIdle(_ now: Double) -> Bool {
    let present = following.filter { !isAway($0, now) }
    return !present.isEmpty && present.allSatisfy { lanes[$0].next == end }
  }

  /// Whether all is stored that came, by all that are given it.
  var isSettled: Bool {
    following.allSatisfy { lanes[$0].next == end && !lanes[$0].isTidying }
  }

  private func isPresent(_ lane: Int, _ now: Double) -> Bool {
    lanes[lane].standing == .following && !isAway(lane, now)
  }

  private func isAway(_ lane: Int, _ now: Double) -> Bool {
    lanes[lane].isFailing || (lanes[lane].since.map { now - $0 >= limits.seconds } ?? false)
  }

  /// - Returns: What nobody is given any more.
  private mutating func dropPassed() -> [Job] {
    let least = following.map { lanes[$0].next }.min() ?? end
    let passed = jobs.prefix(least - first)
    for (_, size) in passed { waiting -= size }
    jobs.removeFirst(least - first)
    first = least
    return passed.map(\.job)
  }
}
