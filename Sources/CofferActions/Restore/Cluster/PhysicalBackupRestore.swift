import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferSystem

/// Lays a MariaDB server down from a physical backup, as it was when that ended.
struct PhysicalBackupRestore: ServerRestore {
  private let request: ClusterRequest
  private let context: ActionContext
  private let reader: ArchiveReader
  private let archive: Archive
  private let dump: ArchiveDump
  private let facts: PhysicalBackupFacts
  private let place: ServerPlace
  private let preparation: PhysicalBackupPreparation

  /// - Throws: `ClusterRestoreError`; `ClusterError`; `PreparationError`; `UsageError`; what reading throws.
  init(_ request: ClusterRequest, from location: RepositoryLocation, _ context: ActionContext) throws {
    self.request = request
    self.context = context
    try Self.check(context.flags)
    let access = try context.open(location, forData: true)
    reader = try access.repository.reader()
    (archive, dump, facts) = try Self.find(request, in: access, reader, context)
    place = try ServerPlace(request.directory, owner: request.owner)
    try place.check(size: dump.record.bytes)
    let entry = context.root[MariaDBServerOptions.mariadbServers].first {
      $0[ServerOptions.name].isSame(as: request.cluster)
    }
    preparation = PhysicalBackupPreparation(
      (entry ?? .empty)[MariaDBServerOptions.backupCommand].words, as: place.owner, try context.hookContext())
    try preparation.check(for: dump.record.serverVersion ?? "")
  }

  /// What means something for servers of PostgreSQL only.
  private static func check(_ flags: FlagValues) throws(UsageError) {
    typealias Flags = ClusterRestoreFlags
    let targets: [any CommandFlag] = [
      Flags.time, Flags.position, Flags.name, Flags.transaction, Flags.exclusive, Flags.timeline,
    ]
    if let flag = targets.first(where: flags.contains) {
      throw UsageError(
        argument: flag.name,
        problem: "A MariaDB server is laid down as it was when its physical backup ended, and is not brought further",
        suggestion: "Leave it out")
    }
    let others: [any CommandFlag] = [Flags.delta, Flags.mappings, Flags.start, Flags.signers, RestoreAction.username]
    if let flag = others.first(where: flags.contains) {
      throw UsageError(
        argument: flag.name, problem: "It is for servers of PostgreSQL", suggestion: "Leave it out for one of MariaDB")
    }
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
    return [
      "server \(request.cluster), MariaDB \(record.serverVersion ?? ""), to \(request.directory), \(Formats.size(record.bytes))",
      "from the physical backup in archive \(archive.name) of \(archive.draft.hostname), of \(Formats.time(record.end)), LSN \(facts.end)"
        + (dump.record.log.map { ", binary log \($0.file) at \($0.position)" } ?? ""),
    ].map { Quoting.terminal($0) }
  }

  var warnings: [String] { [] }

  /// An older backup would be another state of the server: of archives that cannot be read, none is passed over.
  var unreadable: [any Error] { [] }

  func run() throws {
    let progress = try ReadingProgress(context)
    defer { progress.stop() }
    try layDown(
      dump, reader, "server \(request.cluster), laying it down", progress, context,
      begin: { try PhysicalBackupFolder(place) }, end: { try $0.finish(preparation, isLasting: true) })
    context.console.answer("Laid down: \(Quoting.terminal(request.directory)), from \(archive.name)")
    if context.wantsJSON { context.run.outcomes.add(json) }
    context.console.remark(
      "Start a server of the same version in it (datadir), with the InnoDB settings that \(Quoting.terminal(request.directory))/backup-my.cnf has"
    )
  }

  private var json: JSONValue {
    .object([
      "archive": .text(archive.name), "id": .text(archive.id), "cluster": .text(request.cluster),
      "target_directory": .text(request.directory), "physical": JSONShapes.physical(facts),
      "log": dump.record.log.map { JSONShapes.log($0) } ?? .null,
    ])
  }
}
