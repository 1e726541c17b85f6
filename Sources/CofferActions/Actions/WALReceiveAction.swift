import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferSystem
import Glibc

/// `wal receive`: stores a PostgreSQL server's log while the server writes it.
enum WALReceiveAction {
  private static let slot = Flag<String?>(
    "--slot", value: "NAME",
    help:
      "The replication slot for which the server keeps its log until it is stored, and the connection's application_name. Made where it is not there. Default: coffer_ and the cluster's name."
  )
  private static let synchronous = Flag<Bool>(
    "--synchronous",
    help:
      "Store everything at once, and not only every few seconds. With the slot's name in synchronous_standby_names no commit is acknowledged before it is stored."
  )
  private static let leaveGap = Flag<Bool>(
    "--leave-gap",
    help: "Go on at what the server has, where it has thrown away what comes next, or knows nothing of it.")

  static let declaration = ActionDeclaration(
    "wal receive", abstract: "Store a PostgreSQL server's log while it writes it.",
    discussion: """
      It connects to the server of an entry of postgresql_clusters as a standby does, and stores what comes: each segment when it is full, and \
      what there is of the last one after five seconds at most, or with --synchronous at once. Only what is durable in every configured repository is \
      acknowledged to the server, which keeps the rest for the slot. It goes on where the repository's log ends, waits for a server or a repository that is \
      away (other repositories go on meanwhile), follows the server to another timeline, and works until SIGINT or SIGTERM: then it stores what it has. The user needs \
      the right REPLICATION. A write-only key is enough.
      """,
    flags: [LogCluster.flag, slot, synchronous, leaveGap, SharedFlags.repository, SharedFlags.progress],
    examples: ["coffer wal receive --cluster main", "coffer wal receive --cluster main --synchronous"],
    options: [PostgreSQLClusterOptions.schema, GeneralOptions.packing], repositories: .together, run: run)

  private static func run(_ context: ActionContext) throws {
    try ReceiveRun.checkTogether(context)
    let plan = try plan(context)
    guard !context.isDryRun else {
      return context.console.answer(
        "Would receive the log of \(plan.name) from \(plan.server.place) by the slot \(plan.slot)")
    }
    try ReceiveRun.run(context) { try LogReceiver(plan, $0).run() }
  }

  private static func plan(_ context: ActionContext) throws -> LogReceiver.Plan {
    let cluster = try LogCluster(context)
    guard let entry = cluster.entry else {
      throw UsageError(
        argument: LogCluster.flag.name, problem: "No entry of postgresql_clusters says how the server is reached",
        suggestion: "Add one, with a name, and where it is elsewhere with hostname, username and password")
    }
    let slot = context.flags[slot] ?? standardSlot(cluster.name)
    guard isSlot(slot) else {
      throw UsageError(
        argument: Self.slot.name, problem: "A slot's name has 1 to 63 of a-z, 0-9 and _",
        suggestion: "Write: \(Self.slot.name) \(slotName(slot.isEmpty ? standardSlot(cluster.name) : slot))")
    }
    return LogReceiver.Plan(
      server: try ReplicationServer(cluster: entry, context: context.hookContext()), name: cluster.name,
      hostname: ServerLogOptions.host(of: entry, here: context.surroundings.hostname), slot: slot,
      isSynchronous: context.flags[synchronous], leavesGap: context.flags[leaveGap],
      level: context.root[GeneralOptions.compression].level)
  }

  /// Bytes of a name at most: NAMEDATALEN of PostgreSQL, less its end.
  private static let slotLimit = 63

  static func standardSlot(_ name: String) -> String { slotName("coffer_" + name) }

  /// What is most like a text, and a slot's name.
  static func slotName(_ text: String) -> String {
    let bytes = text.utf8.prefix(slotLimit).map { byte -> UInt8 in
      let small = (0x41...0x5a).contains(byte) ? byte | 0x20 : byte
      return isSlotByte(small) ? small : 0x5f
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func isSlot(_ name: String) -> Bool {
    (1...slotLimit).contains(name.utf8.count) && name.utf8.allSatisfy(isSlotByte)
  }

  /// By `ReplicationSlotValidateName` of PostgreSQL.
  private static func isSlotByte(_ byte: UInt8) -> Bool {
    (0x61...0x7a).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x5f
  }
}
