import CofferSystem

/// The flags that choose dumps of an archive.
enum SelectionFlags {
  static let database = Flag<[String]>(
    "--database", "--data-source", value: "NAME",
    help: "Only this database, or those that a pattern like 'shop_*' matches; may be repeated.")
  static let hook = Flag<String?>(
    "--hook", value: "NAME", help: "Only dumps of this hook, for example postgresql.")
  private static let originalHostname = Flag<String?>(
    "--original-hostname", value: "HOST", help: "Only dumps that came from this host.")
  private static let originalPort = Flag<Int?>(
    "--original-port", value: "PORT", .port, help: "Only dumps that came from this port.")
  private static let originalContainer = Flag<String?>(
    "--original-container", value: "NAME", help: "Only dumps that came from this container.")
  private static let originalLabel = Flag<String?>(
    "--original-label", value: "LABEL", help: "Only dumps with this label.")

  /// Those that tell where a database came from.
  static let origin: [any CommandFlag] = [
    hook, originalHostname, originalPort, originalContainer, originalLabel,
  ]

  static func selection(_ context: ActionContext) -> RestoreSelection {
    RestoreSelection(
      hooks: context.run.hooks, databases: context.flags[database], hook: context.flags[hook],
      originalHostname: context.flags[originalHostname], originalPort: context.flags[originalPort],
      originalContainer: context.flags[originalContainer], originalLabel: context.flags[originalLabel])
  }
}
