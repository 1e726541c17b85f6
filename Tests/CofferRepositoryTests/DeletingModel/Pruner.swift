/// Deletes archives: one that it was told, or all that are older than the newest.
struct Pruner: Hashable {
  enum Task: Hashable {
    case delete(Int)
    case keepNewest
  }
  enum Stage {
    case list, look, delete, ended
  }

  let task: Task
  private(set) var stage: Stage
  private var listed: [ArchiveObject] = []
  private var view: RoundView?
  private(set) var victims: SmallSet = []

  init(_ task: Task, _ conditions: Conditions) {
    self.task = task
    switch task {
    case .delete(let archive):
      victims = [archive]
      stage = .delete
    case .keepNewest:
      stage = conditions.keeps(.archivesBeforeRounds) ? .list : .look
    }
  }

  func steps(_ store: SimulatedStore, _ conditions: Conditions) -> [Step] {
    var next = self
    switch stage {
    case .list:
      next.listed = store.archives
      next.stage = .look
      if view != nil { next.judge(conditions) }
      return [Step(what: "prune lists archives", next: .pruner(next))]
    case .look:
      next.view = RoundView(store.rounds, conditions)
      next.stage = .list
      if conditions.keeps(.archivesBeforeRounds) { next.judge(conditions) }
      return [Step(what: "prune looks at the rounds", next: .pruner(next))]
    case .delete:
      guard let victim = victims.elements.first else { return [] }
      next.victims.remove(victim)
      if next.victims.isEmpty { next.stage = .ended }
      return [Step(what: "prune deletes archive \(victim)", change: .delete([.archive(victim)]), next: .pruner(next))]
    case .ended:
      return []
    }
  }

  private mutating func judge(_ conditions: Conditions) {
    let certain = listed.filter { archive in
      switch view?.standing(of: archive) {
      case .counts: true
      case .undecided: !conditions.keeps(.undecidedPushesNothing)
      case .void, nil: false
      }
    }
    let newest = certain.map(\.number).max()
    for archive in certain where archive.number != newest { victims.insert(archive.number) }
    listed = []
    view = nil
    stage = victims.isEmpty ? .ended : .delete
  }
}
