import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferSystem
import FoundationEssentials
import Glibc

/// What a backup will take on disks of this machine, by the backup before it or by what the servers say, and 20 % more.
///
/// A repository that has backups of this host is expected to grow as by the smallest of the last ones, and by all of the dumps
/// that the newest did not have. The oldest is no measure: it may have been the first, which stores everything. One large
/// day is none either: it would keep every later backup from being made, on a disk that has room for them. Of files nothing is
/// known before the second backup.
struct SpaceNeeded {
  /// What is known from the archives of this host in a repository.
  private struct LastBackup {
    /// Bytes by which the repository is expected to grow.
    let growth: UInt64
    /// The bytes of the newest archive's dumps; nil where the key in use may not read them.
    let sizes: [ExactName: UInt64]?
  }

  /// A week of daily backups.
  private static let recentArchives = 7

  private let context: ActionContext
  private let plan: BackupPlan
  private let hooks: HookContext
  /// Bytes that must stay free.
  private let reserve: UInt64

  /// - Returns: nil where nobody wants to know.
  init?(_ context: ActionContext, _ plan: BackupPlan, _ hooks: HookContext) {
    guard let minimum = context.root[GeneralOptions.minFreeSpace] else { return nil }
    self.context = context
    self.plan = plan
    self.hooks = hooks
    reserve = UInt64(minimum.bytes)
  }

  /// Looks whether there is room for a backup.
  ///
  /// - Returns: What keeps repositories from being given it: too little room, or an archive that cannot be read.
  /// - Throws: `NotEnoughSpace` where the runtime directory has too little; `RunCancelled`.
  func failures(of repositories: [OpenRepository]) throws -> [RepositoryFailure] {
    var failures: [RepositoryFailure] = []
    var found: [(access: OpenRepository, last: LastBackup?)] = []
    for access in repositories {
      do {
        found.append((access, try lastBackup(in: access)))
      } catch let error as RunCancelled {
        throw error
      } catch {
        failures.append(RepositoryFailure(access.location, error))
      }
    }
    let known: [ExactName: UInt64] = found.reduce(into: [:]) { known, found in
      known.merge(found.last?.sizes ?? [:]) { max($0, $1) }
    }
    let dumps: [(dump: any PlannedDump, size: UInt64)] = try plan.dumps.map {
      (dump: $0, size: try known[$0.place] ?? asked($0))
    }
    let files = dumps.filter { $0.dump.needsRoom }.map { $0.size }.sorted(by: >)
    let room = Self.sum(files.prefix(context.root[GeneralOptions.parallelDumps]))
    let runtime = try Disk(hooks.runtime.path)
    if room > 0 { try check(runtime, room, of: "runtime directory \(runtime.path)") }
    for (access, last) in found {
      guard let folder = access.location.folder(context) else { continue }
      let fresh = dumps.filter { isFresh($0.dump, since: last) }
      do {
        let disk = try Disk(folder)
        let growth = Self.sum(fresh.map { $0.size } + [last?.growth ?? 0])
        try check(disk, Self.sum([growth, disk.device == runtime.device ? room : 0]), of: "repository \(folder)")
      } catch {
        failures.append(RepositoryFailure(access.location, error))
      }
    }
    return failures
  }

  /// Whether the repository has no older dump that the new one resembles.
  private func isFresh(_ dump: any PlannedDump, since last: LastBackup?) -> Bool {
    guard let last else { return true }
    return last.sizes.map { $0[dump.place] == nil } ?? false
  }

  private func lastBackup(in access: OpenRepository) throws -> LastBackup? {
    let filter = try context.archiveFilter()
    let hostname = context.archiveName.hostname
    let own = try access.repository.archives().filter {
      try $0.standing == .counts && filter.sees($0) && $0.draft.hostname.isSame(as: hostname)
    }
    guard let newest = own.last else { return nil }
    let growth = own.dropFirst().suffix(Self.recentArchives).map { $0.statistics.storedSize }.min() ?? 0
    guard access.repository.role == .full else { return LastBackup(growth: growth, sizes: nil) }
    let dumps = try ArchiveDump.all(of: newest, access.repository.reader(), context.cancellation)
    let sizes = dumps.map { (ExactName($0.identity.path), $0.record.bytes) }
    return LastBackup(growth: growth, sizes: Dictionary(sizes) { max($0, $1) })
  }

  /// What the dump's server says; what it does not say is told, and counts for nothing.
  private func asked(_ dump: any PlannedDump) throws -> UInt64 {
    do {
      if let size = try dump.estimatedSize(context: hooks) { return size }
      context.console.remark("\(dump.identity.title): What it will take is not known before its first backup")
    } catch let error as RunCancelled {
      throw error
    } catch {
      context.console.remark(
        "\(dump.identity.title): What it will take could not be found out: \(Diagnosis(of: error).problem)")
    }
    return 0
  }

  private func check(_ disk: Disk, _ bytes: UInt64, of subject: String) throws(NotEnoughSpace) {
    let needed = Self.sum([bytes, bytes / 5])
    guard Self.sum([needed, reserve]) > disk.free else { return }
    throw NotEnoughSpace(subject: subject, needed: needed, reserve: reserve, free: disk.free)
  }

  /// Sizes were read and may be any.
  private static func sum(_ sizes: some Sequence<UInt64>) -> UInt64 {
    sizes.reduce(0) { $0.addingClamped($1) }
  }

  /// The file system that a folder is on.
  private struct Disk {
    let path: String
    let device: UInt
    /// Bytes for this user.
    let free: UInt64

    /// - Throws: `SystemError`.
    init(_ path: String) throws(SystemError) {
      let folder = try FileDescriptor(opening: path, flags: O_RDONLY | O_DIRECTORY)
      var facts = statvfs()
      guard fstatvfs(folder.number, &facts) == 0 else { throw SystemError(call: "statvfs", subject: path) }
      let (size, isTooMuch) = UInt64(facts.f_bavail).multipliedReportingOverflow(by: UInt64(facts.f_frsize))
      self.path = path
      device = UInt(try folder.status(subject: path).st_dev)
      free = isTooMuch ? .max : size
    }
  }
}

extension PlannedDump {
  /// Where an archive has it.
  fileprivate var place: ExactName { ExactName(identity.path) }
}

/// A disk has too little room for what is to come.
struct NotEnoughSpace: DiagnosableError, Equatable {
  let subject: String
  let needed: UInt64
  let reserve: UInt64
  let free: UInt64

  var diagnosis: Diagnosis {
    Diagnosis(
      subject: subject,
      problem:
        "Not enough space: a backup needs about \(Formats.size(needed)), \(Formats.size(reserve)) are to stay free "
        + "(min_free_space), and the disk has \(Formats.size(free))",
      suggestion: "Make room there ('coffer prune', then 'coffer compact', in a repository), or lower min_free_space")
  }
}
