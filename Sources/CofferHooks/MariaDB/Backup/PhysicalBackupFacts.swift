import CofferSystem

/// What is kept beside a physical backup of a MariaDB server, so that what may be done with it is known without reading it.
///
/// The versions of server and program, and where the binary log was at the backup's end, are in the `DumpFacts`.
public struct PhysicalBackupFacts: Sendable, Equatable, Codable {
  /// InnoDB's log sequence number at its last checkpoint before the backup.
  public var checkpoint: UInt64
  /// Up to which the backup has InnoDB's log.
  public var end: UInt64

  public init(checkpoint: UInt64, end: UInt64) {
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
  /// Where the server's binary log was at the backup's end; nil of a server without one, or where the user may not see it.
  let log: DumpLogPlace?
  let serverVersion: String?
  let programVersion: String?

  /// Which of the files one is; servers before 11.1 call them otherwise.
  enum Part: String, CaseIterable {
    case info, checkpoints
    case log = "binlog_info"
    case settings

    init?(_ path: [EntryName]) {
      if path.count == 1, path[0] == PhysicalBackupSettings.file {
        self = .settings
        return
      }
      guard path.count == 1,
        let part = Self.allCases.first(where: { part in
          ["xtrabackup_", "mariadb_backup_"].contains { path[0] == EntryName($0 + part.rawValue) }
        })
      else { return nil }
      self = part
    }
  }

  /// - Parameter time: Now, in whole seconds since 1970.
  /// - Throws: `Unfit`.
  init(_ parts: [Part: [UInt8]], time: UInt64) throws(Unfit) {
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
    facts = PhysicalBackupFacts(checkpoint: checkpoint, end: end)
    log = lines(.log).first.flatMap { Self.place($0, time) }
    serverVersion = info["server_version"]
    programVersion = info["tool_version"]
  }

  /// File, position and GTID position with tabs between them.
  private static func place(_ line: String, _ time: UInt64) -> DumpLogPlace? {
    let words = line.parts(by: "\t").map(\.trimmed)
    guard words.count >= 2, let position = UInt64(words[1]) else { return nil }
    let gtid = words.count > 2 && !words[2].isEmpty ? words[2] : nil
    return DumpLogPlace(file: words[0], position: position, gtid: gtid, time: time)
  }
}
