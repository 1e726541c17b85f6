import CofferSystem

/// A throw-away place in which a dump is restored to see whether that works.
public protocol DrillPlace: AnyObject {
  /// What restores there, for example `PostgreSQL 15`.
  var version: String { get }

  /// Whether a database is made of the dump there.
  var isRestored: Bool { get }

  /// What takes the dump in place of its system's restore; nil for that.
  var replacement: (any PlannedRestore)? { get }

  /// Whether it is on a server of the configuration, whose other options count for the restore.
  var isConfigured: Bool { get }

  /// Where the restore is to go.
  var target: RestoreTarget { get }

  /// What the dump is restored as, if not as the archive has it: an address of its own server must not count.
  func facts(_ facts: DumpFacts) -> DumpFacts

  /// What sees the dump's bytes while it is restored; nil for nothing.
  var observer: (any ByteSink)? { get }

  /// What the user should know of the place, whatever comes of the drill.
  var warnings: [String] { get }

  /// What of that which was counted at the dump can be told of what is restored there.
  func comparable(_ content: DumpContent) -> DumpContent

  /// Looks at what was restored.
  ///
  /// - Throws: `DrillError`; what asking throws.
  func findings(of facts: DumpFacts) throws -> DrillFindings

  /// The databases that questions of the user's own can be asked of.
  ///
  /// - Throws: What asking throws.
  func databases(of facts: DumpFacts) throws -> [String]

  /// Asks what was restored something.
  ///
  /// - Parameters:
  ///   - statement: Of the user's.
  ///   - facts: Of the dump, with the database to be asked.
  /// - Returns: The rows, a line each, columns parted by `|`.
  /// - Throws: `DrillError`; what asking throws.
  func answer(to statement: String, of facts: DumpFacts) throws -> String

  /// Ends what runs there, and removes all of it.
  func remove()

  /// What `remove` could not remove, for messages; nil for nothing.
  var remains: String? { get }
}

extension DrillPlace {
  public func facts(_ facts: DumpFacts) -> DumpFacts { facts }

  public var isRestored: Bool { true }

  public var isConfigured: Bool { false }

  public var replacement: (any PlannedRestore)? { nil }

  public var remains: String? { nil }

  public var observer: (any ByteSink)? { nil }

  public var warnings: [String] { [] }

  public func databases(of facts: DumpFacts) throws -> [String] { [facts.identity.database] }

  public func comparable(_ content: DumpContent) -> DumpContent { content }

  public func answer(to statement: String, of facts: DumpFacts) throws -> String {
    throw DrillError.impossible(
      facts.identity, problem: "verify_queries cannot be asked of its system", suggestion: "Leave them out for it")
  }
}

/// What was found where a dump was restored.
public struct DrillFindings: Sendable, Equatable {
  /// nil where it cannot be counted.
  public var content: DumpContent?
  /// What the dump itself holds, for systems whose dumps are not counted when they are made.
  public var dumped: DumpContent?
  /// What is odd about it, and was so before it was dumped as far as can be told.
  public var warnings: [String]

  public init(content: DumpContent?, dumped: DumpContent? = nil, warnings: [String] = []) {
    self.content = content
    self.dumped = dumped
    self.warnings = warnings
  }
}

/// Why a dump could not be proven to restore.
public enum DrillError: DiagnosableError, Equatable {
  /// There is nothing here that could restore it.
  case impossible(DumpIdentity, problem: String, suggestion: String?)
  case noSpace(DumpIdentity, folder: String, needed: UInt64, free: UInt64)
  case serverFailed(DumpIdentity, program: String, lines: [String])
  /// A question of the user's could not be asked.
  case unanswered(DumpIdentity, statement: String, lines: [String])
  /// The restore came to its end, but something is otherwise than it was dumped.
  case different(DumpIdentity, [String])

  public var diagnosis: Diagnosis {
    switch self {
    case .impossible(let identity, let problem, let suggestion):
      Self.unmade((identity, problem), suggestion)
    case .noSpace(let identity, _, _, _):
      Self.unmade(cause ?? (identity, ""), "Set verify_directory to a folder with more room")
    case .serverFailed(let identity, _, let lines):
      Self.unmade(cause ?? (identity, ""), identity.advice.suggestion(lines))
    case .unanswered(let identity, let statement, let lines):
      Diagnosis(
        subject: identity.title,
        problem: "Not proven: '\(Quoting.terminal(statement))' was not answered: "
          + (lines.isEmpty ? "the client said nothing" : Quoting.terminal(lines.suffix(5).joined(separator: " / "))),
        suggestion: "See verify_queries; it is asked as the database's owner, where the system has owners")
    case .different(let identity, let differences):
      Diagnosis(
        subject: identity.title,
        problem: "Restored, but it is not what was dumped: " + Self.joined(differences),
        suggestion: "Do not count on this dump: make a new backup, and verify an older archive (--archive)")
    }
  }

  private static func unmade(_ cause: (identity: DumpIdentity, problem: String), _ suggestion: String?) -> Diagnosis {
    Diagnosis(subject: cause.identity.title, problem: "Not proven: \(cause.problem)", suggestion: suggestion)
  }

  /// Why there is no throw-away place; nil for what was found in one.
  var cause: (identity: DumpIdentity, problem: String)? {
    switch self {
    case .impossible(let identity, let problem, _): (identity, problem)
    case .noSpace(let identity, let folder, let needed, let free):
      (identity, "its restore may need \(Self.size(needed)) in \(folder), where \(Self.size(free)) are free")
    case .serverFailed(let identity, let program, let lines):
      (
        identity,
        "no server could be started for it: \(program): "
          + (lines.isEmpty ? "it said nothing" : lines.suffix(5).joined(separator: " / "))
      )
    case .unanswered, .different: nil
    }
  }

  private static let shown = 20

  private static func joined(_ differences: [String]) -> String {
    differences.prefix(shown).joined(separator: "; ")
      + (differences.count > shown ? "; and \(differences.count - shown) more" : "")
  }

  private static func size(_ bytes: UInt64) -> String { "\((bytes + (1 << 20) - 1) >> 20) MiB" }
}

extension DumpFacts {
  /// Without the address of the dump's own server.
  var withoutAddress: DumpFacts {
    var facts = self
    facts.identity = DumpIdentity(
      hook: identity.hook, database: identity.database, label: identity.label, advice: identity.advice)
    return facts
  }
}
