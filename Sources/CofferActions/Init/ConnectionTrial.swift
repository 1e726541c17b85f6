import CofferConfiguration
import CofferHooks
import CofferSystem

/// Tries whether databases can be dumped as a proposal has it. Each dump is begun and given up.
struct ConnectionTrial {
  private let run: CommandRun

  init(_ run: CommandRun) {
    self.run = run
  }

  /// What came of a proposal.
  struct Outcome {
    /// Whether anything that it stands for can be dumped: then the server is reached.
    let isReached: Bool
    /// What cannot, and why.
    let problems: [String]
  }

  /// The first of several ways to a server that reaches it, or else the first of all; and what came of it.
  ///
  /// - Parameter ways: At least one.
  /// - Throws: As `outcome`.
  func first(of ways: [DatabaseProposal]) throws -> (proposal: DatabaseProposal, outcome: Outcome) {
    var first: Outcome?
    for way in ways {
      let outcome = try outcome(of: way)
      if outcome.isReached { return (way, outcome) }
      first = first ?? outcome
    }
    return (ways[0], first ?? Outcome(isReached: false, problems: []))
  }

  /// - Throws: `RunCancelled`; what keeps anything from being tried.
  func outcome(of proposal: DatabaseProposal) throws -> Outcome {
    let text = NewConfiguration(repository: "/", encryption: "repokey", passphrase: "/", databases: [proposal]).text
    let findings = try DatabaseExamination().findings(Patient(run, try Self.load(text, run)))
    return Outcome(
      isReached: findings.contains { $0.grade == .ok },
      problems: findings.filter { $0.grade == .problem }.map { "\($0.subject): \($0.text)" })
  }

  /// Loads what is not in a file yet: it is valid, or is never written.
  ///
  /// - Throws: `ConfigurationError`.
  static func load(_ text: String, _ run: CommandRun) throws -> Configuration {
    let loader = ConfigurationLoader(
      files: FileReader(read: { _ in Array(text.utf8) }, entries: { _ in nil }),
      environment: run.surroundings.environment, currentFolder: run.surroundings.currentFolder,
      options: run.parsed.knownOptions)
    return try loader.load("/new configuration")
  }
}
