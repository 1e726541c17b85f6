/// What options that are fine by themselves must be to each other.
enum Coherence {
  static func problems(of configuration: Configuration) -> [ConfigurationProblem] {
    checkedRepositories(configuration)
  }

  /// `check_repositories` names configured ones.
  private static func checkedRepositories(_ configuration: Configuration) -> [ConfigurationProblem] {
    let known = configuration.repositories.flatMap {
      [$0[RepositoryOptions.path], $0[RepositoryOptions.label]].compactMap(\.self)
    }
    let named = configuration.root.node[CheckOptions.repositories.name]?.elements ?? []
    return named.compactMap { node in
      guard let name = node.text, !known.contains(name) else { return nil }
      let nearest = NearestName.of(name, among: known)
      return ConfigurationProblem(
        mark: node.mark, message: "There is no repository '\(name)' to check",
        suggestion: nearest.map { "Did you mean '\($0)'?" } ?? "Configured: \(known.joined(separator: ", "))")
    }
  }
}
