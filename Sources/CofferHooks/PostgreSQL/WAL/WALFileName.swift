import CofferSystem

/// The name of a file that PostgreSQL hands to its `archive_command`, or asks its `restore_command` for.
public enum WALFileName: Sendable, Equatable {
  /// A segment: its timeline, and the 16 digits behind it as a number.
  case segment(timeline: UInt32, number: UInt64)
  /// The last segment of a timeline that another went on from before it was full.
  case partial(timeline: UInt32, number: UInt64)
  /// Where a base backup began, `offset` bytes into a segment.
  case backup(timeline: UInt32, number: UInt64, offset: UInt32)
  /// Which timelines a timeline goes out from.
  case history(timeline: UInt32)

  /// - Returns: nil for any other name: also for what PostgreSQL never asks for, a timeline 0 for example.
  public init?(_ text: String) {
    let parts = text.parts(by: ".")
    guard let first = parts.first else { return nil }
    switch (first.utf8.count, parts.count) {
    case (24, 1), (24, 2), (24, 3):
      guard let timeline = Self.number(String(decoding: first.utf8.prefix(8), as: UTF8.self), 8),
        let number = Self.number(String(decoding: first.utf8.dropFirst(8), as: UTF8.self), 16), timeline > 0
      else { return nil }
      if parts.count == 1 {
        self = .segment(timeline: UInt32(timeline), number: number)
      } else if parts.count == 2, parts[1].isSame(as: "partial") {
        self = .partial(timeline: UInt32(timeline), number: number)
      } else if parts.count == 3, parts[2].isSame(as: "backup"), let offset = Self.number(parts[1], 8) {
        self = .backup(timeline: UInt32(timeline), number: number, offset: UInt32(offset))
      } else {
        return nil
      }
    case (8, 2):
      guard parts[1].isSame(as: "history"), let timeline = Self.number(first, 8), timeline > 0 else { return nil }
      self = .history(timeline: UInt32(timeline))
    default: return nil
    }
  }

  public var timeline: UInt32 {
    switch self {
    case .segment(let timeline, _), .partial(let timeline, _), .backup(let timeline, _, _), .history(let timeline):
      timeline
    }
  }

  /// As PostgreSQL writes it.
  public var text: String {
    switch self {
    case .segment(let timeline, let number): Self.digits(timeline) + Self.digits(number)
    case .partial(let timeline, let number): Self.digits(timeline) + Self.digits(number) + ".partial"
    case .backup(let timeline, let number, let offset):
      "\(Self.digits(timeline))\(Self.digits(number)).\(Self.digits(offset)).backup"
    case .history(let timeline): Self.digits(timeline) + ".history"
    }
  }

  private static func digits(_ number: some FixedWidthInteger & UnsignedInteger) -> String {
    let text = String(number, radix: 16, uppercase: true)
    return String(repeating: "0", count: type(of: number).bitWidth / 4 - text.utf8.count) + text
  }

  /// PostgreSQL writes capital letters only.
  private static func number(_ text: String, _ count: Int) -> UInt64? {
    let isRight = text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x41...0x46).contains($0) }
    return isRight && text.utf8.count == count ? UInt64(text, radix: 16) : nil
  }
}
