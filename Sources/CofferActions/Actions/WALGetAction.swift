import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferSystem

/// `wal get`: gives a file of a PostgreSQL server's log back.
enum WALGetAction {
  private static let name = Flag<String>(
    "--name", required: "NAME", help: "The file's name, which PostgreSQL puts in the place of %f.")
  private static let goal = Flag<String>(
    "--to", required: "FILE", help: "Where to write it, which PostgreSQL puts in the place of %p.")
  static let signers = Flag<[String]>(
    "--signer", value: "KEY",
    help:
      "A write-only key whose log counts, by its id or the beginning of that; may be repeated. Without it, that of full "
      + "keys counts, and of a write-only key if it is the only one that has put log of this server and has not been removed."
  )
  private static let ahead = Flag<Int>(
    "--read-ahead", value: "NUMBER", .count, default: 16,
    help:
      "How many segments are read at once, as long as they have not more than 256 MiB together; those that are asked for later wait in this user's cache."
  )
  static let endAtGap = Flag<Bool>(
    "--end-at-gap", help: "Take a segment that is missing, with others behind it, for the end of the log.")

  static let declaration = ActionDeclaration(
    "wal get", abstract: "Give a segment of a PostgreSQL server's log back: for restore_command.",
    discussion: """
      Run by the server that is restored: restore_command = 'coffer wal get %f %p'. Which server it is, is read in the folder's \
      global/pg_control. Every byte is verified before the file has its name. Exit codes are what PostgreSQL goes by: 0 when \
      the file is there, 1 when it is certain that no repository has it, so that recovery ends there or goes on elsewhere, and \(errorCode) for \
      everything else, at which it stops: an unreachable repository is not the end of the log. So is a gap, unless --end-at-gap \
      says otherwise. Takes a full key.
      """,
    flags: [LogCluster.flag, signers, ahead, endAtGap, SharedFlags.repository], operands: [name, goal],
    examples: ["coffer wal get 000000010000000000000001 pg_wal/RECOVERYXLOG"],
    partly: [PostgreSQLClusterOptions.schema], repositories: .together, run: run)

  /// What PostgreSQL takes for a failure of the command, and not for the end of the log: anything above 125.
  static let errorCode: Int32 = 200

  /// Bytes that are read at once.
  private static let aheadSize = 256 << 20

  private static func run(_ context: ActionContext) throws {
    let name = context.flags[name]
    guard let file = WALFileName(name) else { throw WALError.name(name) }
    let goal = try FilePlace(context.absolutePath(context.flags[goal]))
    let server = try server(context)
    let signers = context.flags[signers]
    let ahead = LogAhead(
      in: RepositoryLocation.cacheFolder(context.surroundings), server,
      origin: context.repositories.map(\.path) + signers)
    if case .segment = file, let bytes = try ahead?.take(name) {
      try goal.folder.replace(goal.name, with: bytes, isLasting: true)
      ahead?.remove(name)
      return context.run.notes.noteGiven()
    }
    var missing: [any Error] = []
    var failures: [any Error] = []
    var beginnings: [FoundBeginning] = []
    for location in context.repositories {
      do {
        let reader = try context.open(location).repository.logReader(of: server, signers: signers)
        guard let (end, beginning) = try giveWhole(file, reader, goal, ahead, location, context) else {
          return context.run.notes.noteGiven()
        }
        if let beginning { beginnings.append((beginning, reader)) }
        missing.append(end)
        context.run.notes.noteReached(location)
      } catch let error as RunCancelled {
        throw error
      } catch {
        failures.append(error)
      }
    }
    // What is not full yet is given where no repository has the whole: the log ends in it.
    if failures.isEmpty, let (beginning, reader) = beginnings.max(by: { $0.beginning.count < $1.beginning.count }) {
      try write(goal) { start, take in try reader.read(beginning, title: name, start: start, take) }
      return context.run.notes.noteGiven()
    }
    throw SeveralErrors(failures.isEmpty ? missing : failures)
  }

  private typealias FoundBeginning = (beginning: LogReader.Beginning, reader: LogReader)

  /// Gives a file, if it is there as a whole.
  ///
  /// - Returns: nil where it was given; else that it is certainly not to be had, and what there is of its beginning.
  private static func giveWhole(
    _ file: WALFileName, _ reader: LogReader, _ goal: FilePlace, _ ahead: LogAhead?,
    _ location: RepositoryLocation, _ context: ActionContext
  ) throws -> (end: LogError, beginning: LogReader.Beginning?)? {
    do {
      try give(file, reader, goal, ahead, location, context)
      return nil
    } catch let error as LogError {
      guard let end = end(error, context) else { throw error }
      guard case .segment(let timeline, let number) = file else { return (end, nil) }
      do {
        let found = try reader.beginning(
          history: timeline, number: number, title: file.text, endsAtGap: context.flags[endAtGap])
        if let found { return (end, found) }
      } catch LogError.missing {
        return (end, nil)
      }
      // It has become whole meanwhile.
      try give(file, reader, goal, ahead, location, context)
      return nil
    }
  }

  /// What says that there is certainly nothing to be had of a repository; nil for what does not.
  private static func end(_ error: LogError, _ context: ActionContext) -> LogError? {
    switch error {
    case .missing: error
    case .gap(let segment, let location):
      context.flags[endAtGap] ? .missing(segment: segment, location: location) : nil
    default: nil
    }
  }

  /// The server whose data directory this is, or that of the configuration.
  private static func server(_ context: ActionContext) throws -> LogServer {
    let here = context.surroundings.currentFolder
    if let identifier = try WALFile.systemIdentifier(of: here) { return LogCluster.server(identifier) }
    let configured = try LogCluster(context).dataDirectory
    guard let identifier = try WALFile.systemIdentifier(of: configured) else {
      throw WALError.unknownServer(context.flags[name], dataDirectory: configured)
    }
    return LogCluster.server(identifier)
  }

  private static func give(
    _ file: WALFileName, _ reader: LogReader, _ goal: FilePlace, _ ahead: LogAhead?,
    _ location: RepositoryLocation, _ context: ActionContext
  ) throws {
    let (kind, number) = file.part
    switch kind {
    case .segment:
      try give(segment: number, of: file.timeline, reader, goal, ahead, location, context)
    case .file(let what):
      try write(goal) { start, take in
        try reader.file(what, history: file.timeline, number: number, title: file.text, start: start, take)
      }
    }
  }

  private static func give(
    segment number: UInt64, of timeline: UInt32, _ reader: LogReader, _ goal: FilePlace, _ ahead: LogAhead?,
    _ location: RepositoryLocation, _ context: ActionContext
  ) throws {
    let title = WALFileName.segment(timeline: timeline, number: number).text
    let run = try reader.find(
      history: timeline, number: number, count: max(context.flags[Self.ahead], 1), title: title)
    try write(goal) { start, take in try reader.read(0, of: run, title: title, start: start, take) }
    guard let ahead else { return }
    ahead.remove(nil)
    var size = 0
    for (index, place) in run.places.enumerated().dropFirst() {
      size += 1 << Int(place.exponent)
      guard size <= aheadSize else { return }
      do {
        var bytes: [UInt8] = []
        try reader.read(index, of: run, title: place.segmentName, start: { bytes = [] }, { bytes += $0 })
        try ahead.keep(place.segmentName, bytes)
      } catch let error as RunCancelled {
        throw error
      } catch {
        // What was asked for is there; the rest is read, and its failure told, when it is asked for.
        return context.console.step(
          "\(location.path): \(place.segmentName) was not read ahead: \(Diagnosis(of: error).problem)")
      }
    }
  }

  /// Writes a file that has its name when it is whole and on the disk.
  private static func write(
    _ goal: FilePlace,
    _ body: (_ start: () throws -> Void, _ take: (UnsafeRawBufferPointer) throws -> Void) throws -> Void
  ) throws {
    let subject = goal.folder.path(of: goal.name)
    try goal.folder.replace(goal.name, isLasting: true) { file in
      try body({ try file.empty(subject: subject) }, { try file.writeAll($0, subject: subject) })
    }
  }
}

extension WALGetAction {
  /// Whether a command line is one of a `restore_command`, as far as it can be told: also of one that is not understood, PostgreSQL
  /// must not take a failure for the end of the log.
  static func isMeant(by words: [String]) -> Bool {
    zip(words, words.dropFirst()).contains { $0.isSame(as: "wal") && $1.isSame(as: "get") }
  }

  /// What PostgreSQL is to be told.
  ///
  /// - Parameters:
  ///   - failures: The run's errors.
  ///   - isGiven: Whether the file was given, of one configuration file at least.
  static func exitCode(after failures: [any Error], isGiven: Bool) -> Int32 {
    guard !failures.isEmpty, !isGiven else { return 0 }
    return SeveralErrors(failures).errors.allSatisfy(isEnd) ? 1 : errorCode
  }

  /// Whether an error says that something certainly is not there: another try finds it no more.
  static func isEnd(_ error: any Error) -> Bool {
    let cause = (error as? RepositoryFailure)?.cause ?? error
    if case LogError.missing = cause { return true }
    return false
  }
}
