import CofferConfiguration
import CofferSystem

/// A step of a run that commands can be put around.
public enum RunStep: String, Sendable {
  case action, repository, configuration, everything
}

/// How a step ended, for the commands after it.
public enum StepState: String, Sendable {
  case finish, fail
}

/// One configured entry of `commands`.
public struct StepCommand: Sendable, Equatable {
  public enum Moment: Sendable, Equatable {
    case before(RunStep)
    case after(RunStep)
    /// Once for a configuration file that had errors.
    case afterError
  }

  public let moment: Moment
  /// The actions it is for; nil for any.
  let actions: [String]?
  /// The states it is for; nil for either.
  let states: [String]?
  /// Shell lines, run one after the other.
  let lines: [String]

  /// Reads an entry that says either before or after, as loading has made sure.
  public init(_ section: ConfigurationSection) {
    if let step = section[CommandOptions.before] {
      moment = .before(RunStep(rawValue: step) ?? .action)
    } else {
      moment = RunStep(rawValue: section[CommandOptions.after] ?? "").map { .after($0) } ?? .afterError
    }
    actions = section[CommandOptions.when]
    states = section[CommandOptions.states]
    lines = section[CommandOptions.run] ?? []
  }

  /// Whether the command is for this moment of a run of these actions.
  public func applies(to moment: Moment, state: StepState?, actions running: [String]) -> Bool {
    guard self.moment == moment else { return false }
    if let states, let state, !states.contains(state.rawValue) { return false }
    guard let actions else { return true }
    // `key export` is a kind of `key`.
    return running.contains { name in actions.contains(name) || actions.contains(name.parts(by: " ")[0]) }
  }
}

extension StepCommand.Moment {
  /// As messages name it.
  public var title: String {
    switch self {
    case .before(let step): "before \(step.rawValue)"
    case .after(let step): "after \(step.rawValue)"
    case .afterError: "after error"
    }
  }
}
