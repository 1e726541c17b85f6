import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferSystem

/// `wal push`: stores a file of a PostgreSQL server's log.
enum WALPushAction {
  private static let file = Flag<String>(
    "--file", required: "FILE", help: "The file, which PostgreSQL puts in the place of %p.")

  static let declaration = ActionDeclaration(
    "wal push", abstract: "Store a segment of a PostgreSQL server's log: for archive_command.",
    discussion: """
      Run by the server: archive_command = 'coffer wal push %p'. It ends with success when the file is durable in every \
      configured repository, or was stored there before with the same bytes; PostgreSQL keeps the file and tries again otherwise, also \
      where skip_actions, a command before it or --dry-run kept it from being stored. \
      Other bytes under a name that is stored already are refused. A write-only key is enough. The server's user has to be able to read the \
      configuration and what opens the repository.
      """,
    flags: [LogCluster.flag, SharedFlags.repository], operands: [file],
    examples: ["coffer wal push pg_wal/000000010000000000000001"],
    options: [GeneralOptions.packing], partly: [PostgreSQLClusterOptions.schema], run: run)

  private static func run(_ context: ActionContext) throws {
    let cluster = try LogCluster(context)
    let file = try WALFile(context.absolutePath(context.flags[file]), dataDirectory: cluster.dataDirectory)
    let title = "Segment \(file.name.text)"
    let origin = LogOrigin(
      LogCluster.server(file.systemIdentifier), hostname: context.surroundings.hostname, name: cluster.name)
    guard let part = LogPart(file, title: title, origin: origin) else {
      throw WALError.content(file.name.text, "it is larger than any segment")
    }
    try context.forEachRepository { location in
      let access = try context.open(location)
      guard !context.isDryRun else {
        return context.console.answer(
          "\(location.path): Would store \(file.name.text) of server \(file.systemIdentifier)")
      }
      let isNew = try access.repository.put(
        part, compressionLevel: context.root[GeneralOptions.compression].level
      ) { take in
        try file.read(pieces: LogPart.blockSize) { block in
          try context.cancellation.check()
          try take(block)
        }
      }
      context.run.notes.noteReached(location)
      context.console.step("\(location.path): \(title) \(isNew ? "is stored" : "was stored before")")
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
