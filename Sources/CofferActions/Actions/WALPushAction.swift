import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferSystem

/// `wal push`: stores a file of a PostgreSQL server's log.
enum WALPushAction {
  private static let file = Flag<String>(
    "--file", required: "FILE", help: "The file, which PostgreSQL puts in the place of %p.")

  private static let ahead = Flag<Int>(
    "--read-ahead", value: "NUMBER", .count, default: 32,
    help:
      "How many segments are stored at once at most: where others wait to be pushed behind this one, in the server's pg_wal/archive_status, they go along, and their own pushes take no time."
  )

  static let declaration = ActionDeclaration(
    "wal push", abstract: "Store a segment of a PostgreSQL server's log: for archive_command.",
    discussion: """
      Run by the server: archive_command = 'coffer wal push %p'. It ends with success when the file is durable in every \
      configured repository, or was stored there before with the same bytes; PostgreSQL keeps the file and tries again otherwise, also \
      where skip_actions, a command before it or --dry-run kept it from being stored. \
      Other bytes under a name that is stored already are refused. A write-only key is enough. The server's user has to be able to read the \
      configuration and what opens the repository.
      """,
    flags: [LogCluster.flag, ahead, SharedFlags.repository], operands: [file],
    examples: ["coffer wal push pg_wal/000000010000000000000001"],
    options: [GeneralOptions.packing], partly: [PostgreSQLClusterOptions.schema], run: run)

  private static func run(_ context: ActionContext) throws {
    let cluster = try LogCluster(context)
    let file = try WALFile(context.absolutePath(context.flags[file]), dataDirectory: cluster.dataDirectory)
    let origin = LogOrigin(
      LogCluster.server(file.systemIdentifier), hostname: context.surroundings.hostname, name: cluster.name)
    try context.forEachRepository { location in
      let pushing = LogPushing(file, origin, dataDirectory: cluster.dataDirectory, in: location, context)
      guard !context.isDryRun else {
        _ = try context.open(location)
        return context.console.answer(
          "\(location.path): Would store \(file.name.text) of server \(file.systemIdentifier)")
      }
      let isNew = try pushing.push(ahead: context.flags[ahead] - 1)
      context.run.notes.noteReached(location)
      context.console.step("\(location.path): \(pushing.title) \(isNew ? "is stored" : "was stored before")")
    }
  }
}

extension LogPart {
  /// - Returns: nil for what cannot be stored.
  init?(_ file: WALFile, title: String, origin: LogOrigin) {
    let (kind, number) = file.name.part
    guard let place = LogPlace(history: file.name.timeline, number: number, exponent: file.exponent) else { return nil }
    self.init(kind, at: place, title: title, origin: origin, size: file.size)
  }
}

extension WALFileName {
  /// What it is among the parts of a log, and the number of its place.
  var part: (kind: LogPart.Kind, number: UInt64) {
    switch self {
    case .segment(_, let number): (.segment, number)
    case .partial(_, let number): (.file("partial"), number)
    case .backup(_, let number, let offset): (.file("backup.\(String(printf: "%08x", Int(offset)))"), number)
    case .history: (.file("history"), 0)
    }
  }
}
