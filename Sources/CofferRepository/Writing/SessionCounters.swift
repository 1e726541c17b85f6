import Synchronization

/// How far a session is, in bytes.
public struct SessionProgress: Sendable, Equatable {
  /// Bytes read from all streams.
  public var read: UInt64
  /// Bytes of files that were not read, because they are as they were.
  public var unread: UInt64
  /// Plain bytes of chunks that the repository did not have.
  public var new: UInt64
  /// Bytes added to the store.
  public var stored: UInt64
}

/// The counters behind `SessionProgress`, touched by every thread of a session.
final class SessionCounters: Sendable {
  private let read = Atomic<UInt64>(0)
  private let unread = Atomic<UInt64>(0)
  private let new = Atomic<UInt64>(0)
  private let stored = Atomic<UInt64>(0)

  func addRead(_ count: Int) { read.wrappingAdd(UInt64(count), ordering: .relaxed) }
  func addUnread(_ count: UInt64) { unread.wrappingAdd(count, ordering: .relaxed) }
  func addNew(_ count: Int) { new.wrappingAdd(UInt64(count), ordering: .relaxed) }
  func addStored(_ count: Int) { stored.wrappingAdd(UInt64(count), ordering: .relaxed) }

  var progress: SessionProgress {
    SessionProgress(
      read: read.load(ordering: .relaxed), unread: unread.load(ordering: .relaxed), new: new.load(ordering: .relaxed),
      stored: stored.load(ordering: .relaxed))
  }
}
