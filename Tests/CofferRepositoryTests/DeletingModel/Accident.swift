/// Packs that rot, and a check that finds them.
struct Accident: Hashable {
  /// Packs that may rot, one of them at any time.
  var rotting: SmallSet
  private var hasRotted = false

  init(_ rotting: SmallSet) {
    self.rotting = rotting
  }

  func steps(_ store: SimulatedStore, _ conditions: Conditions) -> [Step] {
    guard hasRotted else {
      var next = self
      next.hasRotted = true
      return (rotting & store.standing).elements.map {
        Step(what: "pack \($0) rots", change: .damage(pack: $0), next: .accident(next))
      }
    }
    return (store.damaged - store.quarantined).elements.map {
      Step(what: "check finds pack \($0) damaged", change: .put(.quarantine(pack: $0)), next: .accident(self))
    }
  }
}

/// Puts what it has made with a write-only key of its own, in order, at any time.
struct Thief: Hashable {
  var objects: [StoredObject]

  func steps(_ store: SimulatedStore, _ conditions: Conditions) -> [Step] {
    guard let object = objects.first else { return [] }
    var next = self
    next.objects.removeFirst()
    return [Step(what: "a thief puts \(object.name)", change: .put(object), next: .thief(next))]
  }
}
