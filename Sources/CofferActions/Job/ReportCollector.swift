import CofferHooks
import CofferMonitoring
import CofferRepository
import CofferSystem
import FoundationEssentials

/// Gathers what a job does, for those who are told of it.
final class ReportCollector: Sendable {
  private let content: Monitor<RunReport>

  init(_ report: RunReport) {
    content = Monitor(report)
  }

  var report: RunReport { content.update { $0 } }

  func add(_ archive: Archive, in location: RepositoryLocation) {
    let sizes = archive.statistics
    update(location) {
      $0.archive = ArchiveReport(
        name: archive.name, start: archive.draft.start, end: archive.end, bytesRead: sizes.originalSize,
        bytesNew: sizes.newSize, bytesStored: sizes.storedSize)
    }
  }

  func add(_ proof: Proof, in location: RepositoryLocation) {
    update(location) { $0.proofs.append(proof.report) }
  }

  /// Notes a dump that was begun at `start` and ended now, in the repositories that it is for.
  ///
  /// - Parameter bytes: nil when it failed.
  func add(_ dump: DumpIdentity, from start: Date, bytes: UInt64?, _ context: ActionContext) {
    let now = context.surroundings.clock.now()
    for location in context.repositories {
      update(location) { $0.add(dump, from: start, to: now, bytes: bytes) }
    }
  }

  /// Makes a dump, and notes it if it fails.
  func noting<Result>(_ dump: DumpIdentity, _ context: ActionContext, _ body: () throws -> Result) throws -> Result {
    let start = context.surroundings.clock.now()
    do {
      return try body()
    } catch {
      add(dump, from: start, bytes: nil, context)
      throw error
    }
  }

  /// Notes that repositories have their turn; what an earlier one said of their dumps counts no more.
  func begin(_ locations: [RepositoryLocation]) {
    for location in locations {
      update(location) { repository in
        repository.isSuccess = true
        repository.isSkipped = false
        repository.dumps = []
        repository.proofs = []
      }
    }
  }

  /// Notes what went wrong with repositories that went through the actions together; among it may be dumps that could
  /// not even be begun.
  func note(_ failures: [any Error], of group: [RepositoryLocation], at time: Date) {
    for failure in SeveralErrors(failures).errors {
      let own = failure as? RepositoryFailure
      for location in own.map({ [$0.location] }) ?? group {
        update(location) { repository in
          repository.isSuccess = false
          guard let error = (own?.cause ?? failure) as? DumpError else { return }
          repository.add(error.identity, from: time, to: time, bytes: nil)
        }
      }
    }
  }

  /// Notes that repositories were not acted on, because a command said so.
  func noteSkipped(_ group: [RepositoryLocation]) {
    for location in group { update(location) { $0.isSkipped = true } }
  }

  func begin(_ actions: [String], at time: Date) {
    content.update { report in
      report.actions = actions
      report.start = time
    }
  }

  func end(at time: Date, errors: [any Error], isSkipped: Bool) {
    content.update { report in
      report.end = time
      report.isSkipped = isSkipped
      report.errors = SeveralErrors(errors).errors.map { error in
        let diagnosis = Diagnosis(of: error)
        let advice = diagnosis.suggestion.map { ". \($0)" } ?? ""
        return "\(Quoting.terminal(diagnosis.subject)): \(diagnosis.problem)\(advice)"
      }
    }
  }

  private func update(_ location: RepositoryLocation, _ change: (inout RepositoryReport) -> Void) {
    content.update { report in
      if let position = report.repositories.firstIndex(where: { $0.path == location.path }) {
        change(&report.repositories[position])
      } else {
        var new = RepositoryReport(path: location.path, label: location.label)
        change(&new)
        report.repositories.append(new)
      }
    }
  }
}

extension RepositoryReport {
  /// The first that is said of a dump counts.
  fileprivate mutating func add(_ dump: DumpIdentity, from start: Date, to end: Date, bytes: UInt64?) {
    let new = DumpReport(
      hook: dump.hook, place: dump.place, database: dump.database, end: end, seconds: end.timeIntervalSince(start),
      bytes: bytes)
    let isKnown = dumps.contains {
      $0.hook == new.hook && $0.place == new.place && $0.database == new.database
    }
    if !isKnown { dumps.append(new) }
  }
}
