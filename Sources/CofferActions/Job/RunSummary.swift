import CofferMonitoring
import CofferSystem

/// What became of all jobs of a run together: told where there were several repositories, which scroll by one after the other.
struct RunSummary {
  private let reports: [RunReport]
  private let seconds: Double

  /// - Parameters:
  ///   - reports: Of each configuration file, in the order in which they had their turn.
  ///   - seconds: That all of it took.
  init(_ reports: [RunReport], seconds: Double) {
    self.reports = reports
    self.seconds = seconds
  }

  /// Whether there is anything to be put together.
  var isWorthSaying: Bool { repositories.count > 1 || reports.count > 1 }

  private var repositories: [RepositoryReport] { reports.flatMap(\.repositories) }

  private func count(_ outcome: Outcome) -> Int { repositories.count { Outcome($0) == outcome } }

  private enum Outcome: String {
    case done, failed, skipped

    init(_ repository: RepositoryReport) {
      self = repository.isSkipped ? .skipped : repository.isSuccess ? .done : .failed
    }
  }

  /// The first line has the numbers; below it is a line for each repository.
  var text: String {
    let parts = [Outcome.done, .failed, .skipped].map { ($0, count($0)) }.filter { $0.1 > 0 || $0.0 == .done }
      .map { "\($0.1) \($0.0.rawValue)" }
    let files = reports.count > 1 ? " in \(reports.count) configuration files" : ""
    let errors = reports.reduce(0) { $0 + $1.errors.count }
    let told = errors > 0 ? ", \(errors) \(errors == 1 ? "error" : "errors")" : ""
    let repositories = "\(repositories.count) \(repositories.count == 1 ? "repository" : "repositories")"
    let head = "\(repositories)\(files): \(parts.joined(separator: ", "))\(told); \(Formats.duration(seconds))"
    let rows = reports.flatMap { report in report.repositories.map { row($0, of: report) } }
    return head + "\n" + Formats.table(rows).parts(by: "\n").map { "  " + $0 }.joined(separator: "\n")
  }

  private func row(_ repository: RepositoryReport, of report: RunReport) -> [String] {
    let failedDumps = repository.dumps.count { $0.bytes == nil }
    let dumps = repository.dumps.count == 1 ? "1 dump" : "\(repository.dumps.count) dumps"
    let archive = repository.archive
    return [
      repository.name + (reports.count > 1 ? " (\(report.configuration))" : ""), Outcome(repository).rawValue,
      repository.dumps.isEmpty ? "" : dumps + (failedDumps > 0 ? ", \(failedDumps) failed" : ""),
      archive.map { "\(Formats.size($0.bytesRead)), \(Formats.size($0.bytesStored)) stored" } ?? "",
      archive.map { Formats.duration($0.seconds) } ?? "",
    ]
  }

  var json: JSONValue {
    .object([
      "duration": .real(seconds), "done": .number(count(.done)), "failed": .number(count(.failed)),
      "skipped": .number(count(.skipped)), "errors": .number(reports.reduce(0) { $0 + $1.errors.count }),
      "repositories": .list(
        reports.flatMap { report in report.repositories.map { object($0, of: report) } }),
    ])
  }

  private func object(_ repository: RepositoryReport, of report: RunReport) -> JSONValue {
    let archive = repository.archive
    return .object([
      "configuration": .text(report.configuration), "location": .text(repository.path),
      "label": JSONValue(repository.label), "outcome": .text(Outcome(repository).rawValue),
      "dumps": .number(repository.dumps.count), "failed_dumps": .number(repository.dumps.count { $0.bytes == nil }),
      "archive": JSONValue(archive?.name), "original_size": JSONValue(archive.map { Int(clamping: $0.bytesRead) }),
      "deduplicated_size": JSONValue(archive.map { Int(clamping: $0.bytesStored) }),
      "duration": archive.map { .real($0.seconds) } ?? .null,
    ])
  }
}
