import CofferConfiguration
import CofferSystem
import FoundationEssentials
import Glibc

/// A dump of one database, or of a whole server.
struct MongoDBDump: PlannedDump {
  private let entry: MongoDBEntry

  var identity: DumpIdentity { entry.identity }
  var section: ConfigurationSection { entry.section }

  /// - Throws: `DumpError.misconfigured`.
  init(_ entry: MongoDBEntry) throws {
    self.entry = entry
    guard entry.isWholeServer || MongoDBNamespace.isDatabaseName(entry.identity.database) else {
      throw DumpError.misconfigured(
        entry.identity, problem: "No database of MongoDB can have that name", suggestion: "Correct name")
    }
    guard !entry.client.wouldAsk(.dump, options: entry.dumpOptions) else {
      throw DumpError.misconfigured(
        entry.identity, problem: "It has a username but no password, and mongodump would ask for one",
        suggestion: "Set password or password_file")
    }
    if let (problem, suggestion) = Self.obstacleToOplog(entry) {
      throw DumpError.misconfigured(entry.identity, problem: problem, suggestion: suggestion)
    }
  }

  /// Why a dump cannot be of one moment that the configuration wants so.
  private static func obstacleToOplog(_ entry: MongoDBEntry) -> (problem: String, suggestion: String)? {
    guard entry.takesOplog else { return nil }
    guard entry.isWholeServer else {
      return ("An oplog is of the whole server, and oplog: true is in an entry of one database", "Set name to all")
    }
    guard entry.format == .archive, !entry.dumpOptions.contains(where: { $0.isSame(as: "--gzip") }) else {
      return (
        "With oplog: true the dump has to be an archive that is not compressed",
        "Set format to archive, and take --gzip out of options"
      )
    }
    return nil
  }

  var needsRoom: Bool { entry.format == .directory }

  func start(context: HookContext) throws -> any RunningDump {
    let facts = DumpFacts(identity: identity, format: entry.format)
    let password = try entry.client.password(context: context)
    if entry.format == .directory {
      let folder = try context.runtime.makeParent(of: identity.path)
      let command = command(leading: ["--out", folder], trailing: [], password, context)
      return try MongoDBFolder.dump(command, into: folder, facts: facts, password: password, context: context)
    }
    let hasOplog = entry.takesOplog && !entry.dumpOptions.contains { $0.isSame(as: "--oplog") }
    let command = command(leading: [], trailing: (hasOplog ? ["--oplog"] : []) + ["--archive"], password, context)
    let stream = try DumpStream(command, of: identity, context: context)
    return MongoDBStreamDump(stream, facts: facts, wantsOplog: entry.takesOplog, password: password)
  }

  private func command(
    leading: [String], trailing: [String], _ password: MongoDBPassword?, _ context: HookContext
  ) -> ChildCommand {
    let database = entry.isWholeServer ? [] : ["--db", identity.database]
    return entry.client.command(
      .dump, leading: leading, trailing: database + entry.dumpOptions + trailing, password: password, context: context)
  }
}

/// A dump that streams, followed collection by collection.
final class MongoDBStreamDump: JudgedDump {
  private let stream: DumpStream
  /// Followed as the bytes go by.
  private var archive = MongoDBArchive()
  private let facts: DumpFacts
  private let wantsOplog: Bool
  private let password: MongoDBPassword?
  /// The exit status of the program.
  var judgement: Int32?

  init(_ stream: DumpStream, facts: DumpFacts, wantsOplog: Bool, password: MongoDBPassword?) {
    self.stream = stream
    self.facts = facts
    self.wantsOplog = wantsOplog
    self.password = password
    stream.observer = { [weak self] in self?.archive.feed($0) }
  }

  var output: DumpOutput { .stream(stream) }

  func judge() throws -> Int32 {
    let found = try stream.finish()
    if let missing = archive.missing {
      throw DumpError.incomplete(facts.identity, program: "mongodump", missing: missing)
    }
    guard archive.isCompressed || archive.collectionCount > 0 else {
      throw DumpError.withoutCollections(facts.identity)
    }
    guard !wantsOplog || archive.oplogPlace != nil else {
      throw DumpError.incomplete(
        facts.identity, program: "mongodump", missing: "it has no oplog, or one whose entries are not in order")
    }
    return found
  }

  func outcome(_ status: Int32) -> DumpOutcome {
    var facts = facts
    facts.serverVersion = archive.serverVersion
    facts.clientVersion = archive.toolVersion.map { "mongodump \($0)" }
    if archive.isCompressed {
      facts.details["compression"] = "gzip"
    } else {
      facts.details["collections"] = String(archive.collectionCount)
    }
    facts.content = archive.content
    // A server may put one into any archive, and a restore would replay it on all databases.
    facts.oplog = facts.identity.database.isSame(as: "all") ? archive.oplogPlace : nil
    return DumpOutcome(facts: facts, bytes: stream.byteCount, exitStatus: status, warnings: stream.warnings)
  }

  func abandon() {
    stream.abandon()
  }
}

/// A dump into a folder of this run: mongodump writes it to the end before it is stored.
private enum MongoDBFolder {
  static func dump(
    _ command: ChildCommand, into folder: String, facts: DumpFacts, password: MongoDBPassword?, context: HookContext
  ) throws -> WrittenFolder {
    let dump = try FolderDump(command, into: folder, of: facts.identity, context: context)
    // The password must outlive the program.
    let warnings = try withExtendedLifetime(password) { try dump.finish() }
    let files: [String]
    do {
      files = try FileManager.default.subpathsOfDirectory(atPath: folder)
    } catch {
      throw DumpError.incomplete(
        facts.identity, program: "mongodump", missing: "its folder cannot be read: \(Diagnosis(of: error).problem)")
    }
    // Every collection has its description, also those without a document.
    let descriptions = files.filter { $0.ends(with: ".metadata.json") || $0.ends(with: ".metadata.json.gz") }
    var facts = facts
    facts.details["collections"] = String(descriptions.count)
    if descriptions.contains(where: { $0.ends(with: ".gz") }) { facts.details["compression"] = "gzip" }
    let written = WrittenFolder(folder, facts: facts, warnings: warnings)
    guard !descriptions.isEmpty else {
      written.abandon()
      throw DumpError.withoutCollections(facts.identity)
    }
    return written
  }
}

extension DumpError {
  /// mongodump is content with a database that does not exist; whoever configured it hardly is.
  fileprivate static func withoutCollections(_ identity: DumpIdentity) -> DumpError {
    .misconfigured(
      identity, problem: "The server shows this user no collection of it, so there is nothing to dump",
      suggestion: "Correct name, or grant the user the role 'backup'")
  }
}
