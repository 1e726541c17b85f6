import CofferConfiguration
import CofferSystem

/// Something that monitoring services are told.
public struct MonitoringEvent: Sendable {
  public let state: MonitoringState
  /// What is known so far.
  public let report: RunReport
  /// What was said so far, the newest last.
  public let log: [LogLine]

  public init(_ state: MonitoringState, report: RunReport, log: [LogLine] = []) {
    self.state = state
    self.report = report
    self.log = log
  }
}

extension MonitoringEvent {
  /// The newest lines, in at most `limit` bytes; `...` stands for what was left out.
  ///
  /// - Parameter limit: 0 for no limit.
  func logText(limit: Int) -> String {
    let text = log.map { $0.text + "\n" }.joined()
    guard limit > 0, text.utf8.count > limit else { return text }
    let mark = "...\n"
    let tail = text.utf8.suffix(max(limit - mark.utf8.count, 0))
    // Whole lines, unless the newest alone is too long.
    let wholeLines = tail.firstIndex(of: UInt8(ascii: "\n")).map { tail[tail.index(after: $0)...] }
    return mark + String(decoding: wholeLines.flatMap { $0.isEmpty ? nil : $0 } ?? tail, as: UTF8.self)
  }
}
