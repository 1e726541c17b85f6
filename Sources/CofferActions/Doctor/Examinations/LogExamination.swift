import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferSystem

/// Whether the logs of servers leave them: what `archive_command` has failed at, and what replication slots keep.
struct LogExamination: Examination {
  let name = "logs"

  func findings(_ patient: Patient) throws -> [Finding] {
    let context = patient.context()
    let entries = context.root[PostgreSQLClusterOptions.clusters]
    guard !entries.isEmpty else { return [] }
    let hooks = try context.hookContext()
    var findings: [Finding] = []
    for entry in entries {
      try context.cancellation.check()
      // Passwords are in the entries of which no base backups are made, too.
      if let fault = entry.fault() {
        findings.append(.advice("\(fault.mark)", "the server is not asked: \(fault.message)", fault.suggestion))
        continue
      }
      let cluster = Cluster(
        name: entry[PostgreSQLClusterOptions.name], isAwaited: entry[ServerLogOptions.within] != nil)
      do {
        let inspection = try LogInspection(
          of: ReplicationServer(cluster: entry, context: hooks), clock: hooks.clock, cancellation: hooks.cancellation)
        let position = try inspection.position()
        findings += try cluster.findings(inspection.archiver(), inspection.slots())
        findings += stored(cluster, position, patient)
      } catch let error as RunCancelled {
        throw error
      } catch {
        let diagnosis = Diagnosis(of: error)
        // Where only 'wal push' is run, nobody has to be let in.
        findings.append(
          .advice(cluster.title, "the server cannot be asked about its log: \(diagnosis.problem)", diagnosis.suggestion)
        )
      }
    }
    return findings
  }

  /// How far repositories have what the server has written.
  private func stored(_ cluster: Cluster, _ position: LogSequenceNumber?, _ patient: Patient) -> [Finding] {
    guard let position else { return [] }
    return patient.repositories.compactMap { location in
      // What keeps a repository from being read is found by others.
      guard let logs = try? patient.status(location).logs,
        let end = logs.first(where: { $0.name.isSame(as: cluster.name) })?.newest?.end
      else { return nil }
      let rest = position > end ? position.value - end.value : 0
      return .ok(
        cluster.title,
        rest == 0
          ? "\(location.path) has all that the server has written, to \(position.text)"
          : "\(location.path) has its log to \(end.text), the server has written \(Formats.size(rest)) more")
    }
  }
}

extension LogExamination {
  /// What is judged of one server.
  struct Cluster {
    let name: String
    /// Whether `log_within` wants its log to be stored.
    let isAwaited: Bool

    var title: String { "log of \(name)" }

    func findings(
      _ archiver: LogInspection.Archiver, _ slots: [LogInspection.Slot]
    ) -> [Finding] {
      let own = slots.filter { $0.name.begins(with: WALReceiveAction.standardSlot("")) }
      let findings = (archiver.isOn ? [finding(archiver)] : []) + own.map(finding)
      guard findings.isEmpty else { return findings }
      let text = "nothing stores its log: archive_mode is off, and no replication slot begins with 'coffer_'"
      let remedy =
        "Set archive_mode and archive_command = 'coffer wal push %p', or start 'coffer wal receive --cluster \(name)'"
      return [isAwaited ? .problem(title, text, remedy) : .advice(title, text, remedy)]
    }

    private func finding(_ archiver: LogInspection.Archiver) -> Finding {
      guard let failing = archiver.failing else {
        return .ok(
          title, "archive_command stores it" + (archiver.last.map { ", \($0) was the last" } ?? ", nothing yet"))
      }
      return .problem(
        title,
        "archive_command has failed since \(failing.time), at \(failing.name); in all \(archiver.failureCount) times",
        "The server's log has what the command says; run it by hand, as the server's user in its data directory. Watch the room for pg_wal"
      )
    }

    private func finding(_ slot: LogInspection.Slot) -> Finding {
      let kept = slot.kept.map { ", and keeps \(Formats.size($0)) of log" } ?? ""
      let literal = String(decoding: Quoting.postgresqlLiteral(Array(slot.name.utf8)), as: UTF8.self)
      let drop = "SELECT pg_drop_replication_slot(\(literal))"
      let start = "coffer wal receive --cluster \(Quoting.pastedWord(name))"
      switch slot.status {
      case "lost":
        return .problem(
          title, "the server has thrown log away that the slot \(slot.name) needs",
          "Run '\(start) --leave-gap' and make a base backup, or drop the slot where nobody needs it: \(drop)")
      case "unreserved":
        return .problem(
          title, "the server will soon throw log away that the slot \(slot.name) needs (max_slot_wal_keep_size)",
          "See what the receiver waits for; if none runs, start '\(start)'")
      default:
        guard !slot.isActive else { return .ok(title, "the slot \(slot.name) is received by\(kept)") }
        return .problem(
          title, "nobody receives by the slot \(slot.name)\(kept)",
          "Start '\(start)', or drop the slot where it is not coming back: \(drop)")
      }
    }
  }
}
