import CofferStorage
import CofferSystem
import FoundationEssentials

/// What there is of one server's log that counts for who reads it, by the names of its objects.
public struct LogCoverage {
  /// Segments that follow each other.
  public struct Stretch: Sendable, Equatable {
    public let first: LogPlace
    public let last: LogPlace
  }

  private let objects: [LogStore.Listed]
  private let store: LogStore

  init(_ objects: [LogStore.Listed], _ store: LogStore) {
    self.objects = objects
    self.store = store
  }

  /// Of which there is something, in order.
  var histories: [UInt32] { Set(objects.map(\.name.first.history)).sorted() }

  /// What there is without a gap of a history, in order.
  ///
  /// - Parameter exponent: As places have it.
  public func stretches(history: UInt32, exponent: UInt8) -> [Stretch] {
    let names = objects.map(\.name).filter { $0.first.history == history && $0.first.exponent == exponent }
    return LogInventory.stretches(names).map { Stretch(first: $0.first, last: $0.last) }
  }

  /// When a segment was put, as it says itself, or received, if that was before.
  ///
  /// - Returns: nil where the segment is not there, or not any more.
  /// - Throws: `RepositoryError`; `StorageError`; `RunCancelled`.
  public func time(of place: LogPlace) throws -> Date? {
    for listed in objects where listed.name.covers(place) {
      let object: LogObject
      do { object = try store.open(listed) } catch StorageError.missing { continue }
      guard let number = object.segment(at: place) else { continue }
      let own = object.directory.segments[number].date
      // What is joined was received before it was joined.
      return listed.name.kind == .joined ? own : min(own, listed.status.received)
    }
    return nil
  }
}
