import CofferConfiguration
import CofferSystem
import Glibc

/// Writes figures for Prometheus into a file that node_exporter reads.
struct PrometheusTextfile: MonitoringService {
  static let option = PrometheusOptions.section

  private let path: String

  init(_ settings: MonitoringSettings) throws {
    path = try settings.required(PrometheusOptions.textfile)
    guard path.begins(with: "/"), path.ends(with: ".prom") else {
      throw MonitoringError.malformed(
        option: settings.name(of: PrometheusOptions.textfile), suggestion: "Write an absolute path that ends in .prom")
    }
  }

  var states: [MonitoringState] { [.finish, .fail] }

  /// Longer files are not Coffer's.
  private static let sizeLimit = 16 << 20
  /// Seconds that another run is waited for. Whoever may read the folder can lock it, for ever: so this run goes on, and
  /// at worst what the other writes at the same moment is lost until its next run.
  private static let patience = 2.0

  func deliver(_ event: MonitoringEvent, through couriers: Couriers) throws {
    let place = try FilePlace(path)
    // Another run that ends at the same moment must not undo what this one writes.
    let lock = try place.folder.lock(patience: Self.patience)
    defer { withExtendedLifetime(lock) {} }
    // What is there may be anything, a link or a FIFO for example: then there is nothing to keep.
    let old = (try? place.folder.read(place.name, limit: Self.sizeLimit)) ?? []
    var metrics = Metrics(parsing: String(decoding: old, as: UTF8.self))
    metrics.update(with: event.report, isSuccess: event.state == .finish)
    // node_exporter reads what ends in .prom, and may run as another user.
    try place.folder.replace(place.name, with: Array(metrics.text.utf8), mode: 0o644)
  }
}
