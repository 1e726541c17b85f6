import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferSystem

/// `binlog receive`: stores a MariaDB or MySQL server's binary log while the server writes it.
enum BinlogReceiveAction {
  private static let leaveGap = Flag<Bool>(
    "--leave-gap",
    help: "Go on at what the server has, where it has thrown away what comes next, or its binary log is another one.")

  static let declaration = ActionDeclaration(
    "binlog receive", abstract: "Store a MariaDB or MySQL server's binary log while it writes it.",
    discussion: """
      It connects to the server of an entry of mariadb_servers or mysql_servers as a replica does, by mariadb-binlog or mysqlbinlog, which must be installed \
      here, and stores what comes after five seconds at most. It goes on where the repository's log ends, and begins with the server's newest file where it has none. It waits for a \
      server or a repository that is away (other repositories go on meanwhile), and works until SIGINT or SIGTERM: then it stores what it has. What the server has deleted, or begun anew, it says, and \
      ends. The user needs the rights REPLICATION SLAVE and BINLOG MONITOR (of MySQL REPLICATION CLIENT). A write-only key is enough.
      """,
    flags: [BinaryLogEntry.flag, leaveGap, SharedFlags.repository, SharedFlags.progress],
    examples: ["coffer binlog receive", "coffer binlog receive --server main"],
    options: [MariaDBServerOptions.schema, GeneralOptions.packing], repositories: .together, run: run)

  private static func run(_ context: ActionContext) throws {
    try ReceiveRun.checkTogether(context)
    let entry = try BinaryLogEntry.wanted(context)
    let plan = BinaryLogReceiver.Plan(
      server: try BinaryLogServer(entry.section, entry.dialect, host: entry.host, context: try context.hookContext()),
      name: entry.name, hostname: entry.host, leavesGap: context.flags[leaveGap],
      level: context.root[GeneralOptions.compression].level)
    guard !context.isDryRun else {
      return context.console.answer("Would receive the binary log of \(plan.name) from \(plan.server.place)")
    }
    let hooks = try context.hookContext()
    try ReceiveRun.run(context) { try BinaryLogReceiver(plan, $0, hooks).run() }
  }
}
