import CofferSystem
import Synchronization

/// Whose files a session remembers, and how they are compared.
public struct FilesCacheOptions: Sendable {
  /// Runs of the same name go on from each other: a configuration's path, say.
  public var name: String
  public var comparison: FileComparison
  /// For how many runs that do not find a file it is remembered.
  public var runLimit: Int

  public init(name: String, comparison: FileComparison = FileComparison(), runLimit: Int = 20) {
    self.name = name
    self.comparison = comparison
    self.runLimit = runLimit
  }
}

/// A file that was read, and what is worth to be known of it the next time.
public struct ReadFile: Sendable {
  /// As they were when it was opened, and still when it had been read.
  public var facts: FileFacts
  /// Times before this one are no file's that is written to from now on, in nanoseconds since 1970.
  public var settledBefore: Int64
  /// Without the time of the last access, and without links.
  public var extras: ItemExtras
  /// Whether all attributes could be read.
  public var knowsAttributes: Bool
  /// Whether file flags were asked for.
  public var knowsFlags: Bool

  public init(
    facts: FileFacts, settledBefore: Int64, extras: ItemExtras, knowsAttributes: Bool, knowsFlags: Bool
  ) {
    self.facts = facts
    self.settledBefore = settledBefore
    self.extras = extras
    self.knowsAttributes = knowsAttributes
    self.knowsFlags = knowsFlags
  }
}

/// A file that is as it was when it was read, and of which the repository has everything.
public struct UnchangedFile: Sendable {
  fileprivate let key: ChunkID
  fileprivate let entry: FilesCacheEntry

  public var stream: StreamReference { entry.stream }
  /// Those of the content, and of the rest what is known; without the time of the last access, and without links.
  public var extras: ItemExtras { entry.extras }
  /// Whether the attributes are those of the file as it is now.
  public func knowsAttributes(_ facts: FileFacts) -> Bool { entry.known.attributes && isUntouched(facts) }
  /// The same of file flags.
  public func knowsFlags(_ facts: FileFacts) -> Bool { entry.known.flags && isUntouched(facts) }

  private func isUntouched(_ facts: FileFacts) -> Bool {
    entry.isSettled.changed && facts.changed == entry.facts.changed && facts.inode == entry.facts.inode
  }
}

/// What this machine has read of files, so that those which are as they were need not be read again.
///
/// An entry is no word for the repository's having anything. A root of a recipe may be there while what it leads to is not:
/// compaction keeps nodes and chunks one by one, and a pack of nodes stays for others' sake. So an entry names every pack
/// that held its recipe and its chunks, and counts only while this session may lean on all of them, by what it found when it
/// began: named by an index object that counts for its round, in the list with the right size, in no quarantine, nor leaning
/// on one that is, and signed by a key whose word counts (W1 to W5 of Documentation/deleting.md). Packs do not change, so
/// that is what is asked for each chunk of a file that is read; from there on the rules keep what was leant on.
/// What was compacted, pruned, damaged, put back from a copy or made anew has other packs, and files are read again.
///
/// Safe to use from several threads.
final class FilesCache: Sendable {
  private struct State {
    var known: FilesCacheFile?
    /// Of the packs that it names, by their numbers.
    var isUsable: [Bool] = []
    var writer: FilesCacheWriter?
    var pending = PendingFiles()
    var settleAt = FilesCache.fewPending
  }

  private let state: Mutex<State>
  private let index: ChunkIndex
  private let options: FilesCacheOptions
  private let tellDamage: @Sendable () -> Void

  private static let fewPending = 4096
  /// Bytes of extras that are remembered; what has more is asked each time.
  private static let extrasLimit = 1 << 16
  private static let prefix = "files-"
  /// Seconds after which the file of a configuration that is not used any more goes.
  private static let unusedLimit = 100.0 * 86400

  /// - Returns: nil where there is no cache.
  init?(_ context: RepositoryContext, _ options: FilesCacheOptions, over index: ChunkIndex) throws {
    guard let path = context.cachePath, let folder = CacheFolder(path) else { return nil }
    self.index = index
    self.options = options
    let (location, remarks) = (context.location, context.remarks)
    tellDamage = {
      remarks.add(
        Diagnosis(
          subject: "repository \(location)",
          problem: "This machine's cache of files that were read is damaged; they are read again",
          suggestion: "Nothing needs to be done; if it happens again, look at the disk that \(path) is on"))
    }
    let key = try context.cacheKey()
    let name = try Self.fileName(options.name, key)
    Self.tidy(folder, name, now: context.clock.now().timeIntervalSince1970)
    var state = State()
    if let (file, size) = folder.open(name) {
      do {
        state.known = try FilesCacheFile(file, size: size, suite: context.suite, key: key)
      } catch is FilesCacheFile.Damaged {
        folder.remove(name)
        tellDamage()
      }
    } else {
      // What is somebody else's is none of ours.
      folder.remove(name)
    }
    let leanable = index.leanablePacks()
    state.isUsable = state.known?.packs.map(leanable.contains) ?? []
    state.writer = try FilesCacheWriter(
      folder, name, suite: context.suite, key: key, random: context.random)
    self.state = Mutex(state)
  }

  private static func fileName(_ name: String, _ key: SecretBytes) throws -> EntryName {
    let hasher = ChunkHasher(
      key: try KeyDerivation.hkdf(secret: key, salt: [], label: "coffer files cache name", count: 32))
    return EntryName(prefix + Array(name.utf8).withUnsafeBytes { hasher.id(of: $0).description })
  }

  /// Removes what killed programs have left, and the files of configurations that nobody uses any more.
  private static func tidy(_ folder: CacheFolder, _ own: EntryName, now: Double) {
    for name in folder.names() where name != own {
      if name.bytes.starts(with: ("." + prefix).utf8) {
        folder.removeAbandoned(name)
      } else if name.bytes.starts(with: prefix.utf8), let use = folder.use(of: name), now - use.lastUse > unusedLimit {
        folder.remove(name)
      }
    }
  }

  // MARK: - Asking and remembering

  /// - Returns: nil for a file that has to be read.
  func file(_ facts: FileFacts, at place: ItemPath) -> UnchangedFile? {
    guard !options.comparison.readsAll else { return nil }
    return state.withLock { state in
      guard let known = state.known else { return nil }
      let key = known.key(of: place)
      guard let entry = found(key, &state), options.comparison.isSame(facts, as: entry),
        Self.isUsable(entry, state)
      else { return nil }
      return UnchangedFile(key: key, entry: entry)
    }
  }

  /// Remembers a file that was not read for the next run as well.
  func keep(_ file: UnchangedFile) {
    state.withLock { state in
      guard let known = state.known else { return }
      var entry = file.entry
      entry.age = 0
      known.forget(file.key)
      state.writer?.add(file.key, entry, in: entry.packs.lazy.map { known.packs[Int($0)] })
    }
  }

  /// Remembers a file that was read.
  func remember(_ file: ReadFile, at place: ItemPath, _ stream: StreamReference, in packs: StreamPacks) {
    var extras = file.extras
    (extras.accessed, extras.link) = (nil, nil)
    var known = FilesCacheEntry.Known(attributes: file.knowsAttributes, flags: file.knowsFlags)
    if extras.attributes.reduce(0, { $0 + $1.name.count + $1.value.count }) > Self.extrasLimit {
      extras.attributes = []
      known.attributes = false
    }
    func isSettled(_ time: Int64) -> Bool { time > .min && time < file.settledBefore }
    let entry = FilesCacheEntry(
      facts: file.facts,
      // A file system without this time says 0, or anything that stays the same.
      isSettled: .init(
        changed: file.facts.changed > 0 && isSettled(file.facts.changed), modified: isSettled(file.facts.modified)),
      stream: stream, extras: extras, known: known)
    guard entry.isConsistent else { return }
    state.withLock { state in
      guard let writer = state.writer else { return }
      let key = writer.key(of: place)
      state.known?.forget(key)
      state.pending.append(key, entry, in: packs, writer)
      guard state.pending.count >= state.settleAt else { return }
      state.pending.settle(index, writer)
      state.settleAt = max(Self.fewPending, state.pending.count * 2)
    }
  }

  /// Ends the session's file, when everything that was stored is in packs that are there. What was not found in this run is
  /// remembered for some more.
  ///
  /// - Parameter wasWhole: Whether the run came to its end: one that failed has not looked for everything.
  func finish(wasWhole: Bool) {
    state.withLock { state in
      guard let writer = state.writer else { return }
      state.pending.settle(index, writer)
      if let known = state.known {
        do {
          try known.forEachLeft { key, entry in
            var entry = entry
            if wasWhole { entry.age += 1 }
            guard entry.age < options.runLimit, Self.isUsable(entry, state) else { return }
            writer.add(key, entry, in: entry.packs.lazy.map { known.packs[Int($0)] })
          }
        } catch {
          tellDamage()
        }
      }
      writer.publish()
      state.writer = nil
      state.known = nil
      state.pending = PendingFiles()
    }
  }

  private func found(_ key: ChunkID, _ state: inout State) -> FilesCacheEntry? {
    do {
      return try state.known?.entry(key)
    } catch {
      state.known = nil
      tellDamage()
      return nil
    }
  }

  private static func isUsable(_ entry: FilesCacheEntry, _ state: borrowing State) -> Bool {
    for number in entry.packs {
      guard state.isUsable.indices.contains(Int(number)), state.isUsable[Int(number)] else { return false }
    }
    // What has chunks is in packs.
    return !entry.packs.isEmpty || entry.stream.root == nil
  }
}
