import CofferStorage
import CofferSystem
import Foundation

@testable import CofferRepository

extension TestRepository {
  static let thief = SecretBytes(passphrase: "thief")

  /// The same repository, opened through another store.
  func opened(
    in store: any ObjectStore, passphrase: SecretBytes = passphrase, cacheFolder: String? = nil,
    warn: @escaping @Sendable (Diagnosis) -> Void = { _ in }
  ) throws -> Repository {
    try Repository.open(
      in: store, passphrase: passphrase,
      surroundings: RepositorySurroundings(
        clock: clock.clock, random: .system, keyFolder: "", cacheFolder: cacheFolder, workers: 2, warn: warn))
  }

  /// A repository opened with a write-only key, which is made.
  func withWriteOnlyKey(_ passphrase: SecretBytes = thief) throws -> Repository {
    try repository.addWriteOnlyKey(passphrase: passphrase, passphraseCost: 5)
    return try reopened(passphrase: passphrase)
  }

  var context: RepositoryContext { repository.context }

  /// The index objects that there are.
  var indexObjects: Set<Digest256> {
    get throws { Set(try store.list("index").compactMap { Digest256(hex: $0.name.lastPart) }) }
  }

  var packs: Set<Digest256> {
    get throws { Set(try store.list("packs").compactMap { PackFolder.digest(of: $0.name) }) }
  }

  /// Begins a round.
  ///
  /// - Parameter index: The older index objects that count; nil for all.
  @discardableResult
  func plan(_ round: Int, condemned: Set<Digest256> = [], index: Set<Digest256>? = nil) throws -> RoundPlan {
    try Rounds.put(RoundPlan(round: round, condemned: condemned, index: try index ?? indexObjects), context)
  }

  func close(_ round: Int) throws { _ = try Rounds.put(RoundClosing(round: round), context) }

  @discardableResult
  func sweep(
    _ round: Int, going: Set<Digest256> = [], index: Set<Digest256>? = nil, census: [String]
  ) throws -> RoundSweep {
    try Rounds.put(
      RoundSweep(round: round, going: going, index: try index ?? indexObjects, census: census), context)
  }

  /// Puts an object of a round that somebody has signed, under any name.
  func forge<Object: RoundObject>(
    _ object: Object, tag: String = String(repeating: "0", count: 32), by context: RepositoryContext
  ) throws {
    let name = ObjectName(RoundName.prefix(object.round, Object.kind) + tag)!
    try store.put(
      name,
      try context.envelope.seal(
        object.encoded(), purpose: .collection, context: Array(name.path.utf8), random: .system))
  }

  func name(_ round: Int, _ kind: RoundObjectKind) throws -> ObjectName {
    try RoundName(round: round, kind, tags: RootTags(context.keys, context.header)!)!.objectName
  }
}
