import CofferSystem

/// How a file is read, apart from what stands in it.
public struct ConfigurationReading: Sendable {
  /// What becomes of `${NAME}`.
  public enum Variables: Sendable {
    /// The variable's value; a problem when it is not set.
    case replaced
    /// The variable's value, if it is set; for a check on a machine where secrets are not at hand.
    case replacedIfSet
    /// It stays as it is written.
    case kept
  }

  public var variables: Variables
  /// Options at the top in which a variable may be unset until they are used.
  public var unused: Set<String> = []
  /// Whether constants are put in; they stay as written for a file that is to be written anew.
  var replacesConstants = true
  /// What the command line puts in place of what the file says, in the order of writing.
  public var changes: [OptionChange]

  public init(variables: Variables = .replaced, changes: [OptionChange] = [], unused: Set<String> = []) {
    self.variables = variables
    self.unused = unused
    self.changes = changes
  }
}

/// A document on its way from its text to what is validated: each step sees what the one before made of it.
struct PreparedDocument {
  private(set) var node: YAMLNode
  private(set) var problems: [ConfigurationProblem] = []
  private(set) var deprecated: [ConfigurationNotices.Notice] = []

  init(_ document: YAMLNode, reading: ConfigurationReading, environment: ProcessEnvironment) {
    node = document
    for change in reading.changes {
      do throws(ConfigurationProblem) { node = try change.apply(to: node) } catch { problems.append(error) }
    }
    if reading.replacesConstants {
      var constants = Constants(of: node)
      node = constants.apply(to: node)
      problems += constants.problems
    }
    if reading.variables != .kept {
      node = Interpolation(environment: environment, keepsUnset: reading.variables == .replacedIfSet).apply(to: node)
      problems += Self.faults(of: node, without: reading.unused)
    }
    var spellings = OldSpellings()
    node = spellings.apply(to: node)
    problems += spellings.problems
    deprecated = spellings.notices
  }

  /// Under repositories stand the same options.
  private static func faults(of node: YAMLNode, without unused: Set<String>) -> [ConfigurationProblem] {
    node.entries.filter { !unused.contains($0.key) }.flatMap { entry in
      entry.key.isSame(as: GeneralOptions.repositories.name)
        ? entry.value.elements.flatMap { $0.entries.isEmpty ? $0.faults : faults(of: $0, without: unused) }
        : entry.value.faults
    }
  }
}
