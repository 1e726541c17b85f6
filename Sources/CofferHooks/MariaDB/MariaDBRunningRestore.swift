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
      let notes = try accounts.map(run) ?? []
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

  /// - Returns: Warnings.
  private func run(_ accounts: MariaDBAccountsRestore) throws -> [String] {
    do {
      return try accounts.run()
    } catch let error as any DiagnosableError where !script.databases.isEmpty {
      throw RestoreError.endedInPart(
        identity, problem: "the databases are restored, the accounts are as they were: \(error.diagnosis.problem)",
        suggestion: error.diagnosis.suggestion)
    }
  }

  private func catalogue(_ session: MariaDBSession) throws -> MariaDBCatalogue {
    let databases = script.databases.flatMap { [$0.target, $0.scratch, $0.aside] }
    return try MariaDBCatalogue(of: databases, query: session.query)
  }

  /// - Returns: Warnings.
  private func swap() throws -> [String] {
    let catalogue = try catalogue(session)
    let existing = script.databases.map(\.target).filter { catalogue.properties[$0] != nil }
    let oldPrograms = try existing.isEmpty ? [] : snapshot.programs(of: existing)
    let rights = MariaDBRoutineRights(on: existing, session: session)
    let swap = MariaDBSwap(
      script.databases, catalogue: catalogue, programs: script.programs, oldPrograms: oldPrograms)
    try session.context.cancellation.check()
    let unstoppable = try session.unstoppable()
    // From here on what is set aside may be all that there is of the old.
    keepsAsides = true
    do {
      try unstoppable.run(swap.script)
    } catch {
      try undo(swap, after: error, unstoppable)
      _ = rights.restore(catalogue.routines)
      throw error
    }
    keepsAsides = false
    return rights.restore((try? self.catalogue(unstoppable).routines) ?? [])
  }

  private func undo(_ swap: MariaDBSwap, after cause: any Error, _ session: MariaDBSession) throws {
    var lines: [String] = []
    do {
      lines = try session.run(swap.undo(catalogue(session)), goesOn: true)
      keepsAsides = try !swap.isUndone(catalogue(session))
    } catch let error as any DiagnosableError {
      lines.append(error.diagnosis.problem)
    }
    let asides = keepsAsides ? script.databases.map(\.aside).joined(separator: ", ") : ""
    guard lines.isEmpty, asides.isEmpty else {
      throw RestoreError.endedInPart(
        identity,
        problem: "\(cause); and not everything could be put back: \(lines.suffix(5).joined(separator: " / "))",
        suggestion: asides.isEmpty
          ? "The tables are as they were; make the views, triggers, routines or events that are missing by hand"
          : "The tables that are missing are in the databases \(asides)")
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
