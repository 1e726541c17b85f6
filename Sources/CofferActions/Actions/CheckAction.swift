import CofferRepository
import CofferSystem

/// `check`: looks for damage.
enum CheckAction {
  private static let level = Flag(
    "--level", value: "N",
    help: "1: objects are what their names say. 2: and tables open and agree. 3: and every archive finds all it needs "
      + "(default). 4: and every byte decrypts, decompresses and hashes to what it should.")

  static let declaration = ActionDeclaration(
    "check", "-k", abstract: "Look for damage in the repositories; change nothing.",
    discussion:
      "Each level does what the ones below it do. Damage is told with the object and the archives it affects.",
    flags: [level, SharedFlags.repository], examples: ["coffer check --level 4"], run: run)

  private static func run(_ context: ActionContext) throws {
    guard let number = Int(context.flags[level] ?? "3"), let level = CheckLevel(rawValue: number) else {
      throw UsageError(
        argument: level.name, problem: "There is no such level", suggestion: "Write a number from 1 to 4")
    }
    try context.forEachRepository { location in
      let access = try context.open(location)
      let report = try access.repository.check(level, cancellation: context.cancellation)
      for finding in report.findings { context.console.error(finding.diagnosis) }
      guard report.findings.isEmpty else {
        throw DamageFound(repository: location.path, count: report.findings.count)
      }
      context.console.step(
        "\(location.path): \(report.objectCount) objects and \(report.archiveCount) archives are whole "
          + "(level \(level.rawValue))")
    }
  }
}

/// A check found damage; the findings were told one by one.
struct DamageFound: DiagnosableError, Equatable {
  let repository: String
  let count: Int

  var diagnosis: Diagnosis {
    Diagnosis(
      subject: "repository \(repository)", problem: "The check found damage in \(count) places",
      suggestion: "Copy the repository as it is, then make a new backup: chunks that come by again are stored anew")
  }
}
