import CofferSystem

/// What a place is known to do, for `repo-info` to show; `repo-create` warns of what it does not.
///
/// nil stands for what nobody has found out yet. None of it is leaned on: names of objects are unique by themselves, and no
/// clock is part of the safety.
public struct StoreAbilities: Sendable, Equatable {
  /// What kind of place it is, in a user's words.
  public var kind: String
  /// Whether of several puts of one name the place itself lets at most one succeed.
  public var refusesTakenNames: Bool?
  /// Whether a part of an object is read without the rest.
  public var readsParts: Bool?
  /// Whether objects have times by the place's own clock, and not by that of whoever put them.
  public var keepsOwnTimes: Bool?
  /// What else is to be known of it: sentences without a full stop.
  public var remarks: [String]

  public init(
    kind: String, refusesTakenNames: Bool? = nil, readsParts: Bool? = nil, keepsOwnTimes: Bool? = nil,
    remarks: [String] = []
  ) {
    self.kind = kind
    self.refusesTakenNames = refusesTakenNames
    self.readsParts = readsParts
    self.keepsOwnTimes = keepsOwnTimes
    self.remarks = remarks
  }

  /// What it is known not to do, and what that means: sentences without a full stop.
  public var shortcomings: [String] {
    var found: [String] = []
    if refusesTakenNames == false {
      found.append(
        "It overwrites an object when its name is put again. Coffer's names are unique by themselves, so that this loses "
          + "nothing; the guard behind them is missing")
    }
    if readsParts == false {
      found.append("It gives objects only as a whole, so that a restore and a check read more than they need")
    }
    if keepsOwnTimes == false {
      found.append(
        "It keeps the times that writers give, so that a machine whose clock is wrong makes archives look older or newer "
          + "than they are")
    }
    return found
  }
}

extension ObjectStore {
  /// Of a store that says nothing of itself.
  public var abilities: StoreAbilities { StoreAbilities(kind: "a store") }
}
