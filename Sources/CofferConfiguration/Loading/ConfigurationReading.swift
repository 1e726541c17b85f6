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
  /// Whether an entry of a list at the top is not used, so that variables in it may be unset, too.
  public var isUnusedEntry: @Sendable (_ option: String, _ entry: ConfigurationSection) -> Bool = { _, _ in false }
  /// Whether constants are put in; they stay as written for a file that is to be written anew.
  var replacesConstants = true
  /// What the command line puts in place of what the file says, in the order of writing.
  public var changes: [OptionChange]

  public init(
    variables: Variables = .replaced, changes: [OptionChange] = [], unused: Set<String> = [],
    isUnusedEntry: @escaping @Sendable (_ option: String, _ entry: ConfigurationSection) -> Bool = { _, _ in false }
  ) {
    self.variables = variables
    self.unused = unused
    self.isUnusedEntry = isUnusedEntry
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
      problems += Self.faults(of: node, reading)
    }
    var spellings = OldSpellings()
    node = spellings.apply(to: node)
    problems += spellings.problems
    deprecated = spellings.notices
  }

  /// Under repositories stand the same options.
  private static func faults(of node: YAMLNode, _ reading: ConfigurationReading) -> [ConfigurationProblem] {
    node.entries.filter { !reading.unused.contains($0.key) }.flatMap { entry in
      let elements = entry.value.elements
      if entry.key.isSame(as: GeneralOptions.repositories.name) {
        return elements.flatMap { $0.entries.isEmpty ? $0.faults : faults(of: $0, reading) }
      }
      guard !elements.isEmpty else { return entry.value.faults }
      return elements.filter { element in
        element.entries.isEmpty || !reading.isUnusedEntry(entry.key, ConfigurationSection(node: element))
      }.flatMap(\.faults)
    }
  }
}
