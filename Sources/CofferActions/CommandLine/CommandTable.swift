import CofferSystem

/// The actions there are. A new action is one more line.
enum CommandTable {
  static let actions: [ActionDeclaration] = [
    InitAction.declaration, RepoCreateAction.declaration, CreateAction.declaration, PruneAction.declaration,
    CompactAction.declaration, CheckAction.declaration, VerifyAction.declaration, StatusAction.declaration,
    DoctorAction.declaration,
    ListAction.declaration,
    RepoListAction.declaration, InfoAction.declaration, RepoInfoAction.declaration, RestoreAction.declaration,
    ExtractAction.declaration, ExportTarAction.declaration, DumpAction.declaration, FindAction.declaration,
    MountAction.declaration, UmountAction.declaration, DiffAction.declaration, PinAction.declaration,
    UnpinAction.declaration, DeleteAction.declaration,
    BreakLockAction.declaration, ConfigGenerateAction.declaration,
    ConfigValidateAction.declaration, ConfigShowAction.declaration, ConfigBootstrapAction.declaration,
    KeyListAction.declaration, KeyAddAction.declaration, KeyChangePassphraseAction.declaration,
    KeyRemoveAction.declaration, KeyExportAction.declaration, KeyImportAction.declaration,
    WALPushAction.declaration, WALReceiveAction.declaration, WALGetAction.declaration, WALListAction.declaration,
    BinlogReceiveAction.declaration, BinlogGetAction.declaration, BinlogListAction.declaration,
    OplogReceiveAction.declaration,
    OplogListAction.declaration,
    ServeAction.declaration, CompletionAction.declaration,
  ]

  /// Actions of borgmatic that Coffer does not have, and what to do instead.
  static let absent: [(names: [String], instead: String)] = [
    (
      ["repo-delete", "rdelete"],
      "An archive is deleted by 'coffer delete --archive NAME'; a repository is a folder of yours"
    ),
    (["borg"], "Coffer runs no Borg; see 'coffer --help' for what it does itself"),
    (["recreate", "transfer"], "Coffer does not have it yet"),
  ]

  /// What runs when no action is named.
  static let standard = ["create", "prune", "compact", "check"]

  static func action(_ name: String) -> ActionDeclaration? {
    actions.first { $0.names.contains(name) }
  }
}
