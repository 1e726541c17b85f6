import CofferConfiguration
import CofferSystem
import Foundation

/// A dump of one database, or of a whole server.
struct PostgreSQLDump: PlannedDump {
  let identity: DumpIdentity
  private let entry: PostgreSQLEntry

  init(entry: PostgreSQLEntry, database: String) {
    self.entry = entry
    identity = DumpIdentity(
      hook: entry.identity.hook, database: database, hostname: entry.identity.hostname,
      port: entry.identity.port, container: entry.identity.container, label: entry.identity.label)
  }

  var section: ConfigurationSection { entry.section }
  private var isWholeServer: Bool { entry.format == nil && identity.database == "all" }
  private var format: String { isWholeServer ? "plain" : entry.format ?? "custom" }

  func start(context: HookContext) throws -> any RunningDump {
    var facts = DumpFacts(identity: identity, format: format)
    addServerFacts(to: &facts, context: context)
    if format == "directory" {
      return try PostgreSQLFolderDump(
        command: { folder in command(["--file", folder, identityArgument], context: context) }, facts: facts,
        context: context)
    }
    let stream = try DumpStream(command([identityArgument], context: context), of: identity, context: context)
    return PostgreSQLStreamDump(stream, facts: facts, isWholeServer: isWholeServer)
  }

  /// pg_dumpall takes no database; pg_dump's has to be told from a connection string.
  private var identityArgument: String {
    isWholeServer ? "" : "--dbname=" + PostgreSQLConnection.connectionString(identity.database)
  }

  private func command(_ tail: [String], context: HookContext) -> ChildCommand {
    var arguments: [String] = []
    if entry.noOwner { arguments.append("--no-owner") }
    if !isWholeServer {
      arguments += ["--format", format]
      // Statements that make room, for a plain dump; the archive formats get theirs from pg_restore.
      if format == "plain" { arguments += ["--clean", "--if-exists"] }
      arguments += compressionArguments
    }
    arguments += entry.dumpOptions
    return entry.connection.command(
      isWholeServer ? .dumpAll : .dump, arguments + tail.filter { !$0.isEmpty }, context: context)
  }

  /// Compressed dumps do not deduplicate; blocks are compressed after that.
  private var compressionArguments: [String] {
    guard format == "custom" || format == "directory" else { return [] }
    let chosen = entry.compression ?? "none"
    return ["--compress", chosen == "none" ? "0" : chosen]
  }

  /// Asks the server what a restore wants to know; a server that does not answer will make the dump fail with a
  /// better message than could be given here.
  private func addServerFacts(to facts: inout DumpFacts, context: HookContext) {
    let sql = """
      SELECT current_setting('server_version'), pg_encoding_to_char(encoding), datcollate, datctype, \
      pg_get_userbyid(datdba), j->>'datlocprovider', coalesce(j->>'daticulocale', j->>'datlocale') \
      FROM (SELECT d.*, to_jsonb(d) AS j FROM pg_database d) d WHERE datname = current_database()
      """
    let database = isWholeServer ? "postgres" : identity.database
    guard let result = try? entry.connection.query(sql, database: database, context: context),
      result.status.isSuccess
    else { return }
    let fields = result.text.split(separator: "\n").first?.split(separator: "\u{1f}", omittingEmptySubsequences: false)
    guard let fields, fields.count == 7 else { return }
    facts.serverVersion = String(fields[0])
    if !isWholeServer {
      facts.details = [
        "encoding": String(fields[1]), "collate": String(fields[2]), "ctype": String(fields[3]),
        "owner": String(fields[4]), "provider": String(fields[5]), "locale": String(fields[6]),
      ]
      .filter { !$0.value.isEmpty }
    }
    let version = try? context.launcher.run(
      entry.connection.versionCommand(isWholeServer ? .dumpAll : .dump, context: context))
    facts.clientVersion = version.flatMap { $0.text.split(separator: "\n").first.map(String.init) }
  }
}

/// A dump that streams.
final class PostgreSQLStreamDump: RunningDump {
  private let stream: DumpStream
  private let facts: DumpFacts
  private let isWholeServer: Bool

  init(_ stream: DumpStream, facts: DumpFacts, isWholeServer: Bool) {
    self.stream = stream
    self.facts = facts
    self.isWholeServer = isWholeServer
  }

  var output: DumpOutput { .stream(stream) }

  func finish() throws -> DumpOutcome {
    let status = try stream.finish()
    if let missing = missingEnd() {
      throw DumpError.incomplete(facts.identity, program: "pg_dump", missing: missing)
    }
    return DumpOutcome(
      facts: facts, bytes: stream.byteCount, exitStatus: status, warnings: stream.warnings)
  }

  func abandon() {
    stream.abandon()
  }

  /// What the dump lacks of the marks that its format always has; nil when it is complete.
  private func missingEnd() -> String? {
    switch facts.format {
    case "custom":
      return CustomArchive.missing(head: stream.head, tail: stream.tail)
    case "tar":
      let end = stream.tail.suffix(1024)
      return end.count == 1024 && end.allSatisfy { $0 == 0 } ? nil : "it does not end with two empty blocks"
    default:
      let mark = isWholeServer ? "PostgreSQL database cluster dump complete" : "PostgreSQL database dump complete"
      return String(decoding: stream.tail, as: UTF8.self).contains(mark) ? nil : "it does not end with '\(mark)'"
    }
  }
}

/// A dump into a folder of this run: pg_dump writes it to the end before it is stored.
final class PostgreSQLFolderDump: RunningDump {
  private let facts: DumpFacts
  private let folder: String
  private let warnings: [String]

  init(command: (String) -> ChildCommand, facts: DumpFacts, context: HookContext) throws {
    self.facts = facts
    let identity = facts.identity
    // pg_dump makes the last folder itself.
    folder = try context.runtime.makeParent(of: identity.path)
    let dump = try FolderDump(command(folder), into: folder, of: identity, context: context)
    warnings = try dump.finish()
    var mark = [UInt8](repeating: 0, count: CustomArchive.magic.count)
    let toc = try? FileDescriptor(opening: "\(folder)/toc.dat", flags: O_RDONLY)
    _ = try mark.withUnsafeMutableBytes { try toc?.read(into: $0, subject: "toc.dat") }
    guard mark == CustomArchive.magic else {
      abandon()
      throw DumpError.incomplete(identity, program: "pg_dump", missing: "its table of contents is not there")
    }
  }

  var output: DumpOutput { .folder(folder) }

  func finish() -> DumpOutcome {
    DumpOutcome(facts: facts, bytes: nil, exitStatus: 0, warnings: warnings)
  }

  func abandon() {
    try? FileManager.default.removeItem(atPath: folder)
  }
}
