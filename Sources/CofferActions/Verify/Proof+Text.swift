import CofferMonitoring
import CofferRepository
import CofferSystem
import FoundationEssentials
import Glibc

extension Proof {
  var json: JSONValue {
    .object([
      "hook_name": .text(hook), "place": .text(place), "data_source_name": .text(database), "dump": .text(dump),
      "archive": .text(archive), "archive_id": .text(archiveID), "time": .text(Formats.isoTime(time)),
      "hostname": .text(hostname), "proven": .bool(isProven), "problem": JSONValue(problem),
      "restored": .bool(isRestored), "server": JSONValue(server),
      "source_version": JSONValue(source), "program_version": .text(program),
      "seconds": seconds.map { .real($0) } ?? .null,
      "size": .number(Int(clamping: bytes)), "tables": JSONValue(tables),
      "rows": JSONValue(rows.map { Int(clamping: $0) }), "compared": .bool(isCompared),
      "compared_tables": JSONValue(comparedTables), "accounts": JSONValue(accounts), "queries": JSONValue(questions),
    ])
  }

  var report: ProofReport {
    ProofReport(
      hook: hook, place: place, database: database, time: time, isProven: isProven, seconds: seconds, rows: rows)
  }

  /// How long ago, as people say it.
  func age(at now: Date) -> String { Formats.age(max(now.timeIntervalSince(time), 0)) }
}

/// What is known of whether dumps restore.
struct ProofHistory {
  private let proofs: [Proof]

  init(_ proofs: [Proof]) {
    self.proofs = proofs
  }

  /// What is known of the databases that this configuration backs up, also by archives that are gone.
  ///
  /// - Throws: `UsageError`; `StorageError`; `RunCancelled`.
  init(_ context: ActionContext, _ access: OpenRepository) throws {
    let filter = try context.archiveFilter()
    self.init(try access.repository.proofs().filter { try filter.sees($0.archive) })
  }

  func adding(_ new: [Proof]) -> ProofHistory { ProofHistory(proofs + new) }

  /// The newest of each dump of an archive, in the order of their names.
  func newest(of archive: Archive) -> [Proof] {
    newest(proofs.filter { $0.archiveID.isSame(as: archive.id) })
  }

  /// The youngest of each database that was proven, in the order of their names.
  var youngest: [Proof] { newest(proofs.filter(\.isProven)) }

  /// When each database was last tried: one that fails must not keep the others from their turn.
  var lastTrials: [ExactName: Date] {
    Dictionary(proofs.map { (ExactName($0.dump), $0.time) }, uniquingKeysWith: max)
  }

  private func newest(_ proofs: [Proof]) -> [Proof] {
    let found = Dictionary(proofs.map { (ExactName($0.dump), $0) }) { $0.time < $1.time ? $1 : $0 }
    return found.sorted { $0.key < $1.key }.map(\.value)
  }

  /// What proofs say of an archive; nil when nothing of it was tried.
  func summary(of archive: Archive, at now: Date) -> String? {
    let own = newest(of: archive)
    guard let last = own.max(by: { $0.time < $1.time }) else { return nil }
    let failed = own.count { !$0.isProven }
    guard failed == 0 else { return "\(failed) of \(own.count) NOT PROVEN" }
    return "\(own.count == 1 ? "" : "\(own.count) dumps ")proven \(last.age(at: now)) ago"
  }

  /// When the last dump of an archive was proven; nil when none was, or one of them failed.
  func lastProof(of archive: Archive) -> Date? {
    let own = newest(of: archive)
    return own.allSatisfy(\.isProven) ? own.map(\.time).max() : nil
  }
}
