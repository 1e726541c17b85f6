import CofferSystem

/// Brings back what was there before a swap that failed, by looking at what is there now.
///
/// It drops nothing but what the swap has made: names that the dump has and that were not there before, or whose
/// definition is not what was written down; and databases that the run's own statement has made.
struct MariaDBUndo {
  let swap: MariaDBSwap
  let session: MariaDBSession
  let snapshot: MariaDBSnapshot
  /// Targets that the run has made.
  let created: [String]
  /// The targets' views, triggers, routines and events as they were written down before.
  let programs: [MariaDBScript.StoredProgram]
  /// Whether the server knows `DROP FOREIGN KEY IF EXISTS`: the swap may have ended after it dropped a key.
  let isMariaDB: Bool

  private typealias Object = MariaDBCatalogue.Object

  /// What came of it.
  struct Outcome {
    /// What is not as it was; empty when everything was looked at and is.
    var differences: [String] = []
    /// Whether old tables are still aside.
    var hasAsides = false
  }

  private var before: MariaDBCatalogue { swap.catalogue }
  private var existing: [String] {
    swap.databases.map(\.target).filter { before.properties[ExactName($0)] != nil }
  }

  func run() -> Outcome {
    var outcome = Outcome()
    do {
      // A client that was cut off may have left the server at work.
      let lock = Quoting.mariadbLiteral(swap.databases[0].scratch)
      guard try session.query("SELECT GET_LOCK(\(lock), 60)", 1).first?.first.map({ $0.isSame(as: "1") }) == true else {
        return Outcome(differences: ["the server is still at work on it"], hasAsides: true)
      }
    } catch {
      return Outcome(
        differences: ["what is there could not be looked at: \(RestoreError.cause(of: error))"], hasAsides: true)
    }
    // Each step has its turn, whatever became of those before it. Only what belongs to tables follows them.
    func attempt<Result>(_ step: () throws -> Result) -> Result? {
      do {
        return try step()
      } catch {
        outcome.differences.append(RestoreError.cause(of: error))
        return nil
      }
    }
    let areMoved = attempt(putTablesBack)
    if areMoved != nil { _ = attempt(putProgramsBack) }
    if areMoved == true, let complaints = attempt(putKeysBack) { outcome.differences += complaints }
    _ = attempt(dropCreated)
    do {
      outcome.differences += try differences()
      let asides = Set(swap.databases.map { ExactName($0.aside) })
      outcome.hasAsides = try catalogue().tables.contains { asides.contains(ExactName($0.database)) }
    } catch {
      // Not known: then nothing is thrown away.
      outcome.differences.append("what is there could not be looked at: \(RestoreError.cause(of: error))")
      outcome.hasAsides = true
    }
    return outcome
  }

  private func catalogue() throws -> MariaDBCatalogue {
    try MariaDBCatalogue(
      of: swap.databases.flatMap { [$0.target, $0.scratch, $0.aside] }, query: session.query)
  }

  private func run(_ statements: String) throws {
    guard !statements.isEmpty else { return }
    var script = SealedScript(swap.seal)
    script.append(own: MariaDBSwap.preamble + statements)
    try session.run(script)
  }

  // MARK: - Tables

  /// - Returns: Whether they had to be moved.
  private func putTablesBack() throws -> Bool {
    let now = try catalogue()
    let existing = Set(now.tables)
    let moves = swap.moves.reversed().map { (from: $0.to, to: $0.from) }
    // All tables are there where the RENAME puts them, or none is.
    guard let first = moves.first, existing.contains(first.from), !existing.contains(first.to),
      moves.allSatisfy({ existing.contains($0.from) })
    else { return false }
    // The tables that the swap has put in place had no triggers: those that they have now are the dump's.
    let places = Set(swap.moves.map(\.to))
    let triggers = now.triggers.filter { places.contains($0.table) }.map { MariaDBSwap.drop($0.name) }
    // A view that the dump has made where a table was.
    let returning = Set(moves.map(\.to))
    let views = now.views.filter(returning.contains).map { "DROP VIEW IF EXISTS \($0.quoted);\n" }
    try run(triggers.joined() + views.joined() + MariaDBSwap.rename(moves))
    return true
  }

  /// Foreign keys of tables that have stayed followed the old tables aside, and lead to them again.
  ///
  /// - Returns: What of it failed.
  private func putKeysBack() throws -> [String] {
    let statements = swap.foreignKeys(inOtherDatabasesOnly: true, mayBeGone: isMariaDB)
    guard !statements.isEmpty else { return [] }
    var script = SealedScript(swap.seal)
    script.append(own: MariaDBSwap.preamble + statements)
    return try session.runEach(script).map { "a foreign key of another table could not be made anew: \($0.message)" }
  }

  // MARK: - Views, triggers, routines, events

  private func putProgramsBack() throws {
    guard !existing.isEmpty else { return }
    let now = try catalogue()
    // First of all: what is made remembers the database's collation, and is written down with it where it is another.
    let properties = existing.compactMap { target -> String? in
      guard let wanted = before.properties[ExactName(target)], now.properties[ExactName(target)] != wanted else {
        return nil
      }
      return "ALTER DATABASE \(Quoting.mariadbIdentifier(target)) \(wanted);\n"
    }
    try run(properties.joined())
    let made = Set(swap.programs.compactMap(\.object))
    let old = Definitions(programs)
    // What it lacks is made anew.
    let present = Definitions(try snapshot.programs(of: existing, mayLack: true))
    let targets = Set(existing.map(ExactName.init))
    let wasThere = Set(before.programs)
    let inTargets = now.programs.filter { targets.contains(ExactName($0.database)) }
    // What the dump has put there: under a new name, or in the place of something else that is known.
    let foreign = inTargets.filter { name in
      made.contains(name) && (wasThere.contains(name) ? old[name] != nil && old[name] != present[name] : true)
    }
    let gone = Set(inTargets).subtracting(foreign)
    let missing = Set(old.names.filter { !gone.contains($0) })
    try run(foreign.map(MariaDBSwap.drop).joined())
    guard !missing.isEmpty else { return }
    var script = SealedScript(swap.seal)
    script.append(own: MariaDBSwap.preamble)
    for program in programs where program.object.map(missing.contains) ?? true {
      try script.append(program.statement)
    }
    // What fails here is found by looking.
    _ = try session.runEach(script)
  }

  // MARK: - Databases

  private func dropCreated() throws {
    let now = try catalogue()
    let made = Set(swap.programs.compactMap(\.object))
    for target in created {
      let holdsOthers =
        now.tables.contains { $0.database.isSame(as: target) }
        || now.programs.contains { $0.database.isSame(as: target) && !made.contains($0) }
      if !holdsOthers { try run("DROP DATABASE IF EXISTS \(Quoting.mariadbIdentifier(target));\n") }
    }
  }

  // MARK: - Looking

  private func differences() throws -> [String] {
    let now = try catalogue()
    var found: [String] = []
    for target in swap.databases.map(\.target) {
      let wasThere = before.properties[ExactName(target)]
      let isThere = now.properties[ExactName(target)]
      if wasThere == nil, isThere != nil { found.append("the database '\(target)' was made and is left") }
      guard wasThere != nil else { continue }
      if isThere == nil { found.append("the database '\(target)' is missing") }
      func tables(_ catalogue: MariaDBCatalogue) -> Set<Object> {
        Set(catalogue.tables.filter { $0.database.isSame(as: target) })
      }
      found += tables(before).subtracting(tables(now)).map { "the table \($0.quoted) is missing" }
      found += tables(now).subtracting(tables(before)).map { "the table \($0.quoted) is new" }
    }
    let targets = Set(existing.map(ExactName.init))
    func programs(_ catalogue: MariaDBCatalogue) -> Set<ProgramName> {
      Set(catalogue.programs.filter { targets.contains(ExactName($0.database)) })
    }
    found += programs(before).subtracting(programs(now)).map { "the \($0.title) is missing" }
    found += programs(now).subtracting(programs(before)).map { "the \($0.title) is new" }
    let old = Definitions(self.programs)
    let present = Definitions(try snapshot.programs(of: existing))
    found += old.names.filter { present[$0] != nil && old[$0] != present[$0] }.map { "the \($0.title) is another" }
    return found.sorted()
  }

  /// What a snapshot says of each view, trigger, routine and event, and under which settings.
  private struct Definitions {
    private var texts: [ProgramName: [[UInt8]]] = [:]

    var names: [ProgramName] { Array(texts.keys) }

    private static let variables: Set<String> = [
      "SQL_MODE", "CHARACTER_SET_CLIENT", "COLLATION_CONNECTION", "TIME_ZONE",
    ]

    init(_ programs: [MariaDBScript.StoredProgram]) {
      var settings: [String: String] = [:]
      for program in programs {
        guard let object = program.object else {
          for setting in SettingAssignment.all(of: program.statement.lexemes.all) {
            guard let variable = setting.variable, Self.variables.contains(variable) else { continue }
            settings[variable] = setting.value
          }
          if case .database(.alter, _) = program.statement.kind {
            settings["DATABASE"] = String(decoding: program.statement.text, as: UTF8.self)
          }
          continue
        }
        let context = settings.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
        texts[object, default: []].append(Array(context.utf8) + program.statement.text)
      }
    }

    subscript(name: ProgramName) -> [[UInt8]]? { texts[name] }
  }
}
