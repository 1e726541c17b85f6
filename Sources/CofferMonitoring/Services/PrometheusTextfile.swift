import CofferConfiguration
import CofferSystem
import Foundation

/// Writes figures for Prometheus into a file that node_exporter reads.
struct PrometheusTextfile: MonitoringService {
  static let option = PrometheusOptions.section

  private let path: String

  init(_ settings: MonitoringSettings) throws {
    path = try settings.required(PrometheusOptions.textfile)
    guard path.hasPrefix("/"), path.hasSuffix(".prom") else {
      throw MonitoringError.malformed(
        option: settings.name(of: PrometheusOptions.textfile), suggestion: "Write an absolute path that ends in .prom")
    }
  }

  var states: [MonitoringState] { [.finish, .fail] }

  func deliver(_ event: MonitoringEvent, through couriers: Couriers) throws {
    // Another run that ends at the same moment must not undo what this one writes.
    let folder = (path as NSString).deletingLastPathComponent
    let lock = try FileDescriptor(opening: folder, flags: O_RDONLY | O_DIRECTORY)
    while flock(lock.number, LOCK_EX) != 0 {
      guard errno == EINTR else { throw SystemError(call: "flock", subject: folder) }
    }
    let old = FileManager.default.contents(atPath: path) ?? Data()
    var metrics = Metrics(parsing: String(decoding: old, as: UTF8.self))
    metrics.update(with: event.report, isSuccess: event.state == .finish)
    try replace(with: metrics.text)
  }

  /// A reader finds the old file or the new one, never a part.
  private func replace(with text: String) throws {
    // node_exporter reads what ends in .prom, and may run as another user.
    let temporary = "\(path).new"
    let file = try FileDescriptor(opening: temporary, flags: O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: 0o644)
    fchmod(file.number, 0o644)
    try Array(text.utf8).withUnsafeBytes { try file.writeAll($0, subject: temporary) }
    try file.close(subject: temporary)
    guard rename(temporary, path) == 0 else { throw SystemError(call: "rename", subject: path) }
  }
}
