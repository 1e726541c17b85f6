import CofferSystem

/// A physical backup on its way: mariadb-backup's stream, which is looked through as it goes by.
final class PhysicalBackupStream: JudgedDump {
  private let stream: DumpStream
  private let facts: DumpFacts
  private let clock: Clock
  private let watch = XBStreamWatch()
  var judgement: PhysicalBackupReport?

  init(_ stream: DumpStream, of identity: DumpIdentity, _ details: [String: String], clock: Clock) {
    self.stream = stream
    self.clock = clock
    facts = DumpFacts(identity: identity, format: PhysicalBackupDump.format, details: details)
    stream.observer = watch.take
    stream.telling = Self.telling
  }

  /// What the program may say before it ends: of a page that is damaged it writes all bytes, twice.
  static let errorLimit = ChildCommand.ErrorLimit(bytes: 1 << 20, lines: 1000)
  private static let lengthLimit = 500
  private static let signs = ["Error", "ERROR", "ailed", "Can't", "corrupt", "denied"]

  /// The lines that say why it failed, between those of what it was doing; none with what is in the server's tables.
  static func telling(_ lines: [String]) -> [String] {
    let own = lines.filter { line in
      line.utf8.count <= lengthLimit && (line.begins(with: "[") || line.begins(with: PhysicalBackupDump.program))
    }
    let telling = own.filter { line in signs.contains { line.holds($0) } }
    // Of which it is only the last consequence.
    let causes = telling.filter { !$0.holds("FATAL ERROR") }
    return [causes, telling, own].first { !$0.isEmpty }?.suffix(5) ?? []
  }

  /// What the program says last when it is content with what it has made; its exit status alone has not always told that.
  static let confirmation = "completed OK!"

  var output: DumpOutput { .stream(stream) }

  var factsSoFar: DumpFacts? { facts }

  func judge() throws -> PhysicalBackupReport {
    _ = try stream.finish()
    guard let last = stream.lastLines.last(where: { !$0.isEmpty }), last.holds(Self.confirmation) else {
      throw incomplete("it did not say '\(Self.confirmation)'")
    }
    do {
      return try watch.report(time: DumpLogPlace.second(of: clock))
    } catch let error as XBStreamError {
      throw incomplete(error.diagnosis.problem)
    } catch let error as PhysicalBackupReport.Unfit {
      throw incomplete(error.problem)
    }
  }

  private func incomplete(_ problem: String) -> DumpError {
    .incomplete(facts.identity, program: PhysicalBackupDump.program, missing: problem)
  }

  func outcome(_ report: PhysicalBackupReport) -> DumpOutcome {
    var facts = facts
    facts.serverVersion = report.serverVersion
    facts.clientVersion = report.programVersion.map { "\(PhysicalBackupDump.program) \($0)" }
    facts.physical = report.facts
    facts.log = report.log
    return DumpOutcome(
      facts: facts, bytes: stream.byteCount, exitStatus: 0, warnings: stream.warnings + warnings)
  }

  private var warnings: [String] {
    watch.outside.map {
      [
        "\(facts.identity.title): The server has files outside of its data directory (\(Quoting.terminal($0))), and 'coffer restore --cluster' lays no such backup down: it has to be done by hand"
      ]
    } ?? []
  }

  func abandon() { stream.abandon() }
}

/// Watches an xbstream go by: whether it is whole, and what its small files say.
final class XBStreamWatch {
  private let look = Look()
  private let reader: XBStreamReader
  private var failure: (any Error)?

  init() {
    reader = XBStreamReader(look)
  }

  func take(_ bytes: UnsafeRawBufferPointer) {
    guard failure == nil else { return }
    do { try reader.write(bytes) } catch { failure = error }
  }

  /// What says that the server has files outside of its data directory.
  var outside: String? { look.outside ?? PhysicalBackupSettings(look.parts[.settings] ?? []).outside }

  /// - Parameter time: Now, in whole seconds since 1970.
  /// - Throws: `XBStreamError`; `PhysicalBackupReport.Unfit`.
  func report(time: UInt64) throws -> PhysicalBackupReport {
    if let failure { throw failure }
    try reader.finish()
    if let path = look.owed.first {
      // mariadb-backup 10.11 loses what of Aria and MyISAM is made and renamed while it runs, and is content.
      throw PhysicalBackupReport.Unfit(
        problem:
          "it has not '\(Quoting.terminal(path.joined))', a file of a table that was "
          + "made and renamed while the backup was made")
    }
    return try PhysicalBackupReport(look.parts, time: time)
  }

  private final class Look: XBStreamReceiver {
    var parts: [PhysicalBackupReport.Part: [UInt8]] = [:]
    /// Files that were renamed and never came.
    private(set) var owed: Set<[EntryName]> = []
    /// The first that leads to a table's file elsewhere.
    private(set) var outside: String?
    /// Hashes of the paths of those that came, as there may be millions.
    private var seen: Set<Int> = []

    private static let limit = 1 << 20

    func begin(_ path: [EntryName], isReplacing: Bool) {
      seen.insert(path.hashValue)
      owed.remove(path)
      if PhysicalBackupWriter.leadsOutside(path) { outside = outside ?? path.joined }
      if let part = PhysicalBackupReport.Part(path) { parts[part] = [] }
    }

    func take(_ bytes: UnsafeRawBufferPointer, of path: [EntryName]) {
      guard let part = PhysicalBackupReport.Part(path), let known = parts[part], known.count + bytes.count <= Self.limit
      else { return }
      parts[part] = known + bytes
    }

    func move(_ path: [EntryName], to position: UInt64) {}
    func end(_ path: [EntryName]) {}

    func remove(_ path: [EntryName]) {
      seen.remove(path.hashValue)
      owed.remove(path)
    }

    func rename(_ path: [EntryName], to other: [EntryName]) {
      owed.remove(path)
      if seen.remove(path.hashValue) != nil {
        seen.insert(other.hashValue)
        owed.remove(other)
      } else {
        owed.insert(other)
      }
    }
  }
}
