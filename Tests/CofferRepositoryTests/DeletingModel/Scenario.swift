/// Small repositories with processes around them.
///
/// Archive 0 needs chunk 1. Pack 0 holds chunk 0, which no archive needs; pack 1 holds chunks 1 and 2; index object 0 names
/// both.
struct Scenario: Sendable {
  let name: String
  var conditions = Conditions()
  var packs: [Pack] = [
    Pack(number: 0, signer: .full, full: [0]), Pack(number: 1, signer: .full, full: [1, 2]),
  ]
  var archives: [ArchiveObject] = [ArchiveObject(number: 0, signer: .full, round: 0, chunks: [1])]
  var lostAnswers = 0
  var latePuts = 0
  var processes: @Sendable (Conditions) -> [Process]

  func world(breaking rule: Rule? = nil) -> World {
    var conditions = conditions
    conditions.brokenRule = rule
    var store = SimulatedStore()
    var named: [Signer: SmallSet] = [:]
    for pack in packs {
      store.put(.pack(pack))
      named[pack.signer, default: []].insert(pack.number)
    }
    for (number, signer) in [Signer.full, .writeOnly, .thief].enumerated() {
      guard let packs = named[signer] else { continue }
      store.put(.index(IndexObject(number: number, signer: signer, round: 0, packs: packs)))
    }
    for archive in archives { store.put(.archive(archive)) }
    return World(
      conditions, store, processes(conditions), lostAnswers: lostAnswers, latePuts: latePuts)
  }
}
