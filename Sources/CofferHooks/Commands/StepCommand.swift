import CofferConfiguration
import CofferSystem

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
  let states: [StepState]?
  /// Shell lines, run one after the other.
  let lines: [String]

  /// Reads an entry that says either before or after, as loading has made sure.
  public init(_ section: ConfigurationSection) {
    if let step = section[CommandOptions.before] {
      moment = .before(step)
    } else {
      moment = section[CommandOptions.after]?.step.map { .after($0) } ?? .afterError
    }
    actions = section[CommandOptions.when]
    states = section[CommandOptions.states]
    lines = section[CommandOptions.run]
  }

  /// Whether the command is for this moment of a run of these actions.
  public func applies(to moment: Moment, state: StepState?, actions running: [String]) -> Bool {
    guard self.moment == moment else { return false }
    if let states, let state, !states.contains(state) { return false }
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
