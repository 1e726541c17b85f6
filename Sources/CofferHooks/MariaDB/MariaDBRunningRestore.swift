import CofferSystem

/// A restore on its way: loading, then the swap, then the accounts.
final class MariaDBRunningRestore: RunningRestore {
  private var script: MariaDBScript
  private let session: MariaDBSession
  private let snapshot: MariaDBSnapshot
  private let warnings: [String]
  private var load: MariaDBLoad?
  private var keepsAsides = false
  private var isCleanedUp = false

  private var identity: DumpIdentity { session.identity }

  init(_ script: MariaDBScript, session: MariaDBSession, snapshot: MariaDBSnapshot, warnings: [String]) {
    self.script = script
    self.session = session
    self.snapshot = snapshot
    self.warnings = warnings
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    do {
      try script.feed(bytes) { part in
        let client = try load ?? session.input()
        load = client
        try client.write(part)
      }
    } catch is MariaDBScript.NoDatabase {
      throw RestoreError.refused(
        identity, problem: "the dump holds tables without saying of which database",
        suggestion: "Extract it, and restore it by hand")
    }
  }

  func finish() throws -> [String] {
    do {
      guard script.isComplete else {
        throw RestoreError.refused(
          identity, problem: "the dump does not end with '\(StatementSplitter.endMark)'; it is cut short",
          suggestion: "Restore another archive")
      }
      guard !script.databases.isEmpty || !script.accounts.isEmpty else {
        throw RestoreError.refused(identity, problem: "the dump holds nothing", suggestion: nil)
      }
      try load?.finish()
      load = nil
      // Written down before anything changes: it may fail.
      let accounts = try script.accounts.isEmpty ? nil : accountsRestore()
      let lost = try script.databases.isEmpty ? [] : swap()
      let notes = try accounts?.run() ?? []
      return (warnings + passedOver + lost + cleanUp() + notes).map { "\(identity.title): \($0)" }
    } catch {
      abandon()
      throw error
    }
  }

  func abandon() {
    load?.abandon()
    load = nil
    _ = cleanUp()
  }

  private var passedOver: [String] {
    script.passedOver.sorted().map { "The tables of the server's own database '\($0)' were not restored" }
  }

  private func accountsRestore() throws -> MariaDBAccountsRestore {
    try MariaDBAccountsRestore(script.accounts, present: try snapshot.accounts(), session: session)
  }

  private func catalogue() throws -> MariaDBCatalogue {
    let databases = script.databases.flatMap { [$0.target, $0.scratch, $0.aside] }
    return try MariaDBCatalogue(of: databases, query: session.query)
  }

  /// - Returns: Warnings.
  private func swap() throws -> [String] {
    let catalogue = try catalogue()
    let existing = script.databases.map(\.target).filter { catalogue.properties[$0] != nil }
    let oldPrograms = try existing.isEmpty ? [] : snapshot.programs(of: existing)
    let rights = MariaDBRoutineRights(on: existing, session: session)
    let swap = MariaDBSwap(
      script.databases, catalogue: catalogue, programs: script.programs, oldPrograms: oldPrograms)
    try session.context.cancellation.check()
    // From here on what is set aside may be all that there is of the old.
    keepsAsides = true
    do {
      try session.run(swap.script)
    } catch {
      try undo(swap, after: error)
      _ = rights.restore(catalogue.routines)
      throw error
    }
    keepsAsides = false
    return rights.restore((try? self.catalogue().routines) ?? [])
  }

  private func undo(_ swap: MariaDBSwap, after cause: any Error) throws {
    var lines: [String] = []
    do {
      lines = try session.run(swap.undo(catalogue()), goesOn: true)
      keepsAsides = try !swap.isUndone(catalogue())
    } catch let error as any DiagnosableError {
      lines.append(error.diagnosis.problem)
    }
    let asides = keepsAsides ? script.databases.map(\.aside) : []
    guard lines.isEmpty, asides.isEmpty else {
      throw MariaDBUndoError(identity: identity, cause: "\(cause)", asides: asides, lines: lines)
    }
  }

  /// - Returns: Warnings.
  private func cleanUp() -> [String] {
    let names = script.databases.flatMap { keepsAsides ? [$0.scratch] : [$0.scratch, $0.aside] }
    guard !names.isEmpty, !isCleanedUp else { return [] }
    isCleanedUp = true
    do {
      try session.run(MariaDBSwap.cleanup(names))
      return []
    } catch {
      return ["Some of the databases \(names.joined(separator: ", ")) are left; drop them by hand"]
    }
  }
}

/// A restore that failed, and that could not bring back all of what was there.
struct MariaDBUndoError: DiagnosableError {
  let identity: DumpIdentity
  let cause: String
  /// Databases that still hold tables of the old.
  let asides: [String]
  let lines: [String]

  var diagnosis: Diagnosis {
    let what = lines.suffix(5).joined(separator: " / ")
    return Diagnosis(
      subject: identity.title,
      problem: "Not restored (\(cause)), and not everything that was there could be put back: \(what)",
      suggestion: asides.isEmpty
        ? "The tables are as they were; make the views, triggers, routines or events that are missing by hand"
        : "Look into the databases \(asides.joined(separator: ", ")): they hold the tables that are missing")
  }
}
