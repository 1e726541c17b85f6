import CofferSystem

/// The options that a configuration file can have.
public struct OptionCatalogue: Sendable {
  /// All of them by theme, in the order in which a file is best written.
  public let groups: [OptionSchema]
  /// Those of a file's top.
  public let top: OptionSchema

  public init(_ groups: [OptionSchema]) {
    self.groups = groups
    top = OptionSchema("Options", groups.flatMap(\.options))
  }

  /// The program's own options, and those by which its stores, database systems and monitoring services are configured.
  public init(stores: [Option] = [], databases: [Option], services: [Option]) {
    self.init(GeneralOptions.groups(stores: stores, databases: databases, services: services))
  }

  /// The options of a role.
  public func options(of role: OptionSchema.Role) -> [Option] {
    groups.filter { $0.role == role }.flatMap(\.options)
  }
}

extension OptionCatalogue {
  /// The same where `commands` may be for these actions, too, and `skip_actions` may name them.
  public func knowing(actions: [String]) -> OptionCatalogue {
    // Some are families of several.
    let actions = actions.enumerated().filter { !actions[..<$0.offset].contains($0.element) }.map(\.element)
    let commands = CommandOptions.commands(alsoFor: actions).option
    let skipped = RunOptions.skipActions(alsoFor: actions).option
    func extended(_ option: Option) -> Option {
      [commands, skipped].first { $0.name.isSame(as: option.name) } ?? option
    }
    return OptionCatalogue(
      groups.map { group in
        OptionSchema(
          group.title, group.options.map(extended),
          takesTopOptions: group.takesTopOptions, role: group.role)
      })
  }
}
