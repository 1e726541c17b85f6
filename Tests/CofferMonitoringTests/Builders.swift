import CofferConfiguration
import CofferSystem
import Foundation
import Testing

@testable import CofferMonitoring

/// Makes a service of the lines of its section.
func service<Service: MonitoringService>(_ type: Service.Type, _ lines: String...) throws -> Service {
  let section = lines.map { "  \($0)\n" }.joined()
  let text = "repositories: [{path: /r}]\n\(Service.option.name):\n\(section)"
  let reader = FileReader(
    read: { (path) throws(SystemError) in
      if path == "/secret" { return Array("from file\n".utf8) }
      return Array(text.utf8)
    }, entries: { _ in nil })
  let environment = ProcessEnvironment([:])
  let root = try ConfigurationLoader(files: reader, environment: environment, currentFolder: "/").load("/c.yaml").root
  return try Service(
    MonitoringSettings(
      try #require(root[Service.option]),
      credentials: CredentialResolver(files: reader, environment: environment, folder: "/")))
}

let noon = Date(timeIntervalSince1970: 1_800_000_000)

/// A run of two repositories; in the second a database fails.
func report(errors: [String] = []) -> RunReport {
  var report = RunReport(
    configuration: "/etc/coffer/config.yaml", hostname: "db1", actions: ["create", "check"], start: noon)
  var local = RepositoryReport(path: "/mnt/backup", label: "local")
  local.archive = ArchiveReport(
    name: "db1-1", start: noon, end: noon + 6.5, bytesRead: 589_000_000, bytesNew: 94_400_000, bytesStored: 3_470_000)
  local.dumps = [dump("users", bytes: 400_000), dump("it's \"odd\" \\ \n", bytes: 7)]
  var remote = RepositoryReport(path: "/mnt/remote", label: nil)
  remote.dumps = [dump("users", bytes: nil)]
  remote.isSuccess = errors.isEmpty
  report.repositories = errors.isEmpty ? [local] : [local, remote]
  report.errors = errors
  report.end = noon + 75
  return report
}

func dump(_ database: String, bytes: UInt64?) -> DumpReport {
  DumpReport(
    hook: "postgresql_databases", place: "localhost", database: database, end: noon + 2, seconds: 1.25, bytes: bytes)
}

func event(_ state: MonitoringState, log: [String] = []) -> MonitoringEvent {
  MonitoringEvent(
    state, report: report(errors: state == .fail ? ["users: It is broken", "other: Also"] : []),
    log: log.map { LogLine(time: noon + 1, text: $0) })
}

extension HTTPRequest {
  var text: String { String(decoding: body, as: UTF8.self) }

  func header(_ name: String) -> String? { headers.first { $0[0] == name }?[1] }

  /// Compares a JSON body, whatever the order of its keys.
  func expectJSON(_ expected: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let object = try JSONSerialization.jsonObject(with: Data(body)) as? NSDictionary
    let other = try JSONSerialization.jsonObject(with: Data(expected.utf8)) as? NSDictionary
    #expect(object == other, "\(text)", sourceLocation: sourceLocation)
  }
}

extension Couriers {
  /// Those of the machine, with little patience.
  static func impatient(path: String = "/usr/bin:/bin") -> Couriers {
    Couriers(
      http: HTTPClient(userAgent: "coffer/1.2.3", seconds: 1), mail: MailClient(hostname: "db1", seconds: 5),
      launcher: SystemProcessLauncher(), environment: ProcessEnvironment(["PATH": path]))
  }
}
