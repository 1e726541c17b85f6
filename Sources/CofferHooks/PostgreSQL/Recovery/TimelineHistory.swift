import CofferSystem

/// Which timelines one goes out from, and where each of them was left.
///
/// The file that PostgreSQL writes (`access/transam/timeline.c`): a line a timeline, oldest first, of its number, the position, and a
/// remark; `#` begins a comment.
public struct TimelineHistory: Sendable, Equatable {
  /// A timeline on the way, and which part of the log is its own.
  public struct Part: Sendable, Equatable {
    public let timeline: UInt32
    public let start: LogSequenceNumber
    /// nil for the last.
    public let end: LogSequenceNumber?
  }

  /// In order; the last one is the timeline itself.
  public let parts: [Part]
  /// Bytes of such a file at most.
  public static let sizeLimit = 1 << 20

  /// A timeline that goes out from none.
  public init(of timeline: UInt32) {
    parts = [Part(timeline: timeline, start: LogSequenceNumber(0), end: nil)]
  }

  /// - Returns: nil for what is no such file.
  public init?(of timeline: UInt32, _ bytes: [UInt8]) {
    var parts: [Part] = []
    var start = LogSequenceNumber(0)
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      let words = String(decoding: line.prefix { $0 != UInt8(ascii: "#") }, as: UTF8.self).words
      if words.isEmpty { continue }
      guard words.count >= 2, let number = UInt32(words[0]), let end = LogSequenceNumber(words[1]), number > 0,
        number < timeline, number > parts.last?.timeline ?? 0, end >= start
      else { return nil }
      parts.append(Part(timeline: number, start: start, end: end))
      start = end
    }
    self.parts = parts + [Part(timeline: timeline, start: start, end: nil)]
  }

  public var timeline: UInt32 { parts.last?.timeline ?? 0 }

  /// The timeline whose own the byte at a position is.
  public func timeline(at position: LogSequenceNumber) -> UInt32? {
    parts.last { $0.start <= position }?.timeline
  }

  /// Whether a position of a timeline is on the way.
  public func holds(_ position: LogSequenceNumber, of timeline: UInt32) -> Bool {
    parts.contains { $0.timeline == timeline && ($0.end.map { position <= $0 } ?? true) }
  }
}
