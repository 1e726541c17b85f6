import CofferSystem

/// Finds what is most likely to be restored: of each host the newest stream at each place that its archives have.
///
/// Only archives of full keys are asked. Those of write-only keys store nothing as differences, and what a stolen one signs is to
/// cost nobody time.
struct NewestStreams {
  private let context: RepositoryContext
  private let reader: StreamReader
  private let cancellation: Cancellation

  /// Archives of a host that are looked through: those of its other configurations are among them.
  private static let archiveLimit = 8
  /// Bytes of an item list that is read for this.
  static let itemListLimit: UInt64 = 16 << 20
  /// Bytes below which it does not matter how a stream is stored.
  private static let shortestStream: UInt64 = 64 << 10

  init(_ context: RepositoryContext, _ reader: StreamReader, _ cancellation: Cancellation) {
    self.context = context
    self.reader = reader
    self.cancellation = cancellation
  }

  /// What was found.
  struct Found {
    /// The streams, each once.
    var streams: [StreamReference] = []
    /// The lists of items of the archives that they are of.
    var lists: [StreamReference] = []
  }

  /// Returns the streams, each once.
  ///
  /// - Parameter archives: Those that count.
  /// - Throws: `RunCancelled`, and what says that the store does not answer. An archive that cannot be read is passed over.
  func streams(of archives: [Archive]) throws -> [StreamReference] { try find(in: archives).streams }

  /// Returns the streams and where they are listed.
  ///
  /// - Throws: As `streams`.
  func find(in archives: [Archive]) throws -> Found {
    let own = archives.filter { $0.writeOnlyKey == nil && $0.items.size <= Self.itemListLimit }
    let hosts = Dictionary(grouping: own, by: { ExactName($0.draft.hostname) })
    var found = Found()
    var roots: Set<ChunkID> = []
    for host in hosts.keys.sorted() {
      let newest = (hosts[host] ?? []).sorted { $0.order > $1.order }.prefix(Self.archiveLimit)
      var places: Set<ItemPath> = []
      for archive in newest {
        let items = try RunStore.readable {
          try ArchiveReader(reader).items(of: archive, cancellation: cancellation) { item in
            item.content.stream != nil
          }
        }
        let count = found.streams.count
        for item in items ?? [] {
          guard case .file(let stream) = item.content, places.insert(item.path).inserted,
            stream.size >= Self.shortestStream, let root = stream.root, roots.insert(root).inserted
          else { continue }
          found.streams.append(stream)
        }
        if found.streams.count > count { found.lists.append(archive.items) }
      }
    }
    return found
  }
}

/// The newest archives' streams, for a round that has looked.
struct NewestArchives {
  let context: RepositoryContext
  let runs: [IndexRun]
  let reader: StreamReader
  private let found: NewestStreams.Found
  let cancellation: Cancellation

  /// - Throws: As `NewestStreams`.
  init(_ context: RepositoryContext, _ survey: RoundSurvey, _ cancellation: Cancellation) throws {
    self.context = context
    self.cancellation = cancellation
    runs = survey.catalogue.runs
    reader = try StreamReader(context: context, index: RenewedIndex(fixed: ChunkIndex(runs: runs)))
    found = try NewestStreams(context, reader, cancellation).find(in: survey.archives)
  }

  /// - Returns: What restoring them takes.
  /// - Throws: As `RestoreCosts`.
  func costs() throws -> RestoreCosts {
    var costs = RestoreCosts(context, runs, cancellation)
    for stream in found.streams { try costs.add(stream, reader) }
    return costs
  }

  /// Writes what they need of packs that go, and before it their lists: these come first in a restore, and each among the differences
  /// would have a pack of these opened.
  ///
  /// - Throws: As `ChunkMover`.
  func move(by mover: ChunkMover) throws { try mover.moveInOrder(found.lists + found.streams, reader) }
}
