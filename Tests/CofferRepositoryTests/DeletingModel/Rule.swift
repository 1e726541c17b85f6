/// The rules of the protocol that can be broken one at a time. `Documentation/deleting.md` has them in words, under the
/// same numbers.
enum Rule: String, CaseIterable {
  // Writers
  case leanOnWhatCounts = "W1"
  case judgeCaches = "W2"
  case leanOnIndexedPacks = "W3"
  case trustWhoSigned = "W4"
  case leaveQuarantined = "W5"
  case lookAfterCommit = "W6"
  case compareBytes = "W7"
  // Compactors
  case refuseUnreadable = "C1"
  case verifyMoves = "C2"
  case closeBeforeCensus = "C3"
  case markAgain = "C4"
  case archivesBeforePacks = "C5"
  case keepBases = "C6"
  case readSurvivors = "C7"
  case oneDecision = "C8"
  case lookBeforeDeleting = "C9"
  case closingsStay = "C10"
  case keepWhatIsReached = "C11"
  // Readers and pruners
  case voidIsVoid = "R1"
  case archivesBeforeRounds = "R2"
  case undecidedPushesNothing = "R3"
  case loadAgain = "R4"
  case onlyFullKeysRule = "R5"
  // Sessions
  case announceFirst = "S1"
  case firstMarkerStays = "S2"
}
