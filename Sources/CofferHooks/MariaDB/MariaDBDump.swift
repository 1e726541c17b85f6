import CofferConfiguration
import CofferSystem

/// A dump of one database, of several in one stream, or of a server's accounts.
struct MariaDBDump: PlannedDump {
  let identity: DumpIdentity
  private let entry: MariaDBEntry
  private let databases: [String]

  static let format = "sql"

  init(entry: MariaDBEntry, name: String, databases: [String]) {
    self.entry = entry
    self.databases = databases
    identity = entry.identity.naming(name)
  }

  var section: ConfigurationSection { entry.section }

  func start(context: HookContext) throws -> any RunningDump {
    let facts = facts(context)
    let stream = try entry.guarded {
      try entry.connection.withCommand(.dump, entry.dumpOptions, arguments, context: context) { command in
        try DumpStream(command, of: identity, context: context)
      }
    }
    return MariaDBRunningDump(stream, facts: facts, program: entry.connection.program(.dump), entry.warnings)
  }

  private var arguments: [String] {
    // Comments bring the mark at the dump's end, without which a dump that was cut short could not be told from a
    // whole one; a compact dump also lacks the time zone that its times are in. This comes after the configuration's
    // own options, some of which leave it out.
    let wholeness = ["--skip-compact", "--comments", "--set-charset"]
    var arguments = wholeness + ["--single-transaction", "--max-allowed-packet=1G"] + entry.switches
    if databases.contains(where: entry.isAccounts) { arguments.append("--system=users,udfs,servers") }
    return arguments + ["--databases", "--"] + databases.filter { !entry.isAccounts($0) }
  }

  /// What is worth knowing later; a server that does not answer will make the dump fail with a better message than
  /// could be given here.
  private func facts(_ context: HookContext) -> DumpFacts {
    var facts = DumpFacts(identity: identity, format: Self.format)
    let answer = try? entry.connection.query("SELECT VERSION()", options: entry.listOptions, context: context)
    facts.serverVersion = answer?.rows.first?.first
    facts.clientVersion = entry.connection.version(.dump, context: context)
    return facts
  }
}

/// A dump on its way.
final class MariaDBRunningDump: RunningDump {
  private let stream: DumpStream
  private let facts: DumpFacts
  private let program: String
  private let warnings: [String]

  init(_ stream: DumpStream, facts: DumpFacts, program: String, _ warnings: [String]) {
    self.stream = stream
    self.facts = facts
    self.program = program
    self.warnings = warnings
  }

  var output: DumpOutput { .stream(stream) }

  func finish() throws -> DumpOutcome {
    let status = try stream.finish()
    let lastLine = String(decoding: stream.tail, as: UTF8.self).split(separator: "\n").last ?? ""
    guard stream.tail.last == UInt8(ascii: "\n"), lastLine.hasPrefix(StatementSplitter.endMark) else {
      throw DumpError.incomplete(
        facts.identity, program: program, missing: "it does not end with '\(StatementSplitter.endMark)'")
    }
    return DumpOutcome(
      facts: facts, bytes: stream.byteCount, exitStatus: status, warnings: warnings + stream.warnings)
  }

  func abandon() {
    stream.abandon()
  }
}
