import CofferStorage
import CofferSystem

/// Reads what the repository has of a log of one server, slice by slice. Used by one thread at a time.
///
/// Histories are counted from 1. In one of them nothing is missing between slices; what one has need not lead on to the next.
public final class SliceReader<Slice: LogSlice> {
  private let reader: LogReader
  private let location: String
  private var coverage: LogCoverage?

  /// A slice is not what it should be, or does not follow the one before it.
  public enum Fault: DiagnosableError, Equatable {
    case unreadable(title: String, location: String)
    case outOfOrder(title: String, location: String)

    public var diagnosis: Diagnosis {
      switch self {
      case .unreadable(let title, let location):
        Diagnosis(
          subject: "repository \(location)", problem: "\(title) is not a part of \(Slice.logTitle)",
          suggestion: "A newer Coffer may have stored it: upgrade this one")
      case .outOfOrder(let title, let location):
        Diagnosis(
          subject: "repository \(location)", problem: "\(title) does not go on where the one before it ends",
          suggestion: "Restore to a time before it, or begin with a newer dump")
      }
    }
  }

  /// - Parameter signers: The write-only keys whose log counts, as `Repository.logReader` takes them.
  /// - Throws: `RepositoryError.needsFullKey`.
  public init(_ repository: Repository, of server: LogServer, signers: [String]) throws {
    reader = try repository.logReader(of: server, signers: signers)
    location = repository.location
  }

  /// Slices without a gap, by their numbers.
  public struct Stretch: Sendable, Equatable {
    public let history: UInt32
    public let numbers: ClosedRange<UInt64>
  }

  /// All that there is, in the order of histories.
  ///
  /// - Throws: `LogError.undecidedSigner`; `StorageError`; `RunCancelled`.
  public func stretches() throws -> [Stretch] {
    let coverage = try coverage ?? reader.coverage()
    self.coverage = coverage
    return coverage.histories.flatMap { history in
      coverage.stretches(history: history, exponent: 0).map {
        Stretch(history: history, numbers: $0.first.number...$0.last.number)
      }
    }
  }

  /// What messages call a slice.
  public static func title(_ number: UInt64, history: UInt32) -> String { "Slice \(number) of history \(history)" }

  /// Reads one slice.
  ///
  /// - Throws: `LogError`; `Fault`; `RepositoryError`; `StorageError`; `RunCancelled`.
  public func slice(_ number: UInt64, history: UInt32) throws -> Slice {
    let title = Self.title(number, history: history)
    let run = try reader.find(history: history, number: number, count: 1, title: title)
    return try slice(0, of: run, title)
  }

  private func slice(_ index: Int, of run: LogReader.Run, _ title: String) throws -> Slice {
    var bytes: [UInt8] = []
    let unreadable = Fault.unreadable(title: title, location: location)
    try reader.read(index, of: run, title: title, start: { bytes = [] }) { piece in
      guard bytes.count + piece.count <= Slice.storedLimit else { throw unreadable }
      bytes += piece
    }
    do {
      return try bytes.withUnsafeBytes { try Slice(decoding: $0) }
    } catch {
      throw unreadable
    }
  }

  /// Finds the first slice of a stretch that does not end before a place.
  ///
  /// - Parameter endsBefore: Whether one does.
  /// - Returns: The last where all do, with its number.
  /// - Throws: As `slice`; what `endsBefore` throws.
  func first(of stretch: Stretch, endsBefore: (Slice) throws -> Bool) throws -> (number: UInt64, slice: Slice) {
    var (low, high) = (stretch.numbers.lowerBound, stretch.numbers.upperBound)
    while low < high {
      let middle = low + (high - low) / 2
      if try endsBefore(slice(middle, history: stretch.history)) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return (low, try slice(low, history: stretch.history))
  }

  /// Slices that are looked for at once.
  private static var batch: Int { 256 }

  /// Hands over slices one behind the other.
  ///
  /// - Parameters:
  ///   - numbers: Of a stretch.
  ///   - take: Returns whether to go on.
  /// - Throws: `Fault.outOfOrder`; as `slice`; what `take` throws.
  public func forEach(
    _ numbers: ClosedRange<UInt64>, history: UInt32, _ take: (Slice) throws -> Bool
  ) throws {
    var before: Slice?
    var next = numbers.lowerBound
    while next <= numbers.upperBound {
      let count = Int(min(numbers.upperBound - next + 1, UInt64(Self.batch)))
      let title = Self.title(next, history: history)
      let run = try reader.find(history: history, number: next, count: count, title: title)
      for index in run.places.indices {
        let title = Self.title(next, history: history)
        let slice = try slice(index, of: run, title)
        guard before.map({ slice.follows($0) }) ?? true else {
          throw Fault.outOfOrder(title: title, location: location)
        }
        guard try take(slice) else { return }
        before = slice
        guard next < numbers.upperBound else { return }
        next += 1
      }
    }
  }
}
