import CofferSystem

/// What an option does here, told to those who bring a configuration along from borgmatic.
public enum OptionSupport: Sendable, Equatable {
  /// It does what it does in borgmatic.
  case works
  /// It does its work in another way: how.
  case differently(String)
  /// An option that borgmatic does not have.
  case own
  /// Accepted so that files need not be changed, but without a meaning here: what Coffer does instead.
  case ignored(String)
  /// Accepted; nothing is behind it yet.
  case planned
  /// Not accepted, since leaving it out in silence would lose what it is there for: what to do instead.
  case refused(String)

  /// Whether a file that is written anew should name the option.
  var isOffered: Bool {
    switch self {
    case .works, .differently, .own: true
    case .ignored, .planned, .refused: false
    }
  }
}

extension Option {
  /// Declares an option that only steers the Borg program: accepted, with one warning a file.
  ///
  /// - Parameter instead: What Coffer does without it; a full sentence without its full stop.
  static func borg(_ name: String, _ kind: OptionKind, instead: String) -> Option {
    Option(
      name: name, documentation: "Steers Borg.", kind: kind, standard: nil, example: nil, choices: [],
      isRequired: false, isSecret: false, support: .ignored(instead))
  }

  /// Declares an option of a system that Coffer does not work with.
  static func refused(_ name: String, _ kind: OptionKind, instead: String) -> Option {
    Option(
      name: name, documentation: "Not supported.", kind: kind, standard: nil, example: nil, choices: [],
      isRequired: false, isSecret: false, support: .refused(instead))
  }
}
