import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferSystem

/// Lays a PostgreSQL server down from a base backup, so that it recovers to a moment. Everything is checked before anything is
/// written.
struct ClusterRestore: ServerRestore {
  private let request: ClusterRequest
  private let context: ActionContext
  private let location: RepositoryLocation
  private let reader: ArchiveReader
  private let found: ClusterSearch.Found
  private let places: ClusterPlaces
  private let major: Int

  /// - Throws: `ClusterRestoreError`; `ClusterError`; `UsageError`; what reading throws.
  init(_ request: ClusterRequest, from location: RepositoryLocation, _ context: ActionContext) throws {
    self.request = request
    self.context = context
    self.location = location
    guard !context.flags.contains(ReplayRequest.gtid) else {
      throw UsageError(
        argument: ReplayRequest.gtid.name, problem: "It is for servers of MariaDB",
        suggestion:
          "Name a target with \(ClusterRestoreFlags.time.name), \(ClusterRestoreFlags.position.name) or another")
    }
    let access = try context.open(location, forData: true)
    reader = try access.repository.reader()
    found = try ClusterSearch(request, in: access, context).find(reader)
    let version = found.dump.record.serverVersion ?? ""
    guard let major = ClusterPlan.majorVersion(version), major >= 12 else {
      throw ClusterRestoreError.oldVersion(version)
    }
    self.major = major
    let plan = ClusterPlan(
      directory: request.directory, tablespaces: try Self.tablespaces(of: found.base, request),
      isDelta: request.isDelta, systemIdentifier: found.base.systemIdentifier, majorVersion: major,
      size: found.dump.record.bytes)
    places = try ClusterPlaces(plan, owner: request.owner)
    try checkPrograms()
    try checkCommand()
  }

  private static func tablespaces(
    of base: BaseBackupFacts, _ request: ClusterRequest
  ) throws -> [ClusterPlan.Tablespace] {
    if let mapping = request.mappings.first(where: { mapping in
      !base.tablespaces.contains { $0.location.bytes.elementsEqual(mapping.old.utf8) }
    }) {
      throw UsageError(
        argument: ClusterRestoreFlags.mappings.name,
        problem: "The base backup has no tablespace that was at \(Quoting.terminal(mapping.old))",
        suggestion: "It has: "
          + (base.tablespaces.isEmpty
            ? "none" : base.tablespaces.map { Quoting.terminal($0.location.shown) }.joined(separator: ", ")))
    }
    return try base.tablespaces.map { tablespace in
      let mapping = request.mappings.last { tablespace.location.bytes.elementsEqual($0.old.utf8) }
      guard let place = mapping?.new ?? tablespace.location.text else {
        throw UsageError(
          argument: ClusterRestoreFlags.mappings.name,
          problem: "The place of the tablespace \(tablespace.oid) is no UTF-8",
          suggestion: "Rename its folder, and make a new base backup")
      }
      return ClusterPlan.Tablespace(
        number: tablespace.oid, recorded: tablespace.location.shown, location: place.trimmedOfSlashes)
    }
  }

  // MARK: - Checks

  private func checkPrograms() throws {
    guard PostgreSQLInstallations.standard.server(major: major) == nil else { return }
    let error = RecoveringServer.missing(major, request.directory)
    guard !request.starts else { throw error }
    context.console.warning(Console.text(error.diagnosis))
  }

  /// That the server's user can bring log: what opens a repository for root need not open it for him.
  private func checkCommand() throws {
    let words = try commandStart() + ["wal", "list"]
    let result = try context.surroundings.launcher.run(
      ServerOwner.command(words, as: places.owner, context.surroundings.environment),
      cancellation: context.cancellation)
    guard !result.status.isSuccess else { return }
    let error = ClusterRestoreError.commandFails(
      words.map(Quoting.pastedWord).joined(separator: " "), lines: result.errorLines)
    guard !request.starts else { throw error }
    context.console.warning(Console.text(error.diagnosis))
  }

  /// This program with the configuration of this run, before the action.
  private func commandStart() throws -> [String] {
    guard let path = context.configuration?.path else {
      throw UsageError(
        argument: ClusterRestoreFlags.cluster.name, problem: "The server needs a configuration to bring its log by",
        suggestion: "Write one with the repository, and name it with --config")
    }
    var words = [OwnProgram.file, "--config", context.absolutePath(path)]
    if context.flags[SharedFlags.repository] != nil { words += ["--repository", location.path] }
    return words
  }

  private func settings() throws -> RecoverySettings {
    // From 15 on the server reads ahead of what it replays, from 13 on it says itself that a target was not reached.
    let mayEnd =
      found.route.leansOnBase || found.route.behindGap != nil && request.target != .end && major >= 13
    return RecoverySettings(
      target: request.target, isInclusive: request.isInclusive, timeline: request.timeline,
      command: try commandStart() + request.signers.flatMap { ["--signer", $0] }
        + (mayEnd ? [WALGetAction.endAtGap.name] : []) + ["wal", "get"])
  }

  // MARK: - The plan

  /// What will be done, for people.
  var summary: [String] {
    let record = found.dump.record
    let segment = found.route.lastSegment.map(\.segmentName)
    let bytes = Formats.size(record.bytes)
    var lines = [
      "cluster \(request.cluster), PostgreSQL \(record.serverVersion ?? ""), to \(request.directory), \(bytes)"
        + (places.isDelta ? ", in place of what is there" : ""),
      "from the base backup of server \(found.base.systemIdentifier) in archive \(found.archive.name) of \(found.archive.draft.hostname), of \(Formats.time(record.end)), LSN \(found.base.end.text)",
      "with the log up to \(segment ?? "the end of the base backup"), timeline \(found.route.history.timeline), to \(request.targetTitle)"
        + (request.isInclusive ? "" : ", exclusive"),
    ]
    for tablespace in places.tablespaceLines { lines.append("tablespace \(tablespace)") }
    return lines.map { Quoting.terminal($0) }
  }

  /// Why newer archives than the one with the base backup were passed over.
  var unreadable: [any Error] { found.unreadable }

  /// What is odd about it.
  var warnings: [String] {
    var lines: [String] = []
    if let gap = found.route.behindGap {
      lines.append("The log has a gap before \(gap.segmentName): what is behind it cannot be reached")
    }
    if places.isDelta {
      lines.append(
        "What \(request.directory)/pg_wal has, and no repository, is lost: copy it first if the server's last log was not stored"
      )
    }
    return lines
  }

  // MARK: - Doing it

  /// - Throws: What reading and writing throw; what was not there before is not there then either.
  func run() throws {
    let progress = try ReadingProgress(context)
    defer { progress.stop() }
    try layDown(progress)
    context.console.answer("Laid down: \(Quoting.terminal(request.directory)), from \(found.archive.name)")
    let standing = try request.starts ? start(progress) : nil
    if context.wantsJSON { context.run.outcomes.add(json(standing)) }
    guard standing == nil else { return }
    context.console.remark(
      "Start the server there: it recovers to \(request.targetTitle)\(request.target == .end ? "" : " and waits for pg_wal_replay_resume()")"
    )
  }

  private func layDown(_ progress: ReadingProgress) throws {
    let time = Formats.strftime("%Y-%m-%d %H:%M:%SZ", context.surroundings.clock.now(), utc: true)
    let settings = try settings().text(time: time)
    try layDown(
      found.dump, reader, "cluster \(request.cluster), laying it down", progress, context,
      begin: { try ClusterFolder(places) }, end: { try $0.finish(for: .recovery(settings: settings)) })
  }

  /// The role that initdb makes unless it is told otherwise.
  private static let superuser = "postgres"

  private func start(_ progress: ReadingProgress) throws -> RecoveringServer.Standing {
    let user = context.flags[RestoreAction.username] ?? Self.superuser
    let server = try RecoveringServer(
      major: major, in: request.directory, owner: places.owner, user: user, context: context.hookContext())
    progress.begin("cluster \(request.cluster), replaying its log", total: 0)
    let standing = try server.start { standing in
      progress.name("cluster \(request.cluster), replaying its log\(standing.position.map { ", at \($0.text)" } ?? "")")
    }
    let commit = standing.lastCommit.isEmpty ? "" : ", last commit \(standing.lastCommit)"
    let place = standing.position.map { " at LSN \($0.text)" } ?? ""
    context.console.answer(
      Quoting.terminal(
        (standing.isRecovering ? "The server waits at its target" : "The server has recovered, and writes") + place
          + commit))
    if !standing.isRecovering {
      // Before version 13 a server does not take it amiss.
      if request.target != .end {
        context.console.warning(
          "The server did not wait at \(request.targetTitle): the log that it found may have ended before that")
      }
      context.console.remark(
        "Its new timeline is not in the log: before archive_mode is turned on, store its pg_wal/NUMBER.history with 'coffer wal push'"
      )
    }
    context.console.answer(
      "psql --host \(Quoting.pastedWord(request.directory)) --username \(Quoting.pastedWord(user))")
    return standing
  }

  private func json(_ standing: RecoveringServer.Standing?) -> JSONValue {
    var object: [String: JSONValue] = [
      "archive": .text(found.archive.name), "id": .text(found.archive.id), "cluster": .text(request.cluster),
      "system_identifier": .text(String(found.base.systemIdentifier)), "target_directory": .text(request.directory),
      "target": .text(request.targetTitle), "base_end": .text(found.base.end.text),
      "timeline": .number(Int(found.route.history.timeline)), "log_end": .text(found.route.end.text),
    ]
    if let standing {
      object["server"] = .object([
        "recovering": .bool(standing.isRecovering), "paused": .bool(standing.isPaused),
        "lsn": JSONValue(standing.position?.text), "last_commit": .text(standing.lastCommit),
      ])
    }
    return .object(object)
  }
}
