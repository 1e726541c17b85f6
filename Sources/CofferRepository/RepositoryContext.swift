import CofferStorage
import CofferSystem

/// What every part of an opened repository needs: store, keys, parameters and surroundings.
package struct RepositoryContext: Sendable {
  package internal(set) var store: RunStore
  package let header: RepositoryHeader
  package let keys: KeyBundle
  let signers: SignerDirectory
  let surroundings: RepositorySurroundings
  let remarks: Remarks
  let quarantine = Quarantine()
  let packSizes = PackSizes()
  /// Where a writer's bases come from; nil for who reads packs from the store.
  private(set) var nearPacks: NearPacks?

  var location: String { store.location }

  /// The same for a part of the run that is stopped by itself.
  func stopping(with cancellation: Cancellation) -> RepositoryContext {
    var context = self
    context.store = store.stopping(with: cancellation)
    return context
  }

  /// The same for what has to be done also after the run was asked to stop.
  var unstoppable: RepositoryContext {
    var context = self
    context.store = store.unstoppable
    return context
  }

  /// The same for a writer's bases.
  func reading(_ packs: NearPacks) -> RepositoryContext {
    var context = self
    context.nearPacks = packs
    return context
  }

  /// How what does not depend on each other is asked of the store.
  var sideBySide: SideBySide { surroundings.sideBySide }

  var suite: CipherSuite { CipherSuite(rawValue: header.cipherSuite) ?? .aes256gcm }
  package var envelope: Envelope { Envelope(keys: keys, suite: suite) }
  package var random: RandomSource { surroundings.random }
  var clock: Clock { surroundings.clock }
  var times: Timings? { surroundings.times }

  /// Makes the ids of what packs of a kind hold: nodes of recipes and data never share an id.
  func chunkHasher(_ kind: PackKind) throws -> ChunkHasher {
    let label =
      switch kind {
      case .data: "coffer chunk id"
      case .tree: "coffer recipe node id"
      }
    return ChunkHasher(
      key: try KeyDerivation.hkdf(secret: keys.chunkIDKey, salt: header.salt, label: label, count: 32))
  }

  /// The folder of what this machine keeps of the repository for itself; nil for none.
  var cachePath: String? { surroundings.cacheFolder.map { "\($0)/\(header.id)" } }

  /// That folder, opened; nil also where it is not this user's.
  var cacheFolder: CacheFolder? { cachePath.flatMap { CacheFolder($0) } }

  /// Authenticates what this machine keeps of the repository for itself.
  package func cacheKey() throws -> SecretBytes {
    try KeyDerivation.hkdf(secret: keys.indexKey, salt: header.salt, label: "coffer index cache", count: 32)
  }

  func chunker() throws -> Chunker {
    let key = try KeyDerivation.hkdf(
      secret: keys.chunkerKey, salt: header.salt, label: "coffer chunker", count: 32)
    return try Chunker(parameters: header.chunker, key: key)
  }

  func damaged(_ object: ObjectName, _ detail: String) -> RepositoryError {
    .damaged(object: object.path, location: location, detail: detail)
  }

  /// - Parameter part: Of the object, with a colon and a blank; empty for all of it.
  func unopenable(_ object: ObjectName, _ error: Envelope.Unopenable, in part: String = "") -> RepositoryError {
    error.isOfUnknownKey
      ? .unknownKey(object: object.path, location: location, detail: part + error.detail)
      : damaged(object, part + error.detail)
  }

  /// - Throws: `RepositoryError.signedAfterRemoval` for an archive that a removed key has signed and that does not count.
  func checkCounts(_ archive: Archive) throws {
    guard let key = archive.writeOnlyKey, let id = KeyID(hex: key), !signers.counts(archive.id, signedBy: id) else {
      return
    }
    throw RepositoryError.signedAfterRemoval(
      object: "\(ArchiveRecord.folder)/\(archive.id)", location: location, key: key)
  }

  /// Reads an object that the rest can do without; of one that is damaged it is said what follows from that.
  ///
  /// - Returns: nil when it is damaged or gone.
  /// - Throws: What says nothing of the object.
  func readable<Value>(orElse consequence: String, _ read: () throws -> Value?) throws -> Value? {
    do {
      return try read()
    } catch StorageError.missing {
      return nil
    } catch let error where RunStore.concernsObject(error) {
      remarks.add(error, consequence: consequence)
      return nil
    }
  }

  /// To be asked behind a commit: whoever removes a key looks for its archives after the key has been removed.
  ///
  /// - Throws: `RepositoryError.keyRemoved`.
  func checkKeyStands() throws {
    guard keys.role == .writeOnly, let name = KeyRemoval.objectName(keys.id) else { return }
    do {
      let bytes = try store.unstoppable.get(name, limit: ObjectLimit.key)
      guard KeyRemoval(bytes, of: keys.id, rootPublic: keys.rootPublic) != nil else { return }
      throw RepositoryError.keyRemoved(location: location, key: "\(keys.id)")
    } catch StorageError.missing {
      return
    } catch StorageError.truncated, StorageError.tooLarge {
      return  // Whatever is there, the root has not said it.
    } catch let error as StorageError where error.kind == .permanent {
      // A folder in its place is no word of the root's; a disk that does not read may hide one.
      let below = try store.unstoppable.list(KeyRemoval.folder).filter { $0.name.path.begins(with: name.path + "/") }
      guard !below.isEmpty else { throw error }
    }
  }

  /// Whether this key may refer to chunks that the signer stored: its own, or any full key's.
  func trustsForDeduplication(_ signer: Signer) -> Bool {
    signer.id == keys.id || signer.role == .full
  }
}

/// What the repository takes from the machine it runs on.
public final class RepositorySurroundings: Sendable {
  public let clock: Clock
  public let random: RandomSource
  /// Where the keys of `keyfile` repositories are kept.
  public let keyFolder: String
  /// Where parts of repositories' indexes are kept so that they need not be read again; nil for nowhere.
  public let cacheFolder: String?
  /// Keys that were opened a short while ago; nil to stretch the passphrase every time.
  public let openedKeys: OpenedKeys?
  /// Whether what is asked of the store goes a long way: then much is asked at the same time, and little that is not needed.
  public let isFar: Bool
  /// Bytes of packs that are kept on this machine to code edits against.
  public let baseCacheSize: Int
  /// Threads that compress; the machine's cores, as a rule.
  public let workers: Int
  /// Told where the time goes; nil if nobody asks.
  public let times: Timings?
  /// Stops what waits for the store; nil if nothing does.
  public let cancellation: Cancellation?
  /// Whether what is found on the way is kept to oneself, because the run is only to say what it would do.
  public let changesNothing: Bool
  /// Told once of each thing that is wrong and stops nothing.
  public let warn: @Sendable (Diagnosis) -> Void

  public init(
    clock: Clock, random: RandomSource, keyFolder: String, cacheFolder: String? = nil,
    openedKeys: OpenedKeys? = nil, isFar: Bool = false, baseCacheSize: Int = 0,
    workers: Int, times: Timings? = nil, cancellation: Cancellation? = nil,
    changesNothing: Bool = false, warn: @escaping @Sendable (Diagnosis) -> Void = { _ in }
  ) {
    self.clock = clock
    self.random = random
    self.keyFolder = keyFolder
    self.cacheFolder = cacheFolder
    self.openedKeys = openedKeys
    self.isFar = isFar
    self.baseCacheSize = baseCacheSize
    self.workers = workers
    self.times = times
    self.cancellation = cancellation
    self.changesNothing = changesNothing
    self.warn = warn
  }

  /// How what does not depend on each other is asked of the store.
  var sideBySide: SideBySide { SideBySide(width: isFar ? 8 : 1) }
}
