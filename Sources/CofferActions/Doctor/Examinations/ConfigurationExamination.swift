import CofferConfiguration
import CofferSystem

/// Whether the configuration means what its writer thinks.
struct ConfigurationExamination: Examination {
  let name = "configuration"

  func findings(_ patient: Patient) throws -> [Finding] {
    let configuration = patient.configuration
    let context = patient.context()
    let places = configuration.repositories.compactMap { RepositoryLocation($0).problem(context) }
    let services = patient.run.services.problems(in: context.root)
    var findings =
      places.map { Finding.problem("\($0.mark)", $0.message, $0.suggestion) }
      + services.flatMap { Finding.problems($0.error) }
    do {
      _ = try SourceSelection(
        context.root, folder: context.folder, home: context.surroundings.environment.home,
        repositories: patient.repositories.compactMap { $0.folder(context) })
    } catch {
      findings += Finding.problems(error)
    }
    let notices = configuration.notices
    let old = notices.deprecated + notices.ignored + notices.remarks + notices.repeated + notices.planned
    findings += old.map { notice in
      Finding.advice("\(notice.mark)", "\(notice.name): \(notice.text)", "Correct the line")
    }
    return findings.isEmpty ? [.ok(configuration.path, "valid")] : findings
  }
}
