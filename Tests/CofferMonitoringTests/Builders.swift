import CofferActions
import CofferConfiguration
import CofferHTTP
import CofferSystem
import Foundation
import Testing

@testable import CofferMonitoring

private let files = FileReader(
  read: { (path) throws(SystemError) in
    guard path == "/secret" else { throw SystemError(call: "open", subject: path, code: ENOENT) }
    return Array("from file\n".utf8)
  }, entries: { _ in nil })

/// Loads a configuration of a repository and these lines.
func root(_ text: String) throws -> ConfigurationSection {
  let reader = FileReader(
    read: { _ in Array("repositories: [{path: /r}]\n\(text)".utf8) }, entries: { _ in nil })
  return try ConfigurationLoader(
    files: reader, environment: ProcessEnvironment([:]), currentFolder: "/", options: .standard
  )
  .load("/c.yaml").root
}

/// Makes a service of the lines of its section.
func service<Service: MonitoringService>(_ type: Service.Type, _ lines: String...) throws -> Service {
  let root = try root("\(Service.option.name):\n" + lines.map { "  \($0)\n" }.joined())
  let credentials = CredentialResolver(files: files, environment: ProcessEnvironment([:]), folder: "/")
  return try Service(
    MonitoringSettings(
      try #require(root.given(Service.option)), of: Service.option.name, resolve: credentials.value))
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

func proof(_ database: String, isProven: Bool) -> ProofReport {
  ProofReport(
    hook: "postgresql_databases", place: "localhost", database: database, time: noon + 400, isProven: isProven,
    seconds: isProven ? 3.5 : nil, rows: isProven ? 7 : nil)
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
