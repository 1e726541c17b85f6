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

  private static let stay = Flag<Int>(
    "--stay", value: "SECONDS", .number(0...3600), default: 90,
    help:
      "For how long a process waits for the next push with the repository open, where that is not on this machine. 0 for no such process."
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
    flags: [LogCluster.flag, ahead, stay, SharedFlags.repository], operands: [file],
    examples: ["coffer wal push pg_wal/000000010000000000000001"],
    options: [GeneralOptions.packing], partly: [PostgreSQLClusterOptions.schema], run: run)

  private static func run(_ context: ActionContext) throws {
    let cluster = try LogCluster(context)
    let file = try WALFile(context.absolutePath(context.flags[file]), dataDirectory: cluster.dataDirectory)
    let origin = origin(cluster, file.systemIdentifier, context)
    try context.forEachRepository { location in
      let pushed = PushedAhead(origin, to: location, context)
      let pushing = LogPushing(file, origin, dataDirectory: cluster.dataDirectory, in: location, pushed, context)
      guard !context.isDryRun else {
        _ = try context.open(location)
        return context.console.answer(
          "\(location.path): Would store \(file.name.text) of server \(file.systemIdentifier)")
      }
      let isNew = try pushing.push(ahead: context.flags[ahead] - 1) {
        file.name.part.kind == .segment ? line(of: file.systemIdentifier, in: pushed, location, context) : nil
      }
      context.run.notes.noteReached(location)
      context.console.step("\(location.path): \(pushing.title) \(isNew ? "is stored" : "was stored before")")
    }
  }

  private static func origin(_ cluster: LogCluster, _ systemIdentifier: UInt64, _ context: ActionContext) -> LogOrigin {
    LogOrigin(LogCluster.server(systemIdentifier), hostname: context.surroundings.hostname, name: cluster.name)
  }

  private static func line(
    of systemIdentifier: UInt64, in pushed: PushedAhead?, _ location: RepositoryLocation, _ context: ActionContext
  ) -> PushServiceLine? {
    guard context.flags[stay] > 0, let pushed else { return nil }
    return PushServiceLine(
      in: pushed.folder, to: location, of: systemIdentifier, context, besides: context.flags[file])
  }

  /// Is the process that a push has started for those behind it.
  ///
  /// - Parameters:
  ///   - contexts: As the push's, for each repository that may be meant.
  ///   - listener: At which pushes connect.
  /// - Throws: What opening the repository throws; `SystemError`.
  static func serve(
    _ order: PushServiceOrder, _ contexts: [ActionContext], _ listener: consuming FileDescriptor
  ) throws {
    guard let service = try contexts.compactMap({ try service(order, $0) }).first else { return }
    try service.run(listener)
  }

  /// - Returns: nil for another repository than the one that is meant.
  private static func service(_ order: PushServiceOrder, _ context: ActionContext) throws -> PushService? {
    guard let location = context.repositories.first else { return nil }
    let cluster = try LogCluster(context)
    let origin = origin(cluster, order.systemIdentifier, context)
    let pushed = PushedAhead(origin, to: location, context)
    guard let line = line(of: order.systemIdentifier, in: pushed, location, context), line.isMeant(by: order) else {
      return nil
    }
    let plan = PushService.Plan(
      origin: origin, systemIdentifier: order.systemIdentifier, dataDirectory: cluster.dataDirectory, pushed: pushed,
      ahead: context.flags[ahead] - 1, stay: Double(context.flags[stay]))
    // Whoever asks knows better than this what to do about a repository that is away.
    return try PushService(plan, to: context.open(location, retries: false), line, context)
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
