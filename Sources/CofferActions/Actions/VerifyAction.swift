import CofferConfiguration
import CofferSystem

/// `verify`: shows that dumps restore.
enum VerifyAction {
  private static let archive = Flag<String?>(
    "--archive", value: "NAME", help: "The archive's name, its id, or 'latest'. Default: latest.")
  private static let all = Flag<Bool>("--all", help: "Verify the dumps of all archives, not only of one.")
  private static let sample = Flag<Int?>(
    "--sample", value: "N", .count,
    help: "Verify only N dumps, those first whose databases were not proven for longest. Default: verify_sample.")

  static let declaration = ActionDeclaration(
    "verify", abstract: "Show that dumps restore, each to a throw-away place.",
    discussion: """
      Each dump is restored by the code that 'restore' has, to a server that is made for it alone - by the programs of \
      PostgreSQL or MariaDB that are installed, SQLite to a file -, runs as an unprivileged user, and is removed again. \
      What is there then is compared with what was counted when it was dumped, of MariaDB with what the dump holds: tables \
      and their rows, objects by kind, sequences, roles and accounts. The servers of the configuration are not asked anything, but \
      for those of verify_hostname, where dumps of databases are restored to one of their own that is removed again. What came of it \
      is kept in the repository; 'info' and 'repo-list' show it, on every machine.
      """,
    flags: [
      archive, SelectionFlags.database, all, sample, SharedFlags.repository, SharedFlags.matchArchives,
    ] + SelectionFlags.origin + [SharedFlags.progress, SharedFlags.json],
    examples: [
      "coffer verify", "coffer verify --database shop --archive latest", "coffer verify --sample 1",
    ], options: [VerifyOptions.schema], databases: .drilled, isMonitored: true, run: run)

  private static func run(_ context: ActionContext) throws {
    guard !context.flags.contains(all) || !context.flags.contains(archive) else {
      throw UsageError(
        argument: "--all", problem: "It is of all archives, and --archive of one", suggestion: "Leave one out")
    }
    var selection = VerifySelection(context)
    selection.dumps = SelectionFlags.selection(context)
    selection.dumps.takesGlobals = true
    if let name = context.flags[archive] { selection.archive = name }
    if context.flags.contains(all) { selection.archive = nil }
    if let count = context.flags[sample] { selection.sample = count }
    try context.forEachRepository { location in
      try Verification(context, try context.open(location, forData: true)).run(selection)
    }
  }
}
