import CofferConfiguration
import CofferMonitoring
import CofferSystem

/// `config validate`: reads the configuration and says what is wrong with it.
enum ConfigValidateAction {
  private static let show = Flag<Bool>("--show", "-s", help: "Print the configuration as it counts, secrets masked.")

  static let declaration = ActionDeclaration(
    "config validate", abstract: "Check the configuration files.",
    discussion: """
      All problems of a file are told, each with its line and column and the nearest valid name. Variables of the \
      environment need not be set for it.
      """,
    flags: [show], examples: ["coffer config validate --config config.yaml"],
    isMonitored: true, repositories: .none, run: run)

  /// Loading has checked the file already, but for what only kinds of stores and monitoring services know, and for secrets that are
  /// kept elsewhere, of which a run tells when it wants them.
  private static func run(_ context: ActionContext) throws {
    guard let configuration = context.configuration else { return }
    if context.flags.contains(show) {
      context.console.output(configuration.value(hidesSecrets: true).yaml)
    }
    let refused = configuration.repositories.compactMap { RepositoryLocation($0).problem(context) }
    let found = configuration.credentialProblems + refused
    let places = found.isEmpty ? [] : [ConfigurationError.invalid(path: configuration.path, found)]
    let problems = context.run.services.problems(in: configuration.root)
    guard places.isEmpty, problems.isEmpty else { throw SeveralErrors(places + problems.map(\.error)) }
    for placeholder in context.archiveName.unknownPlaceholders(in: context.archiveNameFormat) {
      context.console.warning(
        "\(configuration.path): archive_name_format: '\(placeholder)' is no placeholder, and stands in names as it is. There are "
          + "{hostname}, {fqdn}, {user}, {pid}, {unixtime}, {now} and {utcnow}")
    }
    context.console.answer("\(configuration.path): The configuration is valid")
  }
}
