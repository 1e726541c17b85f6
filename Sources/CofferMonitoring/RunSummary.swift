import CofferSystem
import FoundationEssentials
import Glibc

/// A run in words.
struct RunSummary {
  private let event: MonitoringEvent

  init(_ event: MonitoringEvent) {
    self.event = event
  }

  private var report: RunReport { event.report }

  /// One line.
  var title: String {
    switch event.state {
    case .start: "Backup of \(report.hostname) has begun"
    case .finish: "Backup of \(report.hostname) has finished"
    case .fail: "Backup of \(report.hostname) has FAILED"
    case .log: report.isSkipped ? "Backup of \(report.hostname) was skipped" : "Log of the backup of \(report.hostname)"
    }
  }

  /// A few words for small screens: the first error, or the sizes.
  var message: String {
    if let error = report.errors.first {
      let more = report.errors.count > 1 ? " (and \(report.errors.count - 1) more errors)" : ""
      return "\(Quoting.terminal(report.configuration)): \(Quoting.terminal(error, keepingLines: true))\(more)"
    }
    let archives = report.repositories.compactMap { repository -> String? in
      let name = Quoting.terminal(repository.name)
      if repository.isSkipped { return "\(name): skipped" }
      let parts = [repository.archive.map(Self.sizes), Self.proofs(of: repository)].compactMap(\.self)
      return parts.isEmpty ? nil : "\(name): \(parts.joined(separator: "; "))"
    }
    let begun = "\(Quoting.terminal(report.configuration)): \(report.actions.joined(separator: ", "))"
    return archives.isEmpty ? begun : archives.joined(separator: "\n")
  }

  /// Everything, for a mail.
  var text: String {
    var lines = ["\(title).", ""]
    lines.append("Configuration:  \(Quoting.terminal(report.configuration))")
    lines.append("Actions:        \(report.actions.joined(separator: ", "))")
    if let end = report.end {
      lines.append("Took:           \(Quantities.duration(end.timeIntervalSince(report.start)))")
    }
    for repository in report.repositories { lines += Self.lines(of: repository) }
    if !report.errors.isEmpty {
      lines +=
        ["", "Errors:"]
        + report.errors.map { "- \(Quoting.terminal($0, keepingLines: true).swapping("\n", for: "\n  "))" }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func lines(of repository: RepositoryReport) -> [String] {
    let fate = repository.isSkipped ? "skipped" : repository.isSuccess ? "all is well" : "FAILED"
    var lines = ["", "Repository \(Quoting.terminal(repository.name)): \(fate)"]
    if let archive = repository.archive {
      lines.append("  Archive \(Quoting.terminal(archive.name)): \(sizes(archive))")
    }
    for dump in repository.dumps {
      let hook = dump.hook.before(end: "_databases") ?? dump.hook
      let size = dump.bytes.map(Quantities.size) ?? "FAILED"
      let fate = dump.bytes == nil || repository.keeps(dump) ? "" : ", but no archive was made"
      lines.append(
        "  \(hook) database '\(Quoting.terminal(dump.database))' at \(Quoting.terminal(dump.place)): \(size), \(Quantities.duration(dump.seconds))\(fate)"
      )
    }
    return lines + repository.proofs.map(line)
  }

  private static func line(of proof: ProofReport) -> String {
    let hook = proof.hook.before(end: "_databases") ?? proof.hook
    let fate = proof.isProven ? "proven, restored in \(Quantities.duration(proof.seconds ?? 0))" : "NOT PROVEN"
    return "  \(hook) database '\(Quoting.terminal(proof.database))' at \(Quoting.terminal(proof.place)): \(fate)"
  }

  private static func proofs(of repository: RepositoryReport) -> String? {
    let count = repository.proofs.count(where: \.isProven)
    return count > 0 ? "\(count) \(count == 1 ? "dump" : "dumps") shown to restore" : nil
  }

  private static func sizes(_ archive: ArchiveReport) -> String {
    "\(Quantities.size(archive.bytesRead)) read, \(Quantities.size(archive.bytesNew)) new, "
      + "\(Quantities.size(archive.bytesStored)) stored, \(Quantities.duration(archive.seconds))"
  }
}
