import CofferHooks
import CofferSystem

/// Which of an archive's dumps to restore. What is not named means "any".
struct RestoreSelection: Sendable {
  var hooks = HookRegistry.standard
  /// Names or patterns; `all` and none at all mean every dump.
  var databases: [String] = []
  var hook: String?
  var originalHostname: String?
  var originalPort: Int?
  var originalContainer: String?
  var originalLabel: String?
  /// Whether those that are of no database are meant where nothing is named.
  var takesGlobals = false

  /// Whether anything is named.
  var isNarrow: Bool {
    !databases.isEmpty || originalPort != nil
      || [hook, originalHostname, originalContainer, originalLabel].contains { $0 != nil }
  }

  /// Nothing in the archive fits, or a name fits several dumps.
  enum Failure: DiagnosableError, Equatable {
    /// With what the archive has, as a table, the dumps that its run could not take, and a command that works.
    case noMatch(wanted: String, archive: String, table: String, missing: [String], example: String?)
    /// With the dumps of that name, as a table, and a command for each of them.
    case ambiguous(name: String, archive: String, table: String, commands: [String])

    var diagnosis: Diagnosis {
      switch self {
      case .noMatch(let wanted, let archive, let table, let missing, let example):
        Diagnosis(
          subject: wanted,
          problem: "Archive \(archive) holds no such dump. It holds:\n\(table)"
            + (missing.isEmpty ? "" : "\nIt is partial, without \(missing.joined(separator: ", "))"),
          suggestion: example.map { "For example: \($0)" })
      case .ambiguous(let name, let archive, let table, let commands):
        Diagnosis(
          subject: name, problem: "Archive \(archive) holds several dumps of that name:\n\(table)",
          suggestion: (["Choose one, or quote a pattern for all of them:"] + commands).joined(separator: "\n  "))
      }
    }
  }

  /// Chooses from the dumps, in their order.
  ///
  /// - Parameters:
  ///   - archive: Its name, for messages.
  ///   - missing: The dumps that it should have and does not.
  func select(
    from dumps: [ArchiveDump], archive: String, missing: [String] = []
  ) throws(Failure) -> [ArchiveDump] {
    let candidates = dumps.filter(fits)
    guard !candidates.isEmpty else { throw noMatch(databases.first ?? "restore", dumps, archive, missing) }
    guard !databases.isEmpty, !databases.contains(where: { $0.isSame(as: "all") }) else {
      guard !takesGlobals else { return candidates }
      // Roles belong to the whole server: they are put back only by name.
      let ofDatabases = candidates.filter { !$0.identity.isGlobals }
      guard !ofDatabases.isEmpty else { throw noMatch(databases.first ?? "restore", dumps, archive, missing) }
      return ofDatabases
    }
    var chosen: [ArchiveDump] = []
    for pattern in databases.map({ NamePattern($0) }) {
      // A name may hold the signs of patterns.
      let isName = !pattern.isPattern || candidates.contains { $0.record.database.isSame(as: pattern.text) }
      let found = Self.named(pattern, isName: isName, in: candidates)
      guard !found.isEmpty else { throw noMatch(pattern.text, dumps, archive, missing) }
      guard found.count == 1 || !isName else { throw ambiguous(pattern.text, found, archive) }
      chosen += found
    }
    return candidates.filter(chosen.contains)
  }

  /// Globals answer to their plain name only; a database that is called like them, to a pattern.
  private static func named(_ pattern: NamePattern, isName: Bool, in dumps: [ArchiveDump]) -> [ArchiveDump] {
    let found = dumps.filter {
      isName ? $0.record.database.isSame(as: pattern.text) : pattern.matches($0.record.database)
    }
    let globals = isName ? found.filter(\.identity.isGlobals) : []
    return globals.isEmpty ? found.filter { !$0.identity.isGlobals } : globals
  }

  private func fits(_ dump: ArchiveDump) -> Bool {
    let record = dump.record
    if let hook, !record.hook.isSame(as: hook) && !record.hook.isSame(as: hook + "_databases") { return false }
    if let originalHostname, !Self.isSame(Self.hostname(of: dump), originalHostname) { return false }
    if let originalPort, port(of: dump) != originalPort { return false }
    if let originalContainer, !Self.isSame(record.container, originalContainer) { return false }
    if let originalLabel, !Self.isSame(record.label, originalLabel) { return false }
    return true
  }

  private static func isSame(_ own: String?, _ wanted: String) -> Bool {
    own.map { $0.isSame(as: wanted) } ?? false
  }

  /// A container has a host of its own, which nobody has named.
  private static func hostname(of dump: ArchiveDump) -> String? {
    dump.record.container == nil ? dump.record.hostname ?? "localhost" : nil
  }

  private func port(of dump: ArchiveDump) -> Int? {
    dump.record.port ?? hooks.hook(named: dump.record.hook)?.kind.defaultPort
  }

  private func noMatch(
    _ wanted: String, _ dumps: [ArchiveDump], _ archive: String, _ missing: [String]
  ) -> Failure {
    .noMatch(
      wanted: wanted, archive: archive, table: dumps.isEmpty ? "no dumps at all" : ArchiveDump.table(dumps),
      missing: missing,
      // Roles and tablespaces are no example of what is mostly wanted.
      example: (dumps.first { !$0.identity.isGlobals } ?? dumps.first).map {
        command(for: $0, among: dumps, archive)
      })
  }

  private func ambiguous(_ name: String, _ dumps: [ArchiveDump], _ archive: String) -> Failure {
    .ambiguous(
      name: name, archive: archive, table: ArchiveDump.table(dumps),
      commands: dumps.map { command(for: $0, among: dumps, archive) })
  }

  /// The command that restores one dump and no other of its name.
  private func command(for dump: ArchiveDump, among dumps: [ArchiveDump], _ archive: String) -> String {
    var words = ["coffer", "restore", "--archive", archive, "--database", dump.record.database]
    var rivals = dumps.filter { $0.record.database.isSame(as: dump.record.database) && $0 != dump }
    let features: [(flag: String, value: (ArchiveDump) -> String?)] = [
      ("--hook", { $0.record.hook }), ("--original-label", { $0.record.label }),
      ("--original-container", { $0.record.container }),
      ("--original-hostname", Self.hostname), ("--original-port", { port(of: $0).map(String.init) }),
    ]
    for (flag, value) in features {
      guard let own = value(dump), rivals.contains(where: { !Self.isSame(value($0), own) }) else { continue }
      words += [flag, own]
      rivals.removeAll { !Self.isSame(value($0), own) }
    }
    return words.map(Quoting.pastedWord).joined(separator: " ")
  }
}
