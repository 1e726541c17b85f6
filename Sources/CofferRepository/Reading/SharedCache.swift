import CofferSystem

/// Values that are made once and shared between threads; those used last are kept, as far as there is room for them.
///
/// Whoever asks for a value that another thread is making waits for it. A value that could not be made is made anew by
/// the next who asks.
package final class SharedCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
  private struct Entry: Sendable {
    /// nil while it is being made.
    var value: Value?
    var weight = 0
    var lastUse: UInt64
  }

  private struct State: Sendable {
    var entries: [Key: Entry] = [:]
    var uses: UInt64 = 0
    var weight = 0

    mutating func use(_ key: Key) -> Value? {
      uses += 1
      entries[key]?.lastUse = uses
      return entries[key]?.value
    }

    mutating func add(_ value: Value, weighing weight: Int, for key: Key) {
      guard entries[key] != nil else { return }
      entries[key]?.value = value
      entries[key]?.weight = weight
      self.weight += weight
    }

    /// Makes room for some more at once, so that it is seldom looked for. What was used last stays, however heavy it is.
    mutating func makeRoom(_ capacity: Int) {
      guard weight > capacity else { return }
      let known = entries.filter { [uses] in $0.value.value != nil && $0.value.lastUse < uses }
      for (key, entry) in known.sorted(by: { $0.value.lastUse < $1.value.lastUse }) {
        guard weight > capacity - capacity / 8 else { return }
        weight -= entry.weight
        entries[key] = nil
      }
    }
  }

  private let capacity: Int
  private let weigh: @Sendable (Value) -> Int
  private let state = Monitor(State())

  /// - Parameters:
  ///   - capacity: What the values that are kept may weigh together.
  ///   - weigh: A value's weight; each is 1 by default.
  package init(capacity: Int, weigh: @escaping @Sendable (Value) -> Int = { _ in 1 }) {
    self.capacity = capacity
    self.weigh = weigh
  }

  /// Returns a value that is there, which does not count as a use.
  func known(_ key: Key) -> Value? { state.update { $0.entries[key]?.value } }

  /// Returns the key's value, calling `make` if it is not there and nobody else is making it.
  ///
  /// - Throws: What `make` throws.
  package func value(of key: Key, make: () throws -> Value) throws -> Value {
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
        state.add(value, weighing: weigh(value), for: key)
        state.makeRoom(capacity)
      }
      return value
    } catch {
      state.update { $0.entries[key] = nil }
      throw error
    }
  }
}
