import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferSystem
import FoundationEssentials
import Glibc

/// Reads how the backups in a repository stand. Servers are not asked.
struct StatusReading {
  private let context: ActionContext
  private let access: OpenRepository
  /// How many of the newest archives are looked into.
  private let depth: Int
  private let now: Date

  init(_ context: ActionContext, _ access: OpenRepository, depth: Int) {
    self.context = context
    self.access = access
    self.depth = depth
    now = context.surroundings.clock.now()
  }

  /// What was found of one database.
  private struct Found {
    let identity: DumpIdentity
    var points: [BackupPoint]
    /// The position of the newest archive that has it, the newest archive being 0.
    let newest: Int
  }

  /// - Parameter unreadable: Is told of archives that count and cannot be read.
  /// - Throws: What listing the archives throws; `RepositoryError` for a key that reads nothing.
  func read(unreadable: (any Error) -> Void) throws -> RepositoryStatus {
    let filter = try context.archiveFilter()
    let archives = try access.repository.archives().filter { try filter.sees($0) && $0.standing == .counts }
    let limit = context.root[StatusOptions.within]?.seconds
    let newest = Array(archives.suffix(depth).reversed())
    let drills = try drills(of: archives)
    let found = try dumps(in: newest, unreadable)
    let history = BackupHistory(
      newest.map {
        BackupPoint(archive: $0.name, archiveID: $0.id, time: $0.startTime, bytes: $0.statistics.originalSize)
      })
    return RepositoryStatus(
      configuration: context.configuration?.path ?? "", path: access.location.path, label: access.location.label,
      history: history, due: DueDate(after: history, limit: limit),
      databases: databases(found, newest).map { identity, standing, found in
        DatabaseStatus(
          identity, standing, BackupHistory(found?.points ?? []), drills: drills, limit: limit, now: now)
      },
      logs: try LogStatus.all(in: access, needs: archives.reversed().flatMap(\.draft.logNeeds), context),
      lastRun: context.configuration.flatMap { RunMemory($0, context.surroundings).last() },
      overdue: BackupAge(of: history, at: now).problem(limit: limit), now: now)
  }

  /// What `info` shows, too.
  private func drills(of archives: [Archive]) throws -> [DatabaseStatus.Drill] {
    try access.repository.proofs(of: archives).map {
      DatabaseStatus.Drill(dump: $0.dump, time: $0.time, isProven: $0.isProven, seconds: $0.seconds)
    }
  }

  private func dumps(in archives: [Archive], _ unreadable: (any Error) -> Void) throws -> [Found] {
    guard !archives.isEmpty else { return [] }
    let reader = try access.repository.reader()
    var found: [Found] = []
    for (position, archive) in archives.enumerated() {
      try context.cancellation.check()
      do {
        for dump in try ArchiveDump.all(of: archive, reader, context.cancellation) {
          note(dump, archive, position, &found)
        }
      } catch let error as RunCancelled {
        throw error
      } catch {
        unreadable(error)
      }
    }
    return found
  }

  private func note(_ dump: ArchiveDump, _ archive: Archive, _ position: Int, _ found: inout [Found]) {
    let point = BackupPoint(
      archive: archive.name, archiveID: archive.id, time: min(dump.record.start, archive.time),
      bytes: dump.record.bytes)
    if let known = found.firstIndex(where: { $0.identity == dump.identity }) {
      found[known].points.append(point)
    } else {
      found.append(Found(identity: dump.identity, points: [point], newest: position))
    }
  }

  private typealias Judged = (identity: DumpIdentity, standing: DatabaseStatus.Standing, found: Found?)

  /// What is configured in the configuration's order, then what is not any more.
  private func databases(_ found: [Found], _ archives: [Archive]) -> [Judged] {
    let configured = context.run.hooks.configured(in: context.root)
    var judged: [Judged] = []
    var rest = found
    for entry in configured {
      let own = rest.filter { entry.covers($0.identity) }
      rest.removeAll { entry.covers($0.identity) }
      guard !own.isEmpty else {
        // Of two entries that stand for the same the first has it.
        if !found.contains(where: { entry.covers($0.identity) }) { judged.append((entry.identity, .never, nil)) }
        continue
      }
      // Where all databases of a server are meant, the newest archive that has any of them says which these are.
      let newest = own.map(\.newest).min() ?? 0
      for database in own {
        let isThere = database.newest == newest || Self.isMissed(database.identity, archives[..<database.newest])
        judged.append((database.identity, entry.isOpen && !isThere ? .gone : .backedUp, database))
      }
    }
    return judged + rest.map { ($0.identity, .notConfigured, $0) }
  }

  /// Whether one of the archives should have the database, and could not.
  private static func isMissed(_ identity: DumpIdentity, _ archives: ArraySlice<Archive>) -> Bool {
    archives.contains { archive in archive.draft.missingDumps.contains { $0.isSame(as: identity.path) } }
  }
}
