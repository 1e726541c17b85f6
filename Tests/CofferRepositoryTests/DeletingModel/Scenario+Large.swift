extension Scenario {
  /// A repository with all there is, for random ways: too many worlds to look at every one.
  static var large: Scenario {
    var conditions = Conditions()
    conditions.hasSlowLists = true
    conditions.writesDeltas = true
    conditions.hasUnreadableRecords = true
    let archives = [
      ArchiveObject(number: 0, signer: .full, round: 0, chunks: [1, 4]),
      ArchiveObject(number: 1, signer: .writeOnly, round: 0, chunks: [6]),
      ArchiveObject(number: 7, signer: .thief, round: 0, chunks: [8, 9]),
    ]
    return Scenario(
      name: "everything at once", conditions: conditions,
      packs: [
        Pack(number: 0, signer: .full, full: [0]), Pack(number: 1, signer: .full, full: [1, 2]),
        Pack(number: 2, signer: .full, full: [4], delta: [3], base: 0),
        Pack(number: 3, signer: .writeOnly, full: [6, 7]), Pack(number: 4, signer: .full, full: [1, 5]),
        Pack(number: 5, signer: .thief, full: [1, 8, 9], lies: [1, 9]), Pack(number: 6, signer: .thief, full: [10]),
      ],
      archives: archives, lostAnswers: 2, latePuts: 2
    ) { conditions in
      [
        .writer(Writer(0, wants: [0, 3, 11])), .writer(Writer(1, wants: [2, 5, 11])),
        .writer(Writer(2, wants: [6, 7, 9], signer: .writeOnly)), .writer(Writer(3, wants: [1, 9])),
        .compactor(Compactor(0)), .compactor(Compactor(1)), .compactor(Compactor(2)), .compactor(Compactor(3)),
        .pruner(Pruner(.delete(1), conditions)), .pruner(Pruner(.delete(8), conditions)),
        .reader(Reader(archives[0])), .accident(Accident([1, 4])),
        .thief(
          Thief(objects: [
            .index(IndexObject(number: 40, signer: .thief, round: 63, packs: [5])),
            .plan(Plan(round: 1, signer: .thief, condemned: [1], index: [])),
            .sweep(Sweep(round: 2, signer: .thief, going: [1], index: [], census: [])),
          ])),
      ]
    }
  }
}
