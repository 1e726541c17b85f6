import CofferSystem

/// Keeps the values used last, up to a number of them.
struct RecentCache<Key: Hashable, Value> {
  private struct Entry {
    let value: Value
    var lastUse: UInt64
  }

  private let capacity: Int
  private var entries: [Key: Entry] = [:]
  private var uses: UInt64 = 0

  init(capacity: Int) {
    self.capacity = capacity
  }

  /// Getting counts as a use; setting drops the value used longest ago when there is no room.
  subscript(key: Key) -> Value? {
    mutating get {
      uses += 1
      entries[key]?.lastUse = uses
      return entries[key]?.value
    }
    set {
      guard let newValue else {
        entries[key] = nil
        return
      }
      uses += 1
      if entries.count >= capacity, entries[key] == nil,
        let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse })
      {
        entries[oldest.key] = nil
      }
      entries[key] = Entry(value: newValue, lastUse: uses)
    }
  }
}
