import CofferSystem
import Synchronization

/// Where the time of a run goes: what its threads spent in each work. Safe to use from several threads.
public final class Timings: Sendable {
  /// A part of the work on a repository.
  public enum Work: Int, CaseIterable, Sendable {
    case passphrase
    case index
    case read
    case cut
    case hash
    case lookUp
    case base
    case compress
    case decodeAgain
    case seal
    case openAgain
    case store
    case fetch
    case open
    case decompress
    case verify
    case write

    /// What happens in it, in a few words.
    public var title: String {
      switch self {
      case .passphrase: "make the key of the passphrase"
      case .index: "load the index"
      case .read: "wait for the dump's bytes"
      case .cut: "search for the ends of chunks"
      case .hash: "make the ids of chunks"
      case .lookUp: "look chunks up"
      case .base: "read what edits are coded against"
      case .compress: "compress blocks"
      case .decodeAgain: "decompress them again, to be sure"
      case .seal: "encrypt packs"
      case .openAgain: "decrypt them again, to be sure"
      case .store: "write objects"
      case .fetch: "read sealed blocks"
      case .open: "decrypt blocks"
      case .decompress: "decompress blocks"
      case .verify: "verify chunks by their ids"
      case .write: "write what was restored"
      }
    }
  }

  /// What was spent in a work.
  public struct Sum: Sendable, Equatable {
    /// Of all threads together, waiting included.
    public var seconds: Double = 0
    /// What went through, where that can be told.
    public var bytes: UInt64 = 0
  }

  private let clock: Clock
  private let sums = Mutex([Sum](repeating: Sum(), count: Work.allCases.count))

  public init(clock: Clock) {
    self.clock = clock
  }

  /// The stages that the run came through, in the order of the work.
  public var spent: [(work: Work, sum: Sum)] {
    let sums = sums.withLock { $0 }
    return Work.allCases.compactMap { sums[$0.rawValue] == Sum() ? nil : ($0, sums[$0.rawValue]) }
  }

  /// How many bytes of blocks were decompressed for each byte that was restored: 1 when blocks hold nothing but what is
  /// wanted, and hold it in full.
  ///
  /// - Returns: nil when no more was restored than the lists that every run reads.
  public var decodedForEachRestored: Double? {
    let (decoded, restored) = sums.withLock { ($0[Work.decompress.rawValue].bytes, $0[Work.write.rawValue].bytes) }
    return restored < 1 << 20 ? nil : Double(decoded) / Double(restored)
  }

  /// Measures a stage that only afterwards tells how many bytes went through.
  func reading(_ body: () throws -> Int) rethrows -> Int {
    let count = try measure(.read, bytes: 0, body)
    sums.withLock { $0[Work.read.rawValue].bytes += UInt64(count) }
    return count
  }

  fileprivate func measure<Result>(_ work: Work, bytes: Int, _ body: () throws -> Result) rethrows -> Result {
    let start = clock.steadySeconds()
    defer {
      let seconds = clock.steadySeconds() - start
      sums.withLock { sums in
        sums[work.rawValue].seconds += seconds
        sums[work.rawValue].bytes += UInt64(bytes)
      }
    }
    return try body()
  }
}

extension Timings? {
  /// Does something, and measures it if somebody wants to know.
  func measure<Result>(
    _ work: Timings.Work, bytes: Int = 0, _ body: () throws -> Result
  ) rethrows -> Result {
    guard let self else { return try body() }
    return try self.measure(work, bytes: bytes, body)
  }
}
