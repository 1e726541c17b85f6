import CofferSystem

/// The last groups of events of each of MariaDB's replication domains.
public struct GTIDPosition: Sendable, Equatable {
  private var domains: [UInt32: BinaryLogGTID] = [:]
  /// Whether it is all of the position, and not what was seen of it.
  public private(set) var isKnown: Bool

  /// Domains that are kept at most: each is as old as a server's configuration.
  private static let limit = 4096

  /// A position of which nothing is known.
  public init() {
    isKnown = false
  }

  /// - Parameter text: As servers write it: `0-1-100,1-1-7`.
  /// - Returns: nil for anything else.
  public init?(_ text: String) {
    isKnown = true
    for part in text.parts(by: ",", keepingEmpty: false) {
      guard let gtid = BinaryLogGTID(part), domains.count < Self.limit else { return nil }
      domains[gtid.domain] = gtid
    }
  }

  /// As servers write it, domains in their order; nil where it is not known.
  public var text: String? {
    guard isKnown else { return nil }
    return domains.sorted { $0.key < $1.key }.map(\.value.text).joined(separator: ",")
  }

  /// Takes the beginning of a group in.
  mutating func begin(_ event: BinaryLogEvent, _ body: UnsafeRawBufferPointer) {
    guard isKnown, let gtid = BinaryLogGTID(event, body) else { return isKnown = false }
    guard domains[gtid.domain] != nil || domains.count < Self.limit else { return isKnown = false }
    domains[gtid.domain] = gtid
  }

  /// Takes what a file begins with: how many (the low 28 bits of 4 bytes), then of each its domain (4), server (4) and sequence (8); of a
  /// domain's the last counts.
  mutating func read(list body: UnsafeRawBufferPointer) {
    domains = [:]
    isKnown = false
    guard body.count >= 4 else { return }
    let count = Int(UInt32(littleEndian: body.loadUnaligned(as: UInt32.self)) & 0x0fff_ffff)
    guard body.count - 4 >= count * 16 else { return }
    for number in 0..<count {
      let offset = 4 + number * 16
      let domain = UInt32(littleEndian: body.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
      guard domains[domain] != nil || domains.count < Self.limit else { return }
      domains[domain] = BinaryLogGTID(
        domain: domain, server: UInt32(littleEndian: body.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)),
        sequence: UInt64(littleEndian: body.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self)))
    }
    isKnown = true
  }

  /// Whether it has a group of events, or one that is behind it in the same domain.
  public func includes(_ gtid: BinaryLogGTID) -> Bool {
    domains[gtid.domain].map { $0.sequence >= gtid.sequence } ?? false
  }

  /// The last numbers of those domains that another position has nothing of.
  func sequences(missingIn other: GTIDPosition) -> [UInt32: UInt64] {
    domains.filter { other.domains[$0.key] == nil }.mapValues(\.sequence)
  }

  /// Whether what a file begins with is what those before it end with; a domain may have been taken out since.
  func leads(to list: GTIDPosition) -> Bool {
    list.domains.allSatisfy { domain, last in domains[domain].map { $0 == last } ?? false }
  }
}
