import CofferSystem

/// What is kept beside a physical backup of a MariaDB server, so that what may be done with it is known without reading it.
///
/// The versions of server and program are in the `DumpFacts`.
public struct PhysicalBackupFacts: Sendable, Equatable, Codable {
  /// Where the server's binary log was at the backup's end: everything before it is in the backup, and nothing behind it.
  public struct LogPosition: Sendable, Equatable, Codable {
    public let file: String
    public let position: UInt64
    /// The position as the server's global transaction ids have it; empty where it has none.
    public let transactions: String

    public init(file: String, position: UInt64, transactions: String) {
      self.file = file
      self.position = position
      self.transactions = transactions
    }
  }

  /// nil of a server without a binary log, or where the user may not see it.
  public var log: LogPosition?
  /// InnoDB's log sequence number at its last checkpoint before the backup.
  public var checkpoint: UInt64
  /// Up to which the backup has InnoDB's log.
  public var end: UInt64

  public init(log: LogPosition?, checkpoint: UInt64, end: UInt64) {
    self.log = log
    self.checkpoint = checkpoint
    self.end = end
  }
}

/// The small files in which mariadb-backup says what it has made.
struct PhysicalBackupReport {
  /// What is missing in it, or is not of a whole server.
  struct Unfit: Error, Equatable {
    let problem: String
  }

  let facts: PhysicalBackupFacts
  let serverVersion: String?
  let programVersion: String?

  /// Which of the files one is; servers before 11.1 call them otherwise.
  enum Part: String, CaseIterable {
    case info, checkpoints
    case log = "binlog_info"

    init?(_ path: [EntryName]) {
      guard path.count == 1,
        let part = Self.allCases.first(where: { part in
          ["xtrabackup_", "mariadb_backup_"].contains { path[0] == EntryName($0 + part.rawValue) }
        })
      else { return nil }
      self = part
    }
  }

  /// - Throws: `Unfit`.
  init(_ parts: [Part: [UInt8]]) throws(Unfit) {
    func lines(_ part: Part) -> [String] { String(decoding: parts[part] ?? [], as: UTF8.self).lines() }
    func values(_ part: Part) -> [String: String] {
      lines(part).reduce(into: [:]) { values, line in
        let words = line.parts(by: "=", limit: 2)
        if words.count == 2 { values[words[0].trimmed] = words[1].trimmed }
      }
    }
    guard parts[.info] != nil else {
      throw Unfit(problem: "it does not have the program's own list of what it is (xtrabackup_info)")
    }
    let info = values(.info)
    for (name, meaning) in [
      ("partial", "it does not have all of the server"),
      ("incremental", "it has only what has changed since another one"),
      ("compressed", "the program has compressed it, which it does not do well enough to be stored"),
    ] where info[name].map({ !$0.isSame(as: "N") }) ?? false {
      throw Unfit(problem: "\(meaning); see what option files have for mariadb-backup")
    }
    let checkpoints = values(.checkpoints)
    guard let checkpoint = checkpoints["to_lsn"].flatMap({ UInt64($0) }),
      let end = checkpoints["last_lsn"].flatMap({ UInt64($0) })
    else { throw Unfit(problem: "it does not say up to where it has the server's log (xtrabackup_checkpoints)") }
    facts = PhysicalBackupFacts(log: lines(.log).first.flatMap(Self.position), checkpoint: checkpoint, end: end)
    serverVersion = info["server_version"]
    programVersion = info["tool_version"]
  }

  /// File, position and transactions with tabs between them.
  private static func position(_ line: String) -> PhysicalBackupFacts.LogPosition? {
    let words = line.parts(by: "\t")
    guard words.count >= 2, !words[0].isEmpty, let position = UInt64(words[1]) else { return nil }
    return .init(file: words[0], position: position, transactions: words.count > 2 ? words[2].trimmed : "")
  }
}
