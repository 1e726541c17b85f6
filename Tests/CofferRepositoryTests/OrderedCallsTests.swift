import CofferStorage
import CofferSystem
import Synchronization
import TestSupport
import Testing

@testable import CofferRepository

@Suite("Calls in an order")
struct OrderedCallsTests {
  /// A store that keeps an order, and whose answer to ordered calls is lost behind the put.
  private final class Losing: ForwardingStore {
    let store: any ObjectStore
    let tries = Mutex(0)

    init(_ store: any ObjectStore) {
      self.store = store
    }

    func inOrder(_ calls: OrderedCalls, cancellation: Cancellation?) throws(StorageError) -> [[ObjectStatus]]? {
      tries.withLock { $0 += 1 }
      if let put = calls.put { try store.put(put.name, put.content, cancellation: cancellation) }
      throw .failed(nil, location: location, StorageFailure(.transient, "request", reason: "the line was cut"))
    }
  }

  @Test("Calls whose answer is lost are made one by one, and the put finds its own bytes")
  func lostAnswer() throws {
    let test = try TestRepository()
    let losing = Losing(MemoryStore())
    var context = test.repository.context
    context.store = RunStore(losing, nil)
    let name = try #require(ObjectName("sessions/1"))
    let calls = OrderedCalls(put: .init(name, [1, 2, 3]), listing: [["gc"], ["sessions"]])
    let found = try context.inOrder(calls).map { try $0.get() }
    #expect(losing.tries.withLock { $0 } == 1)
    #expect(found.map { $0.map(\.name) } == [[], [name]])
    #expect(try losing.get(name, range: nil, cancellation: nil) == [1, 2, 3])
    // Somebody else's bytes are not taken for the put's.
    let others = OrderedCalls(put: .init(name, [9]), listing: [[], ["sessions"]])
    #expect(throws: StorageError.occupied(name, location: losing.location)) { try context.inOrder(others) }
  }

  @Test("A run that is to stop makes none of them, but what has to be known of what it put")
  func stopped() throws {
    let test = try TestRepository()
    let cancellation = try Cancellation()
    let store = Stopping(MemoryStore(), cancellation)
    var context = test.repository.context
    context.store = RunStore(store, cancellation)
    let put = OrderedCalls.NewObject(try #require(ObjectName("archives/1")), [1])
    #expect(
      try context.inOrder(OrderedCalls(put: put, listing: [[], ["archives"]], goOnBehindPut: true)).map {
        try $0.get().count
      } == [1])
    #expect(throws: RunCancelled.self) {
      for found in try context.inOrder(OrderedCalls(listing: [["archives"]])) { _ = try found.get() }
    }
  }

  /// A store behind whose put the run is to stop.
  private final class Stopping: ForwardingStore {
    let store: any ObjectStore
    private let cancellation: Cancellation

    init(_ store: any ObjectStore, _ cancellation: Cancellation) {
      self.store = store
      self.cancellation = cancellation
    }

    func put(
      _ name: ObjectName, _ content: UnsafeRawBufferPointer, cancellation: Cancellation?
    ) throws(StorageError) {
      try store.put(name, content, cancellation: cancellation)
      self.cancellation.cancel()
    }
  }
}
