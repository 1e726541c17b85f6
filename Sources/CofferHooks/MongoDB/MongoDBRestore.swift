import CofferSystem

/// The restore of one database or of a whole server, collection by collection.
///
/// MongoDB has no transaction that could hold a restore, and its tools cannot rename a database, so this is the one
/// hook whose restore may leave something between before and after. What can be done against it: the dump was followed
/// to its end when it was made and is read from the repository to its end before anything is touched, programs and
/// connection are tried, and the first error ends the restore. Every collection of the dump is dropped before it is restored, also when the whole server is: documents
/// of two different times, merged, would be neither. Hence a second restore makes good what the first one left.
struct MongoDBRestore: PlannedRestore {
  private let facts: DumpFacts
  private let entry: MongoDBEntry
  private let newName: String?
  private let included: [String]
  private let excluded: [String]
  /// What is replayed behind the dump's own oplog.
  private let oplog: OplogReplay?

  private var identity: DumpIdentity { facts.identity }
  private var isCompressed: Bool { facts.details["compression"] == "gzip" }

  /// - Throws: `RestoreError.refused` for a target that it cannot reach.
  init(_ facts: DumpFacts, to target: RestoreTarget, _ entry: MongoDBEntry) throws(RestoreError) {
    self.facts = facts
    self.entry = entry
    oplog = target.oplog
    newName = target.databaseName.flatMap { $0.isSame(as: facts.identity.database) ? nil : $0 }
    included = target[SharedChoices.schemas].map { MongoDBNamespace.pattern($0, database: facts.identity.database) }
    // A throw-away server has its own settings.
    excluded = target.isDrill && entry.isWholeServer ? MongoDBCollections.unrestored.map { "\($0).*" } : []
    if let newName, facts.identity.database == "all" {
      throw refused("a whole server cannot be restored as one database '\(newName)'", "Leave the name out")
    }
    if let newName, !MongoDBNamespace.isDatabaseName(newName) {
      throw refused("no database of MongoDB can be called '\(newName)'", "Use letters, digits, '-' and '_'")
    }
    if entry.client.wouldAsk(.restore, options: entry.restoreOptions) {
      throw refused("there is a username but no password, and mongorestore would ask for one", "Set restore_password")
    }
    guard oplog != nil else { return }
    guard facts.oplog != nil, facts.identity.database.isSame(as: "all"), !isCompressed, !wantsFolder else {
      throw refused(
        "it has no oplog that could be gone on with",
        "Dump the whole server with oplog: true (format archive) in its entry of mongodb_databases")
    }
    guard !entry.restoreOptions.contains(where: Self.isNarrowing) else {
      throw refused(
        "an oplog is replayed on a whole server, and restore_options leave a part of it out",
        "Take --nsInclude, --nsExclude and their like out of restore_options for this restore")
    }
    guard !entry.restoreOptions.contains(where: Self.isOfOplog) else {
      throw refused(
        "restore_options say themselves what of an oplog is replayed",
        "Take --oplogLimit and --oplogFile out of restore_options for this restore")
    }
    guard included.isEmpty else {
      throw refused(
        "an oplog is replayed on a whole server, and collections were chosen",
        "Restore to a spare server (--hostname), and bring the collections over from there")
    }
  }

  /// Whether mongorestore replays the oplog that is in the dump: it does so of whole dumps only.
  private var replaysOplog: Bool {
    facts.oplog != nil && entry.isWholeServer && included.isEmpty && excluded.isEmpty
      && !entry.restoreOptions.contains(where: Self.isNarrowing)
  }

  /// Whether a word of mongorestore's leaves something out, or gives it another name.
  private static func isNarrowing(_ word: String) -> Bool {
    ["--ns", "--db", "--collection", "--excludeCollection", "-d", "-c"].contains { word.begins(with: $0) }
  }

  /// Whether a word of mongorestore's, the last of which counts, moves the end of a replay, or replays something else.
  private static func isOfOplog(_ word: String) -> Bool {
    ["--oplogLimit", "--oplogFile"].contains { word.begins(with: $0) }
  }

  var summary: String {
    let isWholeServer = identity.database == "all"
    let what = isWholeServer ? "every database of it, with users and roles," : "'\(newName ?? identity.database)'"
    let only =
      included.isEmpty
      ? "" : ", only \(included.joined(separator: ", "))" + (facts.oplog == nil ? "" : ", not of one moment")
    return "\(identity.title) -> \(what) at \(entry.client.server.place)\(only) "
      + "(each collection of the dump is dropped and restored; an error in between leaves some new and some old)"
  }

  var isReversible: Bool { false }

  var wantsFolder: Bool { facts.has(MongoDBOptions.Format.directory) }

  /// Makes mongorestore do all that it does before it touches anything, with a dump that holds nothing: it checks its
  /// arguments, connects and logs in.
  ///
  /// - Throws: `RestoreError.refused`.
  func rehearse(context: HookContext) throws {
    // With these it wants to see the oplog in the dump.
    guard replaysOplog || !entry.restoreOptions.contains(where: { $0.begins(with: "--oplog") }) else { return }
    let password = try entry.client.password(context: context)
    let options = entry.restoreOptions.filter { $0 != "--gzip" }
    let command = command(["--archive", "--dryRun"], options, password, context)
    let empty = MongoDBArchive.empty(serverVersion: facts.serverVersion, hasOplog: replaysOplog)
    let result = try withExtendedLifetime(password) {
      try context.launcher.run(command, input: empty, cancellation: context.cancellation)
    }
    guard result.status.isSuccess else {
      throw refused(
        ClientFailure.problem("mongorestore", result.status, result.errorLines),
        identity.advice.suggestion(result.errorLines))
    }
    if oplog != nil { try checkCollections(context) }
  }

  /// What a replay makes anew must not be there: mongorestore drops what the dump has, and nothing else.
  private func checkCollections(_ context: HookContext) throws {
    let password = try entry.client.password(context: context)
    let options = entry.dumpOptions.filter { word in !["--oplog", "--gzip"].contains { word.isSame(as: $0) } }
    let command = entry.client.command(
      .dump, leading: [], trailing: options + ["--archive"], password: password, context: context)
    let announced = try withExtendedLifetime(password) {
      try OplogTarget.collections(command, for: identity, context: context)
    }
    if let problem = OplogTarget.obstacle(announced, beside: facts.content) {
      throw refused(
        "\(entry.client.server.place) cannot take a replay: \(problem)",
        "Drop them, or restore to an empty server (--hostname)")
    }
  }

  func start(folder: String?, context: HookContext) throws -> any RunningRestore {
    let password = try entry.client.password(context: context)
    var leading = folder.map { ["--dir", $0] } ?? ["--archive"]
    if isCompressed, !entry.restoreOptions.contains("--gzip") { leading.append("--gzip") }
    // It reads an archive to its end; a folder it is given by its name.
    let client = try ClientInput(
      command(leading, entry.restoreOptions, password, context), of: identity, mustReadAll: folder == nil,
      context: context)
    return MongoDBRunningRestore(client, password: password, oplog)
  }

  private func command(
    _ leading: [String], _ options: [String], _ password: MongoDBPassword?, _ context: HookContext
  ) -> ChildCommand {
    var leading = leading + ["--drop", "--stopOnError"]
    if replaysOplog, !options.contains(where: { $0.isSame(as: "--oplogReplay") }) { leading.append("--oplogReplay") }
    if replaysOplog, let oplog { leading += ["--oplogLimit", oplog.limit.text] }
    var trailing = options + included.flatMap { ["--nsInclude", $0] }
    trailing += excluded.flatMap { ["--nsExclude", $0] }
    if let newName { trailing += ["--nsFrom", "\(identity.database).*", "--nsTo", "\(newName).*"] }
    return entry.client.command(
      .restore, leading: leading, trailing: trailing, password: password, context: context)
  }

  private func refused(_ problem: String, _ suggestion: String?) -> RestoreError {
    .refused(identity, problem: problem, suggestion: suggestion)
  }
}

/// A restore by mongorestore on its way.
final class MongoDBRunningRestore: RunningRestore {
  private let client: ClientInput
  private let password: MongoDBPassword?
  private var splice: OplogSplice?

  /// - Parameter oplog: What is put behind the dump's own.
  init(_ client: ClientInput, password: MongoDBPassword?, _ oplog: OplogReplay?) {
    self.client = client
    self.password = password
    splice = oplog.map { oplog in
      OplogSplice { take in
        do {
          try oplog.entries(take)
        } catch let error where !(error is RestoreError || error is RunCancelled) {
          let diagnosis = Diagnosis(of: error)
          throw RestoreError.endedInPart(
            client.identity, problem: "The log cannot be read to its end: \(diagnosis.problem)",
            suggestion: diagnosis.suggestion)
        }
      }
    }
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    try inPart {
      if splice == nil { return try client.write(bytes) }
      do {
        try splice?.feed(bytes) { try client.write($0) }
      } catch is OplogSplice.Malformed {
        throw RestoreError.endedInPart(
          client.identity, problem: "The dump is not what mongodump writes", suggestion: nil)
      }
    }
  }

  func finish() throws -> [String] {
    guard splice.map(\.isDone) ?? true else {
      throw RestoreError.endedInPart(client.identity, problem: "The dump has no end of an oplog", suggestion: nil)
    }
    try inPart { try client.finish() }
    let lines = client.child.lastErrorLines
    // It ends well even if some documents could not be written.
    if let count = lines.compactMap(Self.failures).last, count > 0 {
      let reason = lines.suffix(5).joined(separator: " / ")
      throw RestoreError.endedInPart(
        client.identity, problem: "\(count) documents could not be written: \(reason)", suggestion: nil)
    }
    return ClientFailure.warnings(lines)
  }

  func abandon() {
    client.abandon()
  }

  private func inPart(_ body: () throws -> Void) throws {
    do {
      try body()
    } catch RestoreError.programFailed(let identity, let program, let status, let lines) {
      throw RestoreError.endedInPart(
        identity, problem: ClientFailure.problem(program, status, lines), suggestion: identity.advice.suggestion(lines))
    } catch RestoreError.inputIgnored(let identity, let program) {
      throw RestoreError.endedInPart(
        identity, problem: "\(program) ended before it had all that it was given", suggestion: nil)
    }
  }

  /// How many documents failed, if the line tells: `12 document(s) restored successfully. 0 document(s) failed to ...`.
  private static func failures(_ line: String) -> Int? {
    let parts = line.parts(by: " document(s) failed to restore", limit: 2)
    return parts.count == 2 ? parts[0].words.last.flatMap { Int($0) } : nil
  }
}
