import CofferSystem

/// Walks through the blocks of data behind the table of contents of a dump in pg_dump's custom format
/// (pg_backup_custom.c): the kind of block and the number of its entry, then pieces, each behind its length, up to one
/// without any. Large objects have their own numbers before their pieces, up to one that is zero.
struct CustomBlocks {
  struct Malformed: Error {}

  private enum State: Equatable {
    case kind
    case number
    case object
    case length
    case content(left: Int)
  }

  private static let rows: UInt8 = 1
  private static let objects: UInt8 = 3
  /// A sign and four bytes.
  private static let integerSize = 5

  private var state = State.kind
  private var kind: UInt8 = 0
  private var integer: UInt64 = 0
  private var integerCount = 0
  /// Whether the block that goes by is given out.
  private var isTaken = false
  /// How many bytes have gone by.
  private(set) var position: UInt64 = 0

  /// Whether no block is half through.
  var isBetweenBlocks: Bool { state == .kind }

  /// Takes the next bytes.
  ///
  /// - Parameters:
  ///   - begins: Told of each block, by the number of its entry, where it begins, and whether it has rows; says whether it
  ///     is given out.
  ///   - emit: Takes the bytes of these blocks.
  /// - Throws: `Malformed`; what `emit` throws.
  mutating func feed(
    _ bytes: UnsafeRawBufferPointer, begins: (Int, UInt64, Bool) throws -> Bool,
    emit: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    let start = position
    var (next, span) = (0, 0)
    func give(upTo end: Int) throws {
      if end > span { try emit(UnsafeRawBufferPointer(rebasing: bytes[span..<end])) }
    }
    while next < bytes.count {
      if case .content(let left) = state {
        let count = min(left, bytes.count - next)
        next += count
        state = count == left ? .length : .content(left: left - count)
        continue
      }
      if state == .kind {
        kind = bytes[next]
        guard kind == Self.rows || kind == Self.objects else { throw Malformed() }
        next += 1
        state = .number
        continue
      }
      guard let value = try takeInteger(bytes, &next) else { continue }
      switch state {
      case .number:
        isTaken = try begins(value, start + UInt64(next) - UInt64(Self.headSize), kind == Self.rows)
        if isTaken {
          try Self.head(kind, value).withUnsafeBytes { try emit($0) }
          span = next
        }
        state = kind == Self.objects ? .object : .length
      case .object where value != 0: state = .length
      case .length where value != 0: state = .content(left: value)
      case .length where kind == Self.objects: state = .object
      default:
        if isTaken { try give(upTo: next) }
        isTaken = false
        state = .kind
      }
    }
    if isTaken { try give(upTo: next) }
    position = start + UInt64(next)
  }

  /// How many bytes a block has before its pieces.
  private static let headSize = 1 + integerSize

  private static func head(_ kind: UInt8, _ number: Int) -> [UInt8] {
    [kind, 0] + (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
  }

  /// - Returns: nil when the bytes end before it does.
  private mutating func takeInteger(_ bytes: UnsafeRawBufferPointer, _ next: inout Int) throws -> Int? {
    while integerCount < Self.integerSize {
      guard next < bytes.count else { return nil }
      integer |= UInt64(bytes[next]) << (8 * UInt64(integerCount))
      integerCount += 1
      next += 1
    }
    let (sign, value) = (integer & 0xff, integer >> 8)
    (integer, integerCount) = (0, 0)
    guard sign == 0, value <= UInt64(Int32.max) else { throw Malformed() }
    return Int(value)
  }
}
