import CofferSystem

/// Values that are made once and shared between threads; those used last are kept, up to a number of them.
///
/// Whoever asks for a value that another thread is making waits for it. A value that could not be made is made anew by
/// the next who asks.
final class SharedCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
  private struct Entry: Sendable {
    /// nil while it is being made.
    var value: Value?
    var lastUse: UInt64
  }

  private struct State: Sendable {
    var entries: [Key: Entry] = [:]
    var uses: UInt64 = 0

    mutating func use(_ key: Key) -> Value? {
      uses += 1
      entries[key]?.lastUse = uses
      return entries[key]?.value
    }

    mutating func makeRoom(_ capacity: Int) {
      guard entries.count > capacity else { return }
      let done = entries.lazy.filter { $0.value.value != nil }
      if let oldest = done.min(by: { $0.value.lastUse < $1.value.lastUse }) { entries[oldest.key] = nil }
    }
  }

  private let capacity: Int
  private let state = Monitor(State())

  init(capacity: Int) {
    self.capacity = capacity
  }

  /// Returns the key's value, calling `make` if it is not there and nobody else is making it.
  ///
  /// - Throws: What `make` throws.
  func value(of key: Key, make: () throws -> Value) throws -> Value {
    let known: Value? = state.wait(
      until: { $0.entries[key].map { $0.value != nil } ?? true },
      then: { state in
        if let value = state.use(key) { return value }
        state.entries[key] = Entry(value: nil, lastUse: state.uses)
        return nil
      })
    if let known { return known }
    do {
      let value = try make()
      state.update { state in
        state.entries[key]?.value = value
        state.makeRoom(capacity)
      }
      return value
    } catch {
      state.update { $0.entries[key] = nil }
      throw error
    }
  }
}
