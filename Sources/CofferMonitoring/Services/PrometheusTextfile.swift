import CofferConfiguration
import CofferSystem
import Glibc

/// Writes figures for Prometheus into a file that node_exporter reads.
struct PrometheusTextfile: MonitoringService {
  static let option = PrometheusOptions.section

  private let file: MetricsFile

  init(_ settings: MonitoringSettings) throws {
    file = try MetricsFile(
      try settings.required(PrometheusOptions.textfile), option: settings.name(of: PrometheusOptions.textfile))
  }

  var states: [MonitoringState] { [.finish, .fail, .log] }

  func deliver(_ event: MonitoringEvent, through couriers: Couriers) throws {
    // Of a run that ends there is other news; of one that was skipped, none.
    guard event.state != .log || event.report.isSkipped else { return }
    try file.update { $0.update(with: event.report, isSuccess: event.state == .finish) }
  }
}
