import CofferSystem

/// What MySQL calls a transaction in its log: the server that committed it first, and its number there.
public struct MySQLGTID: Sendable, Hashable {
  /// A server_uuid, in small letters.
  public let server: String
  public let number: UInt64

  /// Bytes of an event up to where both are: flags (1), the server (16), the number (8).
  private static let (start, uuidSize, size) = (1, 16, 25)
  /// GNO_END of the server's source: numbers are below it.
  static let numberLimit = UInt64(Int64.max)

  /// - Parameter text: As servers write it: `3e11fa47-71ca-11e1-9e33-c80aa9429562:23`.
  /// - Returns: nil for anything else, several transactions and those with a tag among it.
  public init?(_ text: String) {
    let parts = text.parts(by: ":")
    guard parts.count == 2, let server = Self.server(parts[0]), let number = Self.number(parts[1]) else { return nil }
    (self.server, self.number) = (server, number)
  }

  /// Of the event that a transaction begins with (GTID_LOG_EVENT).
  ///
  /// - Parameter body: Without header and checksum.
  /// - Returns: nil for one that is too short, or has no number that a transaction has.
  init?(_ body: UnsafeRawBufferPointer) {
    guard body.count >= Self.size else { return nil }
    server = Self.server(UnsafeRawBufferPointer(rebasing: body[Self.start..<Self.start + Self.uuidSize]))
    number = UInt64(littleEndian: body.loadUnaligned(fromByteOffset: Self.start + Self.uuidSize, as: UInt64.self))
    guard number > 0, number < Self.numberLimit else { return nil }
  }

  public var text: String { "\(server):\(number)" }

  /// - Returns: nil for what is no UUID; with small letters.
  static func server(_ text: String) -> String? {
    let groups = text.parts(by: "-")
    guard groups.map(\.utf8.count) == [8, 4, 4, 4, 12],
      groups.allSatisfy({ $0.utf8.allSatisfy { $0.hexadecimalValue != nil } })
    else { return nil }
    return text.asciiLowercased
  }

  /// - Parameter bytes: 16.
  static func server(_ bytes: UnsafeRawBufferPointer) -> String {
    let digits = Array(bytes.hexadecimal.utf8)
    let groups = [0..<8, 8..<12, 12..<16, 16..<20, 20..<digits.count].map {
      String(decoding: digits[$0], as: UTF8.self)
    }
    return groups.joined(separator: "-")
  }

  /// - Returns: nil for what is no number of a transaction.
  static func number(_ text: String) -> UInt64? {
    guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt64(text), number > 0,
      number < numberLimit
    else { return nil }
    return number
  }
}

/// The transactions that a MySQL server has, by their GTIDs.
///
/// Those with a tag, which version 8.3 has brought, are not read: then it is not known which there are.
public struct MySQLGTIDSet: Sendable, Equatable {
  /// Of each server, in order, apart from each other.
  private var ranges: [String: [ClosedRange<UInt64>]] = [:]
  private var count = 0
  /// Whether it has all of them, and not what was seen of them.
  public private(set) var isKnown: Bool

  /// Stretches that are kept at most; servers have few. A set that would have more has none, and is not known any more.
  private static let limit = 100_000
  private var isFull = false

  /// A set of which nothing is known.
  public init() {
    isKnown = false
  }

  /// - Parameter text: As servers write it: `3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:7, ...`; with line breaks as well.
  /// - Returns: nil for anything else, and for a set that has transactions with a tag.
  public init?(_ text: String) {
    isKnown = true
    for part in text.parts(by: ",") where !part.trimmed.isEmpty {
      let words = part.parts(by: ":").map(\.trimmed)
      guard words.count > 1, let server = MySQLGTID.server(words[0]) else { return nil }
      for word in words.dropFirst() {
        let ends = word.parts(by: "-").map { MySQLGTID.number($0) }
        guard ends.count <= 2, let first = ends[0], let last = ends[ends.count - 1], first <= last else { return nil }
        insert(first...last, of: server)
      }
    }
    guard isKnown else { return nil }
  }

  /// Takes what a file begins with (PREVIOUS_GTIDS_LOG_EVENT): how many servers (8), then of each its UUID (16) and how many stretches (8),
  /// of each of these its first number (8) and the one behind its last (8).
  mutating func read(list body: UnsafeRawBufferPointer) {
    self = MySQLGTIDSet()
    var offset = 0
    func number() -> UInt64? {
      guard body.count - offset >= 8 else { return nil }
      defer { offset += 8 }
      return UInt64(littleEndian: body.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
    // With tags the first byte that is high says so, and the number is none.
    guard let servers = number(), servers <= UInt64(body.count) else { return }
    isKnown = true
    for _ in 0..<servers {
      guard body.count - offset >= 16 else { return isKnown = false }
      let server = MySQLGTID.server(UnsafeRawBufferPointer(rebasing: body[offset..<offset + 16]))
      offset += 16
      guard let stretches = number(), stretches <= UInt64(body.count) else { return isKnown = false }
      var last: UInt64 = 0
      for _ in 0..<stretches {
        // Servers have them in order, apart from each other.
        guard let first = number(), let end = number(), last < first, first < end, end <= MySQLGTID.numberLimit else {
          return isKnown = false
        }
        insert(first...(end - 1), of: server)
        last = end
        if isFull { return }
      }
    }
    if offset != body.count { isKnown = false }
  }

  mutating func insert(_ gtid: MySQLGTID) { insert(gtid.number...gtid.number, of: gtid.server) }

  private mutating func insert(_ new: ClosedRange<UInt64>, of server: String) {
    guard !isFull else { return }
    count += ranges[server, default: []].insert(joining: new)
    guard count > Self.limit else { return }
    (ranges, count, isKnown, isFull) = ([:], 0, false, true)
  }

  public func contains(_ gtid: MySQLGTID) -> Bool {
    ranges[gtid.server]?.contains { $0.contains(gtid.number) } ?? false
  }

  /// As servers write it; nil where it is not known.
  public var text: String? {
    guard isKnown else { return nil }
    return ranges.sorted { $0.key < $1.key }.map { server, own in
      let stretches = own.map {
        $0.lowerBound == $0.upperBound ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)"
      }
      return "\(server):\(stretches.joined(separator: ":"))"
    }.joined(separator: ",")
  }
}

extension [ClosedRange<UInt64>] {
  /// Adds numbers to such stretches in order, apart from each other; those that touch them become one with them.
  ///
  /// - Returns: How many more stretches there are.
  fileprivate mutating func insert(joining new: ClosedRange<UInt64>) -> Int {
    // It mostly follows the last.
    let first =
      last.map { $0.upperBound < new.lowerBound - 1 } ?? true ? count : place { $0.upperBound >= new.lowerBound - 1 }
    let end = first == count ? count : place { $0.lowerBound > new.upperBound + 1 }
    let touched = self[first..<end]
    let low = Swift.min(new.lowerBound, touched.first?.lowerBound ?? new.lowerBound)
    let high = Swift.max(new.upperBound, touched.last?.upperBound ?? new.upperBound)
    replaceSubrange(first..<end, with: [low...high])
    return 1 - (end - first)
  }

  /// The first of which something is so that is so of all behind it, too.
  private func place(where isSo: (ClosedRange<UInt64>) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = low + (high - low) / 2
      if isSo(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
