import CofferSystem

/// What options that are fine by themselves must be to each other.
enum Coherence {
  static func problems(of configuration: Configuration) -> [ConfigurationProblem] {
    checkedRepositories(configuration) + commands(configuration)
  }

  /// Values that are understood, but not as they are elsewhere.
  static func remarks(on configuration: Configuration) -> [ConfigurationNotices.Notice] {
    monitoringOfRepositories(configuration) + compressions(configuration)
  }

  /// Options that do nothing where they stand.
  static func ignored(in configuration: Configuration) -> [ConfigurationNotices.Notice] {
    let lists = configuration.known.options(of: .databases).map(\.name)
    let entries = ([configuration.root] + configuration.repositories).flatMap { section in
      lists.flatMap { section.node[$0]?.elements ?? [] }
    }
    let names = [
      ServerOptions.verifyPort.name, ServerOptions.verifyUsername.name, ServerOptions.verifyPassword.name,
    ]
    return entries.filter { $0[ServerOptions.verifyHostname.name] == nil }.flatMap { entry in
      entry.entries.filter { given in names.contains { $0.isSame(as: given.key) } }.map {
        .init(
          mark: $0.keyMark, name: $0.key,
          text: "Without verify_hostname 'verify' makes a throw-away server, whatever they say")
      }
    }
  }

  /// Monitoring services are told of files.
  private static func monitoringOfRepositories(_ configuration: Configuration) -> [ConfigurationNotices.Notice] {
    let services = configuration.known.options(of: .services).map(\.name)
    return configuration.repositories.flatMap { repository in
      repository.node.entries.filter { services.contains($0.key) }.map { entry in
        .init(
          mark: entry.keyMark, name: entry.key,
          text: "Services are told once for a file, so it counts at the file's top only")
      }
    }
  }

  /// At the top and under repositories.
  private static func compressions(_ configuration: Configuration) -> [ConfigurationNotices.Notice] {
    ([configuration.root] + configuration.repositories).compactMap { section in
      guard let node = section.node[GeneralOptions.compression.name],
        let remark = section.given(GeneralOptions.compression)?.remark
      else { return nil }
      return .init(mark: node.mark, name: GeneralOptions.compression.name, text: remark)
    }
  }

  /// `check_repositories` names configured ones.
  private static func checkedRepositories(_ configuration: Configuration) -> [ConfigurationProblem] {
    let known = configuration.repositories.flatMap {
      [$0.given(RepositoryEntryOptions.path), $0[RepositoryEntryOptions.label]].compactMap(\.self)
    }
    let named = configuration.root.node[CheckOptions.repositories.name]?.elements ?? []
    return named.compactMap { node in
      guard let name = node.text, !known.contains(where: { $0.isSame(as: name) }) else { return nil }
      let nearest = NearestName.of(name, among: known)
      return ConfigurationProblem(
        mark: node.mark, message: "There is no repository '\(name)' to check",
        suggestion: nearest.map { "Did you mean '\($0)'?" } ?? "Configured: \(known.joined(separator: ", "))")
    }
  }

  /// A command runs at one moment, and only what ran before it has an end to tell.
  private static func commands(_ configuration: Configuration) -> [ConfigurationProblem] {
    let all = ([configuration.root] + configuration.repositories).flatMap { $0[CommandOptions.commands] }
    return all.compactMap { section in
      guard (section[CommandOptions.before] == nil) != (section[CommandOptions.after] == nil) else {
        return ConfigurationProblem(
          mark: section.mark, message: "A command runs either before or after a step",
          suggestion: "Write one of them, for example 'before: action'")
      }
      guard section[CommandOptions.before] != nil, section[CommandOptions.states] != nil,
        let states = section.node[CommandOptions.states.name]
      else { return nil }
      return ConfigurationProblem(
        mark: states.mark, message: "A step has no state before it ends, so 'states' goes with 'after' only",
        suggestion: "Take it out, or write 'after' in place of 'before'")
    }
  }
}
