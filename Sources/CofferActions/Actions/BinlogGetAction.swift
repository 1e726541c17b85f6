import CofferHooks
import CofferRepository
import CofferSystem
import Glibc

/// `binlog get`: gives the files of a MariaDB or MySQL server's binary log back.
enum BinlogGetAction {
  private static let goal = Flag<String>(
    "--to", required: "FOLDER", help: "Where to write them: a folder in which none of them is yet.")
  private static let from = Flag<String?>(
    "--from", value: "FILE",
    help: "The first file that is wanted, like binlog.000007. Default: the first that there is.")
  private static let history = Flag<Int?>(
    "--history", value: "NUMBER", .count,
    help: "Which history, as 'binlog list' shows them. Default: the newest.")

  static let declaration = ActionDeclaration(
    "binlog get", abstract: "Give the files of a MariaDB or MySQL server's binary log back.",
    discussion: """
      For mariadb-binlog or mysqlbinlog, by hand. The files are as the server has them, but for what says of the last one that it is in use; of an encrypted log they are decrypted, \
      and so no longer at the same places. Of a file whose beginning is not stored there is what is, behind a format description. What is behind a gap is left out, and said. Takes a full key.
      """,
    flags: [BinaryLogEntry.flag, from, history, WALGetAction.signers, SharedFlags.repository], operands: [goal],
    examples: ["coffer binlog get --server main --from binlog.000007 /var/tmp/binlog"],
    partly: [MariaDBServerOptions.schema], run: run)

  private static func run(_ context: ActionContext) throws {
    let entry = try BinaryLogEntry.wanted(context)
    let goal = try Folder.trusted(context.absolutePath(context.flags[goal]), .folders, makingWith: 0o700)
    let first = try context.flags[from].map { text in
      guard let name = BinaryLogFileName(text) else {
        throw UsageError(
          argument: from.name, problem: "No file of a binary log is called '\(text)'",
          suggestion: "See with SHOW BINARY LOGS what files are called")
      }
      return name
    }
    var isGiven = false
    try context.forEachRepository { location in
      // The first that has the log gives it.
      guard !isGiven else { return }
      let access = try context.open(location)
      let streams = try access.repository.logs().filter { $0.origin.map(entry.named.isMeant) ?? false }
      guard let server = streams.max(by: { $0.received < $1.received })?.origin?.server else {
        throw BinaryLogMissing(location: location.path, title: "the binary log of \(entry.name)")
      }
      let reader = try BinaryLogReader(access.repository, of: server, signers: context.flags[WALGetAction.signers])
      let all = try reader.stretches()
      let history = context.flags[history].map { UInt32(clamping: $0) } ?? all.last?.history ?? 0
      let wanted = all.filter { $0.history == history }
      let found = try wanted.compactMap { stretch in try start(first, in: stretch, reader).map { (stretch, $0) } }
      guard let (stretch, number) = found.first else {
        throw BinaryLogMissing(location: location.path, title: first?.text ?? "history \(history)")
      }
      if let last = wanted.last, last != stretch {
        context.console.warning(
          "\(location.path): Slices are missing behind number \(stretch.numbers.upperBound) of history \(history): what is behind them is left out"
        )
      }
      try write(number...stretch.numbers.upperBound, history, reader, goal)
      isGiven = true
    }
  }

  /// The slice with which a file begins, or what is stored of it.
  private static func start(
    _ file: BinaryLogFileName?, in stretch: BinaryLogReader.Stretch, _ reader: BinaryLogReader
  ) throws -> UInt64? {
    guard let file else { return stretch.numbers.lowerBound }
    if let number = try reader.find(file: file.text, position: BinaryLogFileName.firstEvent, in: stretch) {
      return number
    }
    let number = stretch.numbers.lowerBound
    return try reader.slice(number, history: stretch.history).file.isSame(as: file.text) ? number : nil
  }

  private static func write(
    _ numbers: ClosedRange<UInt64>, _ history: UInt32, _ reader: BinaryLogReader, _ goal: Folder
  ) throws {
    var name: EntryName?
    try reader.forEach(numbers, history: history) { slice in
      let entry = EntryName(slice.file)
      let isNew = entry != name
      name = entry
      // The name is one that leads nowhere else: whoever reads a slice has looked.
      let file = try goal.open(entry, flags: O_WRONLY | (isNew ? O_CREAT | O_EXCL : O_APPEND))
      if isNew {
        let head = slice.range.lowerBound == BinaryLogFileName.firstEvent ? [] : slice.format
        try write(BinaryLogParser.magic + head, to: file, entry, goal)
      }
      try write(slice.events, to: file, entry, goal)
      return true
    }
  }

  private static func write(
    _ bytes: [UInt8], to file: borrowing FileDescriptor, _ name: EntryName, _ goal: Folder
  ) throws {
    try bytes.withUnsafeBytes { try file.writeAll($0, subject: goal.path(of: name)) }
  }
}

/// What is wanted of a binary log is not stored.
struct BinaryLogMissing: DiagnosableError {
  let location: String
  let title: String

  var diagnosis: Diagnosis {
    Diagnosis(
      subject: "repository \(location)", problem: "There is nothing of \(title)",
      suggestion: "See with 'coffer binlog list' what there is")
  }
}
