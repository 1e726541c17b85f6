/// The actions there are. A new action is one more line.
enum CommandTable {
  static let actions: [ActionDeclaration] = [
    RepoCreateAction.declaration, CreateAction.declaration, PruneAction.declaration, CheckAction.declaration,
    ListAction.declaration,
    RepoListAction.declaration, InfoAction.declaration, RepoInfoAction.declaration, RestoreAction.declaration,
    ExtractAction.declaration, DeleteAction.declaration, ConfigGenerateAction.declaration,
    ConfigValidateAction.declaration, ConfigShowAction.declaration, ConfigBootstrapAction.declaration,
  ]

  /// What runs when no action is named.
  static let standard = ["create", "prune", "check"]

  static func action(_ name: String) -> ActionDeclaration? {
    actions.first { $0.names.contains(name) }
  }
}
