/// What a run of the model is like.
struct Conditions: Sendable {
  /// The rule that nobody keeps.
  var brokenRule: Rule?
  /// Lists of `gc/` and `sessions/` take time, and may miss what was put or deleted meanwhile.
  var hasSlowLists = false
  /// Compactors wait for sessions, and know which of them live.
  var isPolite = false
  /// Writers may store what is new as differences.
  var writesDeltas = false
  /// Compactors may also give up packs that hold something needed, having moved it.
  var movesChunks = true
  /// An archive's record may be unreadable for a moment.
  var hasUnreadableRecords = false

  /// Chunks that archives from before lack: nobody can be blamed for them.
  var lost: SmallSet = []

  func keeps(_ rule: Rule) -> Bool { brokenRule != rule }
}
