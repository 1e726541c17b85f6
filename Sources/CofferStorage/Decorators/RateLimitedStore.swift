import CofferSystem
import Synchronization

/// Keeps what is sent and received below so many bytes a second on the average, for all threads together.
///
/// A call goes at full speed; the next one in the same direction waits until what went before is paid for. What is small does
/// not wait, though it is paid for: the signs of life of a session would come too late behind packs.
public final class RateLimitedStore: ObjectStore {
  /// One direction.
  private final class Line: Sendable {
    private let rate: Double?
    /// When all that went before is paid for, in seconds of the steady clock.
    private let free = Mutex(-Double.infinity)

    init(_ rate: Int?) {
      self.rate = rate.map { Double(max($0, 1)) }
    }

    /// Seconds to wait before the next call.
    func wait(at now: Double) -> Double {
      rate == nil ? 0 : free.withLock { max($0 - now, 0) }
    }

    func pay(_ bytes: Int, at now: Double) {
      guard let rate else { return }
      free.withLock { $0 = max($0, now) + Double(bytes) / rate }
    }
  }

  /// Bytes up to which a call does not wait.
  public static let smallSize = 64 << 10

  private let store: any ObjectStore
  private let upload: Line
  private let download: Line
  private let clock: Clock
  private let pause: Pause

  /// - Parameters:
  ///   - uploadRate: Bytes a second; nil for any.
  ///   - downloadRate: Bytes a second; nil for any.
  public init(
    _ store: any ObjectStore, uploadRate: Int?, downloadRate: Int?, clock: Clock = .system,
    pause: @escaping Pause = systemPause
  ) {
    self.store = store
    upload = Line(uploadRate)
    download = Line(downloadRate)
    self.clock = clock
    self.pause = pause
  }

  public var location: String { store.location }

  public var abilities: StoreAbilities { store.abilities }

  public func learnAbilities(cancellation: Cancellation?) throws(StorageError) -> StoreAbilities {
    try store.learnAbilities(cancellation: cancellation)
  }

  public func expectTransfer(of bytes: UInt64) { store.expectTransfer(of: bytes) }

  public func makePlace(cancellation: Cancellation?) throws(StorageError) {
    try store.makePlace(cancellation: cancellation)
  }

  public func put(
    _ name: ObjectName, _ content: UnsafeRawBufferPointer, cancellation: Cancellation?
  ) throws(StorageError) {
    try wait(for: upload, content.count, cancellation)
    // Also for a put that fails: the bytes may have been sent.
    upload.pay(content.count, at: clock.steadySeconds())
    try store.put(name, content, cancellation: cancellation)
  }

  public func get(
    _ name: ObjectName, range: Range<Int>?, cancellation: Cancellation?
  ) throws(StorageError) -> [UInt8] {
    try wait(for: download, range?.count, cancellation)
    let bytes = try store.get(name, range: range, cancellation: cancellation)
    download.pay(bytes.count, at: clock.steadySeconds())
    return bytes
  }

  public func status(of name: ObjectName, cancellation: Cancellation?) throws(StorageError) -> ObjectStatus {
    try store.status(of: name, cancellation: cancellation)
  }

  /// Of what is read for it nothing is worth waiting for.
  public func stands(
    _ name: ObjectName, _ content: UnsafeRawBufferPointer, beginning: Int, cancellation: Cancellation?
  ) throws(StorageError) -> Bool {
    try store.stands(name, content, beginning: beginning, cancellation: cancellation)
  }

  public func list(
    _ folder: String, after last: ObjectName?, cancellation: Cancellation?, _ take: ([ObjectStatus]) -> Void
  ) throws(StorageError) {
    try store.list(folder, after: last, cancellation: cancellation, take)
  }

  public func inOrder(_ calls: OrderedCalls, cancellation: Cancellation?) throws(StorageError) -> [[ObjectStatus]]? {
    try store.inOrder(calls, cancellation: cancellation)
  }

  public func firstForeignEntry(
    besides isExpected: (String) -> Bool, cancellation: Cancellation?
  ) throws(StorageError) -> String? {
    try store.firstForeignEntry(besides: isExpected, cancellation: cancellation)
  }

  public func unlistedEntries(
    in folder: String, depth: Int, cancellation: Cancellation?
  ) throws(StorageError) -> [String] {
    try store.unlistedEntries(in: folder, depth: depth, cancellation: cancellation)
  }

  public func unfinishedPuts(cancellation: Cancellation?) throws(StorageError) -> [UnfinishedPut] {
    try store.unfinishedPuts(cancellation: cancellation)
  }

  public func remove(_ put: UnfinishedPut, cancellation: Cancellation?) throws(StorageError) {
    try store.remove(put, cancellation: cancellation)
  }

  public func delete(_ name: ObjectName, cancellation: Cancellation?) throws(StorageError) {
    try store.delete(name, cancellation: cancellation)
  }

  public var lockTime: Double? { store.lockTime }

  public func renewLock(of name: ObjectName, cancellation: Cancellation?) throws(StorageError) -> Bool {
    try store.renewLock(of: name, cancellation: cancellation)
  }

  /// - Parameter size: Bytes that will go; nil where that is not known.
  private func wait(for line: Line, _ size: Int?, _ cancellation: Cancellation?) throws(StorageError) {
    if let size, size <= Self.smallSize {
      if cancellation?.isCancelled == true { throw .cancelled(location: location) }
      return
    }
    while true {
      let seconds = line.wait(at: clock.steadySeconds())
      if cancellation?.isCancelled == true { throw .cancelled(location: location) }
      guard seconds > 0 else { return }
      pause(seconds, cancellation)
    }
  }
}
