import CofferRepository
import CofferSystem
import Foundation

/// What an index of many chunks costs: looked up in as a backup does, and with a backup on top of it.
struct IndexScale {
  struct Figure {
    let what: String
    let value: Double
  }

  private(set) var figures: [Figure] = []

  private static let lookups = 2_000_000
  private let clock = Clock.system

  /// Makes a repository that says it has so many chunks, measures, and removes it.
  ///
  /// - Parameters:
  ///   - sample: A file that is backed up twice on top of it; nil for none.
  ///   - folder: Where there is room; what is made below it is removed.
  init(chunkCount: Int, sample: String?, folder: String) throws {
    let place = "\(folder)/scale-\(UInt64.random(in: 0 ... .max))"
    defer { try? FileManager.default.removeItem(atPath: place) }
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    let start = clock.steadySeconds()
    let synthetic = try SyntheticIndex(chunkCount: chunkCount, folder: place)
    add("chunks", Double(synthetic.chunkCount))
    add("made in, seconds", clock.steadySeconds() - start)
    try measureLookups(synthetic)
    if let sample { try measureBackups(of: sample, synthetic) }
  }

  private mutating func add(_ what: String, _ value: Double) {
    figures.append(Figure(what: what, value: value))
  }

  private mutating func measureLookups(_ synthetic: SyntheticIndex) throws {
    let count = synthetic.chunkCount
    let start = clock.steadySeconds()
    guard let run = try IndexLoader(context: synthetic.repository.context).cache.entries().first?.run else {
      throw SystemError(call: "read", subject: "synthetic.index", code: EILSEQ)
    }
    add("file, bytes", Double(run.layout.size))
    add("opened in, seconds", clock.steadySeconds() - start)
    let index = ChunkIndex(runs: [run])
    var cursor = IndexCursor()
    addLookup("the next chunk of a stream, nanoseconds") { number in
      let id = SyntheticIndex.id(number % count)
      guard let next = cursor.follower(0), next.id == id else { return cursor.moves(to: index.claim(id)) }
      cursor.move(to: next)
      return true
    }
    addLookup("any known chunk, nanoseconds") {
      cursor.moves(to: index.claim(SyntheticIndex.id(Int(SyntheticIndex.mix(UInt64($0)) % UInt64(count)))))
    }
    addLookup("an unknown chunk, nanoseconds") { index.presence(of: SyntheticIndex.id(count + $0)) == .unknown }
    add("memory that no file stands behind, bytes", Double(AnonymousMemory.now()))
  }

  private mutating func addLookup(_ what: String, _ isRight: (Int) -> Bool) {
    let start = clock.steadySeconds()
    for number in 0..<Self.lookups where !isRight(number) {
      preconditionFailure("the index does not know what it holds")
    }
    add(what, (clock.steadySeconds() - start) / Double(Self.lookups) * 1e9)
  }

  /// The second time, everything is known but the list of items.
  private mutating func measureBackups(of sample: String, _ synthetic: SyntheticIndex) throws {
    for name in ["first", "second"] {
      let memory = try AnonymousMemory()
      let start = clock.steadySeconds()
      let cancellation = try Cancellation()
      let session = try synthetic.repository.beginSession(cancellation: cancellation)
      add("\(name) backup: begun in, seconds", clock.steadySeconds() - start)
      let stream = try session.store(try Sample(sample))
      let new = session.progress.new
      let archive = try session.commit(
        ArchiveDraft(name: name, hostname: "", username: "", commandLine: [], start: clock.now()))
      add("\(name) backup: read, bytes", Double(stream.size))
      add("\(name) backup: new, bytes", Double(new))
      add("\(name) backup: stored, bytes", Double(archive.statistics.storedSize))
      add("\(name) backup: took, seconds", clock.steadySeconds() - start)
      add("\(name) backup: most memory that no file stands behind, bytes", Double(memory.most()))
    }
  }
}

private final class Sample: ByteSource {
  private let file: FileDescriptor
  private let path: String

  init(_ path: String) throws {
    file = try FileDescriptor(opening: path, flags: O_RDONLY)
    self.path = path
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int { try file.read(into: buffer, subject: path) }
}

/// Watches how much memory the process has that no file stands behind.
final class AnonymousMemory {
  private let state = Monitor((most: 0, isDone: false))
  private let thread: WorkerThread

  init() throws {
    let state = state
    thread = try WorkerThread(name: "memory") {
      while !state.update({ state in
        state.most = max(state.most, Self.now())
        return state.isDone
      }) { usleep(10_000) }
    }
  }

  /// Ends watching.
  func most() -> Int {
    state.update { $0.isDone = true }
    thread.join()
    return state.update { $0.most }
  }

  static func now() -> Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.lines().first { $0.begins(with: "RssAnon:") } ?? ""
    return (line.words.dropFirst().first.flatMap { Int($0) } ?? 0) * 1024
  }
}

extension IndexCursor {
  /// - Returns: Whether the chunk was known.
  fileprivate mutating func moves(to claim: ChunkIndex.Claim) -> Bool {
    guard case .stored(let place) = claim else { return false }
    move(to: place)
    return true
  }
}
