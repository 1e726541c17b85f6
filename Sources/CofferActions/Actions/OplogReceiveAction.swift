import CofferConfiguration
import CofferHooks
import CofferSystem

/// `oplog receive`: stores a MongoDB server's oplog while the server writes it.
enum OplogReceiveAction {
  private static let leaveGap = Flag<Bool>(
    "--leave-gap",
    help:
      "Go on at what the server has, where its oplog has not any more what is stored last, or has something else there."
  )

  static let declaration = ActionDeclaration(
    "oplog receive", abstract: "Store a MongoDB server's oplog while it writes it.",
    discussion: """
      It reads the oplog of a server of mongodb_servers, a member of a replica set, by mongodump, which must be installed here: again and again from the entry on \
      that is stored last, and stores what comes after five seconds or so. That this entry comes again shows that nothing is missing; where it does not, that is said, and it ends. \
      It begins with what is newest where the repository has nothing. It waits for a server or a repository that is away (other repositories go on meanwhile), and works until SIGINT or SIGTERM: then it stores what it has. \
      The user needs the role backup. A write-only key is enough.
      """,
    flags: [OplogServerEntry.flag, leaveGap, SharedFlags.repository, SharedFlags.progress],
    examples: ["coffer oplog receive", "coffer oplog receive --server main"],
    options: [MongoDBServerOptions.schema, GeneralOptions.packing], repositories: .together, run: run)

  private static func run(_ context: ActionContext) throws {
    try ReceiveRun.checkTogether(context)
    let entry = try OplogServerEntry.wanted(context)
    let hooks = try context.hookContext()
    let plan = OplogReceiver.Plan(
      server: try OplogServer(entry.section, context: hooks), identity: entry.server, name: entry.name,
      hostname: entry.host, leavesGap: context.flags[leaveGap], level: context.root[GeneralOptions.compression].level)
    guard !context.isDryRun else {
      return context.console.answer("Would receive the oplog of \(plan.name) from \(plan.server.place)")
    }
    try ReceiveRun.run(context) { try OplogReceiver(plan, $0, hooks).run() }
  }
}
