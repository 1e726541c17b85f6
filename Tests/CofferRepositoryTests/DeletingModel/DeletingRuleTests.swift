import Testing

/// Each rule of `Documentation/deleting.md` is broken by itself, and the model has to find what is lost by it. The tests
/// bear the rules' numbers.
@Suite("Deleting: each rule is needed")
struct DeletingRuleTests {
  /// Expects a fault that says what was lost, and none when the rule is kept as far as that.
  private func expectLoss(
    without rule: Rule, in scenario: Scenario, _ loss: String, location: SourceLocation = #_sourceLocation
  ) {
    let exploration = scenario.world(breaking: rule).explore(limit: 60_000)
    let fault = exploration.fault?.what ?? "nothing was found in \(exploration.worldCount) worlds"
    #expect(fault.contains(loss), "\(rule)", sourceLocation: location)
  }

  @Test("W1: leaning on what a round has condemned loses archives")
  func leanOnWhatCounts() {
    expectLoss(without: .leanOnWhatCounts, in: .twoWriters, "counts and lacks")
  }

  @Test("W2: believing a cached index without judging it loses archives")
  func judgeCaches() {
    expectLoss(without: .judgeCaches, in: .twoWriters, "counts and lacks")
  }

  @Test("W3: leaning on packs that no index object names loses archives")
  func leanOnIndexedPacks() {
    expectLoss(without: .leanOnIndexedPacks, in: .lateDifferences, "counts and lacks")
  }

  @Test("W4: taking the signature of a rewritten index object for that of the packs loses archives")
  func trustWhoSigned() {
    expectLoss(without: .trustWhoSigned, in: .forgedPacks, "counts and lacks")
  }

  @Test("W5: leaning on what is in quarantine makes archives that do not restore")
  func leaveQuarantined() {
    expectLoss(without: .leaveQuarantined, in: .damage, "counts and lacks")
  }

  @Test("W6: calling a commit a success without looking again calls void archives good")
  func lookAfterCommit() {
    expectLoss(without: .lookAfterCommit, in: .twoWriters, "said success and its archive is void")
  }

  @Test("W7: taking any object of the name for the own one calls a lost archive good")
  func compareBytes() {
    expectLoss(without: .compareBytes, in: .sameName, "said success and its archive is not there")
  }

  @Test("C1: passing over a record that cannot be read loses its archive")
  func refuseUnreadable() {
    expectLoss(without: .refuseUnreadable, in: .unreadable, "archive")
  }

  @Test("C2: moving chunks without verifying them spreads a thief's")
  func verifyMoves() {
    expectLoss(without: .verifyMoves, in: .forgedPacks, "counts and lacks")
  }

  @Test("C3: taking the census before closing loses what comes in between")
  func closeBeforeCensus() {
    expectLoss(without: .closeBeforeCensus, in: .twoWriters, "said success and its archive is void")
  }

  @Test("C4: deleting what was condemned without marking again loses archives")
  func markAgain() {
    expectLoss(without: .markAgain, in: .twoWriters, "counts and lacks")
  }

  @Test("C5: listing packs before archives loses the bases of what came in between")
  func archivesBeforePacks() {
    expectLoss(without: .archivesBeforePacks, in: .lateDifferences, "counts and lacks")
  }

  @Test("C6: keeping only the bases of chunks that are needed today loses those that are leant on tomorrow")
  func keepBases() {
    expectLoss(without: .keepBases, in: .differences, "counts and lacks")
  }

  @Test("C7: giving up a copy for one that was not read loses archives to rot")
  func readSurvivorsForRot() {
    expectLoss(without: .readSurvivors, in: .damage, "counts and lacks")
  }

  @Test("C7: giving up a copy for one that was not read loses archives to a thief")
  func readSurvivorsForThieves() {
    expectLoss(without: .readSurvivors, in: .forgedPacks, "counts and lacks")
  }

  @Test("C8: two decisions about one round lose archives")
  func oneDecision() {
    expectLoss(without: .oneDecision, in: .twoCompactors, "counts and lacks")
  }

  @Test("C9: a compactor that is rounds behind and does not look again before it deletes loses archives")
  func lookBeforeDeleting() {
    for rule in [Rule.lookBeforeDeleting, nil] {
      // The writer leans on what compactor 0 condemns; its archive comes after that one's census, and before the next's.
      let condemned = Scenario.lateCompactor.world(breaking: rule).letting(0, take: 2).letting(1, take: 6)
      let pardoned = condemned.letting(0, take: 1).letting(2).letting(0)
      // A further round takes the decision about the first one away, and the late one puts its own.
      let world = pardoned.letting(4).letting(3).letting(1)
      #expect(world.hasEnded)
      #expect(world.store.archives.map(\.number) == [8])
      #expect((world.fault() != nil) == (rule != nil), "\(world.fault() ?? "")")
    }
  }

  @Test("C10: a closing that is taken away again calls void archives good")
  func closingsStay() {
    expectLoss(without: .closingsStay, in: .slowLists, "said success and its archive is void")
  }

  @Test("C11: giving up what an archive reaches that lacks something keeps it from healing")
  func keepWhatIsReached() {
    expectLoss(without: .keepWhatIsReached, in: .lacking, "archive 0 counts and lacks chunks [1]")
  }

  @Test("R1: counting archives that no census has loses them")
  func voidIsVoid() {
    expectLoss(without: .voidIsVoid, in: .twoWriters, "counts and lacks")
  }

  @Test("R2: looking at the rounds before listing archives prunes good ones for void ones")
  func archivesBeforeRounds() {
    expectLoss(without: .archivesBeforeRounds, in: .pruning, "in favour of one that is void")
  }

  @Test("R3: letting undecided archives push others out prunes good ones for void ones")
  func undecidedPushesNothing() {
    expectLoss(without: .undecidedPushesNothing, in: .pruning, "in favour of one that is void")
  }

  @Test("R4: a restore that loads the index again only once fails beside two compactions")
  func loadAgain() {
    expectLoss(without: .loadAgain, in: .restoring, "a restore of archive 0 failed")
  }

  @Test("R5: believing rounds that no full key has signed loses archives")
  func onlyFullKeysRule() {
    expectLoss(without: .onlyFullKeysRule, in: .forgedRounds, "archive")
  }

  @Test("S1: a session that looks before it announces itself is not waited for")
  func announceFirst() {
    expectLoss(without: .announceFirst, in: .waiting, "lives and failed")
  }

  @Test("S2: a session whose first marker goes is missed by a list")
  func firstMarkerStays() {
    expectLoss(without: .firstMarkerStays, in: .waiting, "lives and failed")
  }
}
