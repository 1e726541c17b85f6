import TestSupport

/// What looking at the model's worlds came to.
struct Exploration {
  /// Different worlds that were looked at.
  var worldCount = 0
  /// Worlds in which nothing more can happen.
  var endCount = 0
  /// Whether no world was left out.
  var isComplete = false
  var fault: Fault?

  struct Fault: CustomStringConvertible {
    let what: String
    let way: [String]
    var description: String { "\(what)\n  \(way.joined(separator: "\n  "))" }
  }
}

/// How a world came about.
private final class Trail {
  let what: String
  let before: Trail?

  init(_ what: String, after before: Trail?) {
    self.what = what
    self.before = before
  }

  var way: [String] {
    var way: [String] = []
    var trail: Trail? = self
    while let step = trail {
      way.append(step.what)
      trail = step.before
    }
    return way.reversed()
  }
}

extension World {
  /// Looks at every world that can come of this one, each once, until there is a fault.
  func explore(limit: Int = .max) -> Exploration {
    var exploration = Exploration()
    var seen: Set<Int> = [fingerprint]
    var open: [(world: World, trail: Trail?)] = [(self, nil)]
    while let (world, trail) = open.popLast() {
      exploration.worldCount += 1
      if let what = world.fault() {
        exploration.fault = Exploration.Fault(what: what, way: trail?.way ?? [])
        return exploration
      }
      guard exploration.worldCount < limit else { return exploration }
      let events = world.events()
      if events.isEmpty {
        exploration.endCount += 1
        if !world.hasEnded {
          exploration.fault = Exploration.Fault(what: "somebody waits for ever", way: trail?.way ?? [])
          return exploration
        }
      }
      for event in events where seen.insert(event.world.fingerprint).inserted {
        open.append((event.world, Trail(event.what, after: trail)))
      }
    }
    exploration.isComplete = true
    return exploration
  }

  /// Goes one random way to its end. Each process has a pace of its own, so that some are far behind others.
  func walk(seed: UInt64) -> Exploration {
    var random = SeededRandom(seed)
    let paces = (0...processes.count).map { _ in 1 + random.next(below: 100) * random.next(below: 100) }
    var exploration = Exploration()
    var world = self
    var trail: Trail?
    while true {
      exploration.worldCount += 1
      if let what = world.fault() {
        exploration.fault = Exploration.Fault(what: what, way: trail?.way ?? [])
        return exploration
      }
      let events = world.events()
      guard !events.isEmpty else { break }
      let weights = events.map { paces[$0.process ?? processes.count] }
      var rest = random.next(below: weights.reduce(0, +))
      var chosen = 0
      while rest >= weights[chosen] {
        rest -= weights[chosen]
        chosen += 1
      }
      trail = Trail(events[chosen].what, after: trail)
      world = events[chosen].world
    }
    let leftovers = world.leftovers()
    if !leftovers.isEmpty {
      exploration.fault = Exploration.Fault(what: "packs \(leftovers.elements) stay for ever", way: trail?.way ?? [])
    }
    exploration.endCount = 1
    exploration.isComplete = true
    return exploration
  }
}
