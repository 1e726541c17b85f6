extension Scenario {
  /// Repositories that are small enough for every way to be looked at.
  static var small: [Scenario] {
    [
      twoWriters, twoCompactors, differences, lateDifferences, damage, forgedPacks, forgedRounds, unreadable, pruning,
      restoring, sameName, waiting, slowLists, lateWriter, lacking,
    ]
  }

  /// How many worlds each of them can come to.
  static var worldCounts: [Int] {
    [31393, 17881, 1645, 53028, 6376, 813, 1916, 508, 2324, 28857, 17650, 1256, 47959, 26083, 747]
  }

  static var twoWriters: Scenario {
    Scenario(name: "two writers, a compactor, a deletion") { conditions in
      [
        .writer(Writer(0, wants: [0])), .writer(Writer(1, wants: [0, 2])), .compactor(Compactor(0)),
        .pruner(Pruner(.delete(0), conditions)),
      ]
    }
  }

  static var twoCompactors: Scenario {
    Scenario(name: "a writer, two compactors", packs: [dead], archives: []) { _ in
      [.writer(Writer(0, wants: [0])), .compactor(Compactor(0)), .compactor(Compactor(1))]
    }
  }

  /// Pack 2 is kept for chunk 4, and holds chunk 3, which no archive needs, as a difference against pack 0.
  static var differences: Scenario {
    Scenario(
      name: "differences against what goes", conditions: withDifferences,
      packs: [dead, Pack(number: 2, signer: .full, full: [4], delta: [3], base: 0)],
      archives: [ArchiveObject(number: 1, signer: .full, round: 0, chunks: [4])]
    ) { _ in
      [.writer(Writer(0, wants: [3, 5])), .compactor(Compactor(0))]
    }
  }

  /// Both writers have chunk 5, which is new, and the first may store it as a difference against what goes.
  static var lateDifferences: Scenario {
    Scenario(name: "differences that come late", conditions: withDifferences, packs: [dead], archives: []) { _ in
      [.writer(Writer(0, wants: [5])), .writer(Writer(1, wants: [5])), .compactor(Compactor(0))]
    }
  }

  /// Two packs hold chunk 1, and one of them rots.
  static var damage: Scenario {
    Scenario(
      name: "damage and twins",
      packs: [
        Pack(number: 0, signer: .full, full: [0, 1]), Pack(number: 1, signer: .full, full: [1, 2]),
      ]
    ) { _ in
      [.writer(Writer(0, wants: [1])), .compactor(Compactor(0)), .accident(Accident([0, 1]))]
    }
  }

  /// Pack 2 is a thief's: it says that it holds chunks 1 and 4, and does not. The thief's archive pins it.
  static var forgedPacks: Scenario {
    Scenario(
      name: "a thief's packs",
      packs: [
        dead, Pack(number: 1, signer: .full, full: [1, 2]),
        Pack(number: 2, signer: .thief, full: [1, 3, 4], lies: [1, 4]), Pack(number: 3, signer: .thief, full: [5]),
      ],
      archives: [
        ArchiveObject(number: 0, signer: .full, round: 0, chunks: [1]),
        ArchiveObject(number: 7, signer: .thief, round: 0, chunks: [3, 4]),
      ]
    ) { _ in
      [
        .writer(Writer(0, wants: [4])), .compactor(Compactor(0)),
      ]
    }
  }

  static var forgedRounds: Scenario {
    Scenario(name: "a thief's rounds and markers") { _ in
      [
        .writer(Writer(0, wants: [0])), .compactor(Compactor(0)),
        .thief(
          Thief(objects: [
            .plan(Plan(round: 1, signer: .thief, condemned: [1], index: [])),
            .closing(round: 1, signer: .thief),
            .sweep(Sweep(round: 1, signer: .thief, going: [1], index: [], census: [])),
          ])),
      ]
    }
  }

  static var unreadable: Scenario {
    var conditions = Conditions()
    conditions.hasUnreadableRecords = true
    return Scenario(name: "a record that is unreadable for a moment", conditions: conditions) { _ in
      [.writer(Writer(0, wants: [0, 2])), .compactor(Compactor(0))]
    }
  }

  static var pruning: Scenario {
    Scenario(name: "prune keeps the newest archive") { conditions in
      [
        .writer(Writer(0, wants: [0])), .compactor(Compactor(0)), .pruner(Pruner(.keepNewest, conditions)),
      ]
    }
  }

  static var restoring: Scenario {
    let archive = ArchiveObject(number: 0, signer: .full, round: 0, chunks: [1])
    return Scenario(
      name: "a restore beside two compactions", packs: [Pack(number: 1, signer: .full, full: [1, 2])],
      archives: [archive]
    ) { _ in
      [.reader(Reader(archive)), .compactor(Compactor(0)), .compactor(Compactor(1))]
    }
  }

  /// Three runs of compaction: one of them may be two rounds behind. Archive 0 may be deleted, and pack 2 with it.
  static var lateCompactor: Scenario {
    Scenario(
      name: "a compactor that is rounds behind", packs: [dead, Pack(number: 2, signer: .full, full: [2])],
      archives: [ArchiveObject(number: 0, signer: .full, round: 0, chunks: [2])]
    ) { conditions in
      [
        .writer(Writer(0, wants: [0])), .compactor(Compactor(0)), .compactor(Compactor(1)), .compactor(Compactor(2)),
        .pruner(Pruner(.delete(0), conditions)),
      ]
    }
  }

  static var sameName: Scenario {
    Scenario(name: "two writers and one archive name", lostAnswers: 1) { _ in
      [
        .writer(Writer(0, wants: [0], archive: 8)), .writer(Writer(1, wants: [2], archive: 8)),
        .compactor(Compactor(0)),
      ]
    }
  }

  /// Compactors that wait, one writer that may not delete, and a session that never ends.
  static var waiting: Scenario {
    var conditions = Conditions()
    conditions.isPolite = true
    conditions.hasSlowLists = true
    return Scenario(
      name: "a compactor that waits for sessions", conditions: conditions, packs: [dead], archives: []
    ) { conditions in
      [
        .writer(Writer(0, wants: [0]).announcing(conditions, deletes: false)), .compactor(Compactor(0)),
        .thief(Thief(objects: [.marker(Marker(session: 9, count: 0, signer: .thief))])),
      ]
    }
  }

  static var slowLists: Scenario {
    var conditions = Conditions()
    conditions.hasSlowLists = true
    return Scenario(
      name: "lists that miss what changes", conditions: conditions, packs: [dead], archives: []
    ) { _ in
      [.writer(Writer(0, wants: [0])), .compactor(Compactor(0)), .compactor(Compactor(1))]
    }
  }

  /// One answer is lost, and one put comes late, perhaps after its writer has gone.
  static var lateWriter: Scenario {
    Scenario(name: "lost answers and late puts", lostAnswers: 1, latePuts: 1) { conditions in
      [
        .writer(Writer(0, wants: [0])), .compactor(Compactor(0)), .pruner(Pruner(.delete(8), conditions)),
      ]
    }
  }

  /// Archive 0 lacks chunk 3 until the writer stores it again.
  static var lacking: Scenario {
    var conditions = Conditions()
    conditions.lost = [3]
    return Scenario(
      name: "an archive that lacks something, and heals", conditions: conditions,
      archives: [ArchiveObject(number: 0, signer: .writeOnly, round: 0, chunks: [1, 3])]
    ) { _ in
      [.writer(Writer(0, wants: [3])), .compactor(Compactor(0))]
    }
  }

  private static var withDifferences: Conditions {
    var conditions = Conditions()
    conditions.writesDeltas = true
    return conditions
  }

  private static var dead: Pack { Pack(number: 0, signer: .full, full: [0]) }
}
