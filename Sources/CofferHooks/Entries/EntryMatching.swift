import CofferConfiguration
import CofferSystem

/// Finds the configuration's entry that a dump came from.
enum EntryMatching {
  /// Entries of the dump's label or place whose name is the dump's, or else matches it, or else is `all`.
  ///
  /// A label that no entry has any more, or that an entry has got since, leaves the place to decide.
  ///
  /// - Parameter defaultPort: The port that an entry without one means.
  /// - Returns: nil when there is none.
  /// - Throws: `RestoreError.refused` when several fit equally well.
  static func section(
    for identity: DumpIdentity, in sections: [ConfigurationSection], defaultPort: Int?
  ) throws(RestoreError) -> ConfigurationSection? {
    let signs =
      [ServerOptions.name.option]
      + [ServerOptions.hostname, ServerOptions.label, ServerOptions.container].map(\.option)
    for section in sections { try check(section.fault(in: signs + [ServerOptions.port.option]), identity) }
    let labelled = identity.label.map { label in sections.filter { isSame($0[ServerOptions.label], label) } } ?? []
    let here = sections.filter { isSamePlace($0, identity, defaultPort) }
    let unlabelled = here.filter { $0[ServerOptions.label] == nil }
    for candidates in [labelled, identity.label == nil ? unlabelled : [], here] {
      for fits in [isNamed, matches, isAll] {
        let found = candidates.filter { fits($0, identity.database) }
        guard found.count < 2 else { throw ambiguous(identity, found) }
        if let section = found.first {
          try check(section.fault(), identity)
          return section
        }
      }
    }
    return nil
  }

  /// A variable that no command needed so far.
  private static func check(_ fault: ConfigurationProblem?, _ identity: DumpIdentity) throws(RestoreError) {
    guard let fault else { return }
    throw .refused(identity, problem: "\(fault.mark): \(fault.message)", suggestion: fault.suggestion)
  }

  private static func isSamePlace(_ section: ConfigurationSection, _ identity: DumpIdentity, _ port: Int?) -> Bool {
    guard isSame(section[ServerOptions.container], identity.container) else { return false }
    let isSameHost =
      identity.container != nil
      || isSame(host(section[ServerOptions.hostname]), host(identity.hostname))
    return isSameHost && (section[ServerOptions.port] ?? port) == (identity.port ?? port)
  }

  /// Clients take no host for this one.
  private static func host(_ name: String?) -> String { name ?? "localhost" }

  /// By their bytes.
  private static func isSame(_ left: String?, _ right: String?) -> Bool {
    left.map(ExactName.init) == right.map(ExactName.init)
  }

  private static func isNamed(_ section: ConfigurationSection, _ database: String) -> Bool {
    isSame(section[ServerOptions.name], database)
  }

  private static func matches(_ section: ConfigurationSection, _ database: String) -> Bool {
    section[ServerOptions.name].holds("*") && NamePattern(section[ServerOptions.name]).matches(database)
  }

  private static func isAll(_ section: ConfigurationSection, _ database: String) -> Bool {
    isSame(section[ServerOptions.name], "all")
  }

  private static func ambiguous(_ identity: DumpIdentity, _ sections: [ConfigurationSection]) -> RestoreError {
    let places = sections.map { "\($0.mark)" }.joined(separator: ", ")
    return .refused(
      identity, problem: "several entries of the configuration could be where it came from: \(places)",
      suggestion: "Give them labels, or take one of them out")
  }
}
