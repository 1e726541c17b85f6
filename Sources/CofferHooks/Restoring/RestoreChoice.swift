import CofferSystem

/// What one database system lets be chosen for a single restore, by a flag of the command line.
public struct RestoreChoice: Sendable {
  /// The flag, with its dashes; systems that share it mean the same by it.
  public let flag: String
  /// What help calls the value; nil for a switch.
  public let valueName: String?
  /// The only values there are, for a flag that has one.
  public let values: [String]
  /// What it does, beginning with the system's name.
  public let help: String

  /// Declares a switch.
  public init(_ flag: String, help: String) {
    self.flag = flag
    valueName = nil
    values = []
    self.help = help
  }

  /// Declares a flag with one of a few values.
  public init(_ flag: String, value valueName: String, values: [String], help: String) {
    self.flag = flag
    self.valueName = valueName
    self.values = values
    self.help = help
  }
}
