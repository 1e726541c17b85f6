/// A set of numbers below 64: the model's chunks, packs, index objects, archives and rounds are numbers.
struct SmallSet: Hashable, ExpressibleByArrayLiteral {
  private(set) var bits: UInt64 = 0

  init(bits: UInt64 = 0) {
    self.bits = bits
  }

  init(arrayLiteral elements: Int...) {
    for element in elements { insert(element) }
  }

  var isEmpty: Bool { bits == 0 }
  var count: Int { bits.nonzeroBitCount }
  var last: Int? { bits == 0 ? nil : 63 - bits.leadingZeroBitCount }

  var elements: [Int] {
    var elements: [Int] = []
    var rest = bits
    while rest != 0 {
      elements.append(rest.trailingZeroBitCount)
      rest &= rest - 1
    }
    return elements
  }

  func contains(_ element: Int) -> Bool { bits & (1 << UInt64(element)) != 0 }
  func meets(_ other: SmallSet) -> Bool { bits & other.bits != 0 }
  func isSubset(of other: SmallSet) -> Bool { bits & ~other.bits == 0 }

  mutating func insert(_ element: Int) { bits |= 1 << UInt64(element) }
  mutating func remove(_ element: Int) { bits &= ~(1 << UInt64(element)) }

  static func | (one: SmallSet, other: SmallSet) -> SmallSet { SmallSet(bits: one.bits | other.bits) }
  static func & (one: SmallSet, other: SmallSet) -> SmallSet { SmallSet(bits: one.bits & other.bits) }
  static func - (one: SmallSet, other: SmallSet) -> SmallSet { SmallSet(bits: one.bits & ~other.bits) }
}
