/// What options that are fine by themselves must be to each other.
enum Coherence {
  static func problems(of configuration: Configuration) -> [ConfigurationProblem] {
    checkedRepositories(configuration) + commands(configuration)
      + compressions(configuration).filter { $0.1 == nil }.map { node, _ in
        ConfigurationProblem(
          mark: node.mark, message: "There is no compression '\(node.text ?? "")'",
          suggestion: "Write 'zstd,LEVEL' with a level from 1 to 19")
      }
  }

  /// Values that are understood, but not as they are elsewhere.
  static func remarks(on configuration: Configuration) -> [ConfigurationNotices.Notice] {
    monitoringOfRepositories(configuration)
      + compressions(configuration).compactMap { node, compression in
        compression?.remark.map { .init(mark: node.mark, name: GeneralOptions.compression.name, text: $0) }
      }
  }

  /// Monitoring services are told of files.
  private static func monitoringOfRepositories(_ configuration: Configuration) -> [ConfigurationNotices.Notice] {
    let services = MonitoringOptions.group.options.map(\.name)
    return configuration.repositories.flatMap { repository in
      repository.node.entries.filter { services.contains($0.key) }.map { entry in
        .init(
          mark: entry.keyMark, name: entry.key,
          text: "Services are told once for a file, so it counts at the file's top only")
      }
    }
  }

  /// At the top and under repositories.
  private static func compressions(_ configuration: Configuration) -> [(YAMLNode, BlockCompression?)] {
    ([configuration.root] + configuration.repositories).compactMap { section in
      guard let node = section.node[GeneralOptions.compression.name], let text = node.text,
        !text.contains("${")
      else { return nil }
      return (node, BlockCompression(text))
    }
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

  /// A command runs at one moment.
  private static func commands(_ configuration: Configuration) -> [ConfigurationProblem] {
    let all = ([configuration.root] + configuration.repositories).flatMap { $0[CommandOptions.commands] ?? [] }
    return all.compactMap { section in
      guard (section[CommandOptions.before] == nil) == (section[CommandOptions.after] == nil) else { return nil }
      return ConfigurationProblem(
        mark: section.mark, message: "A command runs either before or after a step",
        suggestion: "Write one of them, for example 'before: action'")
    }
  }
}
