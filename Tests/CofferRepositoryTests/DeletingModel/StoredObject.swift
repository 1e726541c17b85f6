/// Who signed an object.
enum Signer: Hashable, Sendable {
  case full
  case writeOnly
  /// Holds a write-only key of its own and writes what it likes.
  case thief

  /// Whether this signer's archives may lean on chunks that the other has stored.
  func trusts(_ other: Signer) -> Bool { other == self || other == .full }
}

struct Pack: Hashable, Sendable {
  let number: Int
  let signer: Signer
  /// Chunks in full blocks.
  let full: SmallSet
  /// Chunks in delta blocks that lean on the base.
  var delta: SmallSet = []
  var base: Int?
  /// Chunks that the directory names and the blocks do not hold.
  var lies: SmallSet = []

  var chunks: SmallSet { full | delta }
}

struct IndexObject: Hashable {
  let number: Int
  let signer: Signer
  /// The round that the session which wrote it had seen.
  let round: Int
  let packs: SmallSet
}

struct ArchiveObject: Hashable, Sendable {
  let number: Int
  let signer: Signer
  /// The round that the session which wrote it had seen.
  let round: Int
  let chunks: SmallSet
}

/// What a round of compaction may delete, and which index objects of older rounds count from now on.
struct Plan: Hashable {
  let round: Int
  var signer = Signer.full
  let condemned: SmallSet
  let index: SmallSet
}

/// What a round of compaction deletes, and which index objects and archives of older rounds count from now on.
struct Sweep: Hashable {
  let round: Int
  var signer = Signer.full
  let going: SmallSet
  let index: SmallSet
  let census: SmallSet
}

/// A session's presence.
struct Marker: Hashable {
  let session: Int
  let count: Int
  let signer: Signer
  /// The round that the session has seen; nil before it has looked.
  var round: Int?
  var hasEnded = false
}

enum StoredObject: Hashable {
  case pack(Pack)
  case index(IndexObject)
  case archive(ArchiveObject)
  case marker(Marker)
  case plan(Plan)
  case closing(round: Int, signer: Signer)
  case sweep(Sweep)
  case quarantine(pack: Int)

  var name: StoredName {
    switch self {
    case .pack(let pack): .pack(pack.number)
    case .index(let object): .index(object.number)
    case .archive(let archive): .archive(archive.number)
    case .marker(let marker): .marker(session: marker.session, count: marker.count)
    case .plan(let plan): .plan(plan.round, plan.signer)
    case .closing(let round, let signer): .closing(round, signer)
    case .sweep(let sweep): .sweep(sweep.round, sweep.signer)
    case .quarantine(let pack): .quarantine(pack)
    }
  }
}

/// Names of rounds hold a keyed hash, so that only full keys know them beforehand: a thief's objects have other names.
enum StoredName: Hashable {
  case pack(Int)
  case index(Int)
  case archive(Int)
  case marker(session: Int, count: Int)
  case plan(Int, Signer)
  case closing(Int, Signer)
  case sweep(Int, Signer)
  case quarantine(Int)
}
