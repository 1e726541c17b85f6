import CofferConfiguration
import CofferSystem

/// `doctor`: says what keeps backups from being made, or from being of use.
enum DoctorAction {
  static let declaration = ActionDeclaration(
    "doctor", abstract: "Look whether backups can be made and restored, and say what to do.",
    discussion: """
      Looks at the configuration, at who may change it and read the passphrase, at every database by beginning its dump \
      and giving it up - programs, versions, servers and rights -, at the repositories, free space and the clock, and at \
      the last backup, check and proof. A line each; those that begin with TO DO must be done, and the exit code is 1 \
      then. Nothing is changed.
      """,
    flags: [SharedFlags.json], examples: ["coffer doctor", "coffer doctor --json --config /etc/coffer/config.yaml"],
    needsConfiguration: false, repositories: .none, run: run)

  /// What an action is that reads all that the examinations read.
  static let reading = ActionDeclaration(
    "doctor", abstract: "",
    options: [
      GeneralOptions.backup, SourceOptions.schema, CheckOptions.schema, VerifyOptions.schema, StatusOptions.schema,
    ], databases: .all, isMonitored: true, run: { _ in })

  private static func run(_ context: ActionContext) throws {
    let reports = try Doctor(context.run).reports()
    for report in reports {
      if context.wantsJSON {
        context.run.outcomes.add(report.json)
      } else {
        if reports.count > 1 { context.console.answer("Configuration \(report.configuration):") }
        context.console.answer(report.lines.joined(separator: "\n"), keepingLines: true)
      }
    }
    let count = reports.reduce(0) { $0 + $1.problemCount }
    if count > 0 { throw DoctorsFindings(count: count) }
  }
}
