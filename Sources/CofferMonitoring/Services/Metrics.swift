import CofferSystem
import FoundationEssentials

/// Figures in Prometheus's text format.
struct Metrics: Equatable {
  struct Sample: Equatable {
    let labels: [Label]
    var value: Double
  }

  struct Label: Equatable {
    let name: String
    /// As it stands in the file: two values that are written alike are one.
    let quoted: String

    init(name: String, value: String) {
      self.name = name
      quoted = Quoting.prometheusValue(value)
    }

    fileprivate init(name: String, quoted: String) {
      self.name = name
      self.quoted = quoted
    }

    static func == (left: Label, right: Label) -> Bool {
      left.name.isSame(as: right.name) && left.quoted.isSame(as: right.quoted)
    }
  }

  /// What is known, and what it means; all are gauges.
  enum Family: String, CaseIterable {
    case runSuccess = "coffer_run_success"
    case runEnd = "coffer_run_end_timestamp_seconds"
    case runLastSuccess = "coffer_run_last_success_timestamp_seconds"
    case runDuration = "coffer_run_duration_seconds"
    case archiveLastSuccess = "coffer_archive_last_success_timestamp_seconds"
    case archiveDuration = "coffer_archive_duration_seconds"
    case archiveRead = "coffer_archive_read_bytes"
    case archiveNew = "coffer_archive_new_bytes"
    case archiveStored = "coffer_archive_stored_bytes"
    case databasesSucceeded = "coffer_databases_succeeded"
    case databasesFailed = "coffer_databases_failed"
    case databaseSuccess = "coffer_database_success"
    case databaseLastSuccess = "coffer_database_last_success_timestamp_seconds"
    case databaseDuration = "coffer_database_duration_seconds"
    case databaseBytes = "coffer_database_bytes"
    case runSkipped = "coffer_run_skipped"
    case backupOverdue = "coffer_backup_overdue"
    case backupTime = "coffer_backup_last_timestamp_seconds"
    case backupDue = "coffer_backup_due_timestamp_seconds"
    case backupBytes = "coffer_backup_bytes"
    case backupGrowth = "coffer_backup_growth_bytes"
    case backupProof = "coffer_backup_last_proof_timestamp_seconds"
    case logTime = "coffer_log_newest_timestamp_seconds"
    case logOverdue = "coffer_log_overdue"
    case proofSuccess = "coffer_proof_success"
    case proofLastSuccess = "coffer_proof_last_success_timestamp_seconds"
    case proofRestore = "coffer_proof_restore_seconds"
    case proofRows = "coffer_proof_rows"

    var help: String {
      switch self {
      case .runSuccess: "Whether the last run had no errors."
      case .runEnd: "When the last run ended."
      case .runLastSuccess: "When the last run without errors ended."
      case .runDuration: "How long the last run took."
      case .archiveLastSuccess: "When the last archive was finished."
      case .archiveDuration: "How long the last archive took."
      case .archiveRead: "Bytes that were read for the last archive."
      case .archiveNew: "Bytes of the last archive that the repository did not have."
      case .archiveStored: "Bytes that the last archive added to the repository."
      case .databasesSucceeded: "Databases that the last run backed up."
      case .databasesFailed: "Databases that the last run did not back up."
      case .databaseSuccess: "Whether the last run backed the database up."
      case .databaseLastSuccess: "When the last dump that was kept ended."
      case .databaseDuration: "How long the last dump took."
      case .databaseBytes: "Bytes of the last dump that was kept."
      case .runSkipped: "Whether the last run was skipped because a command said so: neither a success nor a failure."
      case .backupOverdue: "Whether the last good backup is older than backup_within lets it be, or there is none."
      case .backupTime: "When the last good backup was made."
      case .backupDue: "When the next backup is due."
      case .backupBytes: "Bytes of the last good backup, as they were read."
      case .backupGrowth: "Bytes that the last good backup has more than the one before it."
      case .backupProof: "When the database was last shown to restore."
      case .logTime: "When the newest part of the server's log was stored."
      case .logOverdue: "Whether that is longer ago than log_within lets it be, or there is no log."
      case .proofSuccess: "Whether the last dump of the database that was tried was shown to restore."
      case .proofLastSuccess: "When a dump of the database was last shown to restore."
      case .proofRestore: "How long that restore took."
      case .proofRows: "Rows that it restored."
      }
    }

    static let ofDatabases: [Family] = [
      .databaseSuccess, .databaseLastSuccess, .databaseDuration, .databaseBytes, .proofSuccess, .proofLastSuccess,
      .proofRestore, .proofRows,
    ]
    static let ofBackups: [Family] = [
      .backupOverdue, .backupTime, .backupDue, .backupBytes, .backupGrowth, .backupProof, .logTime, .logOverdue,
    ]
  }

  private var samples: [Family: [Sample]] = [:]

  init() {}

  /// Reads what `text` gives; lines of other programs are left out.
  init(parsing text: String) {
    for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
      var reader = MetricsLine(line)
      if let (family, sample) = reader.sample() { samples[family, default: []].append(sample) }
    }
  }

  /// Sets a sample; one with the same labels is replaced.
  mutating func set(_ family: Family, _ labels: [Label], _ value: Double) {
    let position = samples[family]?.firstIndex { $0.labels == labels }
    if let position {
      samples[family]?[position].value = value
    } else {
      samples[family, default: []].append(Sample(labels: labels, value: value))
    }
  }

  mutating func remove(from families: [Family], where isUnwanted: ([Label]) -> Bool) {
    for family in families { samples[family]?.removeAll { isUnwanted($0.labels) } }
  }

  var text: String {
    var lines: [String] = []
    for family in Family.allCases {
      guard let samples = samples[family], !samples.isEmpty else { continue }
      lines.append("# HELP \(family.rawValue) \(family.help)")
      lines.append("# TYPE \(family.rawValue) gauge")
      lines += samples.map { "\(family.rawValue){\(Self.text($0.labels))} \(Self.text($0.value))" }.sorted()
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func text(_ labels: [Label]) -> String {
    labels.map { "\($0.name)=\($0.quoted)" }.joined(separator: ",")
  }

  private static func text(_ value: Double) -> String {
    // Milliseconds are as much as clocks are good for.
    let value = (value * 1000).rounded() / 1000
    return value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value)
  }
}

/// A line of the text format on its way to be read, byte by byte.
private struct MetricsLine {
  private var rest: Substring.UTF8View

  init(_ line: Substring.UTF8View) {
    rest = line
  }

  /// - Returns: nil when it is not one of ours.
  mutating func sample() -> (Metrics.Family, Metrics.Sample)? {
    guard let family = Metrics.Family(rawValue: word()), take("{") else { return nil }
    var labels: [Metrics.Label] = []
    while !take("}") {
      if !labels.isEmpty { guard take(",") else { return nil } }
      let name = word()
      guard !name.isEmpty, take("="), let value = quoted() else { return nil }
      labels.append(Metrics.Label(name: name, quoted: value))
    }
    guard take(" "), let value = Double(String(Substring(rest))) else { return nil }
    return (family, Metrics.Sample(labels: labels, value: value))
  }

  private mutating func take(_ sign: Unicode.Scalar) -> Bool {
    guard rest.first == UInt8(ascii: sign) else { return false }
    rest = rest.dropFirst()
    return true
  }

  private mutating func word() -> String {
    let word = rest.prefix { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || $0 == UInt8(ascii: "_") }
    rest = rest.dropFirst(word.count)
    return String(Substring(word))
  }

  /// A value with its quotes.
  private mutating func quoted() -> String? {
    let start = rest
    guard take("\"") else { return nil }
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "\""): return String(Substring(start[..<rest.startIndex]))
      case UInt8(ascii: "\\"):
        guard let escaped = rest.popFirst(), "\\\"n".utf8.contains(escaped) else { return nil }
      // Nothing of ours: another reader would see a line's end.
      case UInt8(ascii: "\r"), 0: return nil
      default: break
      }
    }
    return nil
  }
}

extension Metrics {
  /// Takes in what a run has done; figures of other configurations and repositories, and of what did not succeed this
  /// time, stay as they were.
  mutating func update(with report: RunReport, isSuccess: Bool) {
    let end = report.end ?? report.start
    let configuration = [Label(name: "configuration", value: report.configuration)]
    set(.runSkipped, configuration, report.isSkipped ? 1 : 0)
    // What was not run has no success and no failure; those of the run before it stay.
    guard !report.isSkipped else { return }
    set(.runSuccess, configuration, isSuccess ? 1 : 0)
    set(.runEnd, configuration, Self.seconds(end))
    set(.runDuration, configuration, end.timeIntervalSince(report.start))
    if isSuccess { set(.runLastSuccess, configuration, Self.seconds(end)) }
    for repository in report.repositories {
      let labels = configuration + [Label(name: "repository", value: repository.name)]
      if let archive = repository.archive {
        set(.archiveLastSuccess, labels, Self.seconds(archive.end))
        set(.archiveDuration, labels, archive.seconds)
        set(.archiveRead, labels, Double(archive.bytesRead))
        set(.archiveNew, labels, Double(archive.bytesNew))
        set(.archiveStored, labels, Double(archive.bytesStored))
        // Databases that are configured no more.
        let current = repository.dumps.map { labels + Self.labels($0.hook, $0.place, $0.database) }
        remove(from: Family.ofDatabases) { $0.starts(with: labels) && !current.contains($0) }
      }
      for proof in repository.proofs { update(proof, labels) }
      guard repository.archive != nil || !repository.dumps.isEmpty else { continue }
      updateDatabases(of: repository, labels)
    }
  }

  private mutating func updateDatabases(of repository: RepositoryReport, _ labels: [Label]) {
    let kept = repository.dumps.count(where: repository.keeps)
    set(.databasesSucceeded, labels, Double(kept))
    set(.databasesFailed, labels, Double(repository.dumps.count - kept))
    for dump in repository.dumps {
      let labels = labels + Self.labels(dump.hook, dump.place, dump.database)
      set(.databaseSuccess, labels, repository.keeps(dump) ? 1 : 0)
      set(.databaseDuration, labels, dump.seconds)
      guard repository.keeps(dump), let bytes = dump.bytes else { continue }
      set(.databaseLastSuccess, labels, Self.seconds(dump.end))
      set(.databaseBytes, labels, Double(bytes))
    }
  }

  private mutating func update(_ proof: ProofReport, _ labels: [Label]) {
    let labels = labels + Self.labels(proof.hook, proof.place, proof.database)
    set(.proofSuccess, labels, proof.isProven ? 1 : 0)
    guard proof.isProven else { return }
    set(.proofLastSuccess, labels, Self.seconds(proof.time))
    if let seconds = proof.seconds { set(.proofRestore, labels, seconds) }
    if let rows = proof.rows { set(.proofRows, labels, Double(rows)) }
  }

  private static func labels(_ hook: String, _ place: String, _ database: String) -> [Label] {
    [Label(name: "hook", value: hook), Label(name: "place", value: place), Label(name: "database", value: database)]
  }

  static func seconds(_ date: Date) -> Double { date.timeIntervalSince1970.rounded(.down) }
}
