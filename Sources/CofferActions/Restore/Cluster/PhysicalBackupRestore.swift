import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferSystem

/// Lays a MariaDB server down from a physical backup, as it was when that ended, or at a moment behind it.
struct PhysicalBackupRestore: ServerRestore {
  /// What the backup is brought further by.
  private struct Replay {
    let request: ReplayRequest
    let log: ReplayLog
    let ground: DrillGround
  }

  private let request: ClusterRequest
  private let context: ActionContext
  private let reader: ArchiveReader
  private let archive: Archive
  private let dump: ArchiveDump
  private let facts: PhysicalBackupFacts
  private let place: ServerPlace
  private let preparation: PhysicalBackupPreparation
  /// nil where the backup alone is wanted.
  private let replay: Replay?

  /// - Throws: `ClusterRestoreError`; `ClusterError`; `PreparationError`; `ReplayRouteError`; `ReplayError`; `UsageError`; what reading
  ///   throws.
  init(_ request: ClusterRequest, from location: RepositoryLocation, _ context: ActionContext) throws {
    self.request = request
    self.context = context
    try Self.check(context.flags)
    let wanted = try ReplayRequest(context, refusing: [])
    let hooks = try context.hookContext()
    let access = try context.open(location, forData: true)
    reader = try access.repository.reader()
    place = try ServerPlace(request.directory, owner: request.owner)
    if let wanted {
      try place.check(size: 0)
      let ground = try DrillGround(in: ReplayRestore.folder(context), as: place.owner, context: hooks)
      let search = ReplaySearch(of: .server(request.cluster), wanted, in: access, ground, context)
      let found = try search.find(reader)
      guard let dump = found.dumps.first, let facts = dump.record.physical else { throw ReplayRouteError.noArchive }
      (archive, self.dump, self.facts) = (found.archive, dump, facts)
      replay = Replay(request: wanted, log: found.log, ground: ground)
      try PhysicalBackupReplay.check(dump.facts, on: ground)
    } else {
      (archive, dump, facts) = try Self.find(request, in: access, reader, context)
      replay = nil
    }
    try place.check(size: dump.record.bytes)
    let entry = context.root[MariaDBServerOptions.mariadbServers].first {
      $0[ServerOptions.name].isSame(as: request.cluster)
    }
    preparation = PhysicalBackupPreparation(
      (entry ?? .empty)[MariaDBServerOptions.backupCommand].words, as: place.owner, hooks)
    try preparation.check(for: dump.record.serverVersion ?? "")
  }

  /// What means something for servers of PostgreSQL only.
  private static func check(_ flags: FlagValues) throws(UsageError) {
    typealias Flags = ClusterRestoreFlags
    let others: [any CommandFlag] = [
      Flags.position, Flags.name, Flags.transaction, Flags.exclusive, Flags.timeline, Flags.delta, Flags.mappings,
      Flags.start, RestoreAction.username,
    ]
    guard let flag = others.first(where: flags.contains) else { return }
    throw UsageError(
      argument: flag.name, problem: "It is for servers of PostgreSQL",
      suggestion:
        "Leave it out for one of MariaDB, which \(Flags.time.name) and \(ReplayRequest.gtid.name) bring to a moment")
  }

  private static func find(
    _ request: ClusterRequest, in access: OpenRepository, _ reader: ArchiveReader, _ context: ActionContext
  ) throws -> (Archive, ArchiveDump, PhysicalBackupFacts) {
    for archive in try access.archives(toLeadOnFrom: context) {
      try context.cancellation.check()
      for dump in try ArchiveDump.all(of: archive, reader, context.cancellation)
      where dump.record.database.isSame(as: request.cluster) {
        if let facts = dump.record.physical { return (archive, dump, facts) }
      }
    }
    throw ClusterRestoreError.noBase(cluster: request.cluster, archive: context.namedArchive)
  }

  var summary: [String] {
    let record = dump.record
    var lines = [
      "server \(request.cluster), MariaDB \(record.serverVersion ?? ""), to \(request.directory), \(Formats.size(record.bytes))",
      "from the physical backup in archive \(archive.name) of \(archive.draft.hostname), of \(Formats.time(record.end)), LSN \(facts.end)"
        + (record.log.map { ", binary log \($0.file) at \($0.position)" } ?? ""),
    ]
    if let replay { lines.append(replay.log.way(to: replay.request, from: "it")) }
    return lines.map { Quoting.terminal($0) }
  }

  var warnings: [String] { [] }

  /// An older backup would be another state of the server: of archives that cannot be read, none is passed over, but where the log leads from
  /// it to the same.
  var unreadable: [any Error] { [] }

  func run() throws {
    let progress = try ReadingProgress(context)
    defer { progress.stop() }
    try layDown(
      dump, reader, "server \(request.cluster), laying it down", progress, context,
      begin: { try PhysicalBackupFolder(place) },
      end: { try $0.finish(preparation, isLasting: true) { try bring($0, progress) } })
    context.console.answer(
      Quoting.terminal(
        "Laid down: \(request.directory), from \(archive.name)"
          + (replay.map { ", \($0.log.way(to: $0.request, from: "it"))" } ?? "")))
    if context.wantsJSON { context.run.outcomes.add(json) }
    context.console.remark(
      "Start a server of the same version in it (datadir), with the InnoDB settings that \(Quoting.terminal(request.directory))/backup-my.cnf has"
    )
  }

  private func bring(_ folder: Folder, _ progress: ReadingProgress) throws {
    guard let replay else { return }
    let server = try PhysicalBackupReplay(of: dump.facts, replay.log, on: replay.ground)
    for warning in try replay.log.showing(progress, { try server.run(in: folder, $0) }) {
      context.console.warning(warning)
    }
  }

  func end() { replay?.ground.remove() }

  private var json: JSONValue {
    .object([
      "archive": .text(archive.name), "id": .text(archive.id), "cluster": .text(request.cluster),
      "target_directory": .text(request.directory), "physical": JSONShapes.physical(facts),
      "log": dump.record.log.map { JSONShapes.log($0) } ?? .null,
      "replayed": replay.map { $0.log.json(to: $0.request) } ?? .null,
    ])
  }
}
