import CofferStorage

/// Reads the index objects, and for packs that none of them names the packs' own directories.
struct IndexLoader {
  let context: RepositoryContext

  /// Who is going to use the index.
  enum Purpose {
    /// Reading: every pack counts whose directory a known key signed.
    case reading
    /// Writing: only packs count that this key or a full key signed, so that nobody else's word is taken for a
    /// chunk being there.
    case deduplication
  }

  /// What an index object turned out to be.
  struct Segment {
    let name: ObjectName
    let packs: [IndexedPack]
    let signer: Signer
  }

  /// Returns an index over all packs that exist.
  ///
  /// Damaged index objects are passed over: the index is a cache, and what they named is read from the packs.
  func load(for purpose: Purpose) throws -> ChunkIndex {
    let index = ChunkIndex()
    var unnamed = try existingPacks()
    for status in try context.store.list(IndexSegment.folder) {
      guard let segment = try? read(status.name) else { continue }
      let isTrusted = purpose == .reading || context.trustsForDeduplication(segment.signer)
      for pack in segment.packs where unnamed[pack.digest] != nil && isTrusted {
        index.add(pack)
        unnamed[pack.digest] = nil
      }
    }
    for (digest, _) in unnamed {
      guard let reader = try? PackReader(digest, context: context) else { continue }
      guard purpose == .reading || context.trustsForDeduplication(reader.signer) else { continue }
      index.add(
        IndexedPack(
          digest: digest, kind: reader.header.kind, size: reader.size, directory: reader.directory))
    }
    return index
  }

  /// Returns the packs in the store with their sizes.
  func existingPacks() throws -> [Digest256: Int] {
    var packs: [Digest256: Int] = [:]
    for status in try context.store.list(PackFolder.name) {
      if let digest = PackFolder.digest(of: status.name) { packs[digest] = status.size }
    }
    return packs
  }

  /// Reads one index object.
  ///
  /// - Throws: `StorageError`; `RepositoryError.damaged`.
  func read(_ name: ObjectName) throws -> Segment {
    let bytes = try context.store.get(name)
    do {
      let (payload, signer) = try context.envelope.open(
        bytes, purpose: .index, context: [], signers: context.signers)
      let packs = try payload.withUnsafeBytes { try IndexSegment.decode($0) }
      return Segment(name: name, packs: packs, signer: signer)
    } catch let error as Envelope.Unopenable {
      throw context.damaged(name, error.detail)
    } catch let error as ByteReader.Malformed {
      throw context.damaged(name, "it makes no sense at byte \(error.offset)")
    }
  }
}
