import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferSystem
import Glibc

/// Restores a dump to a place of its own by the code that restores databases, and compares what is there then with what was
/// counted when it was dumped.
struct DumpDrill {
  /// What came of it, with what is to be said.
  struct Outcome {
    let proof: Proof
    var warnings: [String] = []
    var failure: (any Error)?
  }

  let context: ActionContext
  let reader: ArchiveReader
  let hooks: HookContext
  let progress: ReadingProgress

  private var clock: Clock { context.surroundings.clock }

  /// - Throws: `RunCancelled` only.
  func run(_ dump: ArchiveDump, of archive: Archive) throws -> Outcome {
    let identity = dump.identity
    var proof = Proof(
      hook: identity.hook, place: identity.place, database: identity.database, dump: identity.path,
      archive: archive.name, archiveID: archive.id, origin: archive.draft.hostname, time: clock.now(),
      hostname: context.surroundings.hostname, isProven: true,
      source: dump.record.serverVersion, program: Program.version, bytes: dump.record.bytes)
    var warnings: [String] = []
    do {
      try prove(dump, &proof, &warnings)
      return Outcome(proof: proof, warnings: warnings)
    } catch let error as RunCancelled {
      throw error
    } catch {
      let failure = Self.told(error, dump.identity)
      proof.isProven = false
      proof.problem = Diagnosis(of: failure).problem
      return Outcome(proof: proof, warnings: warnings, failure: failure)
    }
  }

  private func prove(_ dump: ArchiveDump, _ proof: inout Proof, _ warnings: inout [String]) throws {
    guard let hook = context.run.hooks.hook(named: dump.record.hook) else {
      throw DrillError.impossible(
        dump.identity, problem: "this version of coffer has no hook \(dump.record.hook)", suggestion: nil)
    }
    if let place = try hook.drillServer(of: dump.facts, root: context.root, context: hooks) {
      return try prove(dump, &proof, &warnings, in: place, hook, hooks)
    }
    if let host = hook.drillHost(of: dump.facts, root: context.root) {
      warnings.append(
        "Restored to a throw-away server of this machine, and not on \(Quoting.terminal(host)) (verify_hostname), whose own "
          + "roles and databases it would change")
    }
    let base = UserPath.absolute(
      context.root[VerifyOptions.directory], from: context.folder, home: context.surroundings.environment.home)
    let ground = try DrillGround(in: base, user: context.root[VerifyOptions.user], context: hooks)
    defer { ground.remove() }
    let place = try hook.drill(of: dump.facts, bytes: dump.record.bytes, on: ground)
    let isCutOff = ground.hasNoNetwork || !place.isRestored || dump.identity.isFile(hook)
    try prove(dump, &proof, &warnings, in: place, hook, ground.context)
    if !isCutOff { warnings.append(Self.open) }
  }

  private func prove(
    _ dump: ArchiveDump, _ proof: inout Proof, _ warnings: inout [String], in place: any DrillPlace,
    _ hook: any DatabaseHook, _ hooks: HookContext
  ) throws {
    defer {
      place.remove()
      if let remains = place.remains { warnings.append(remains) }
    }
    warnings += place.warnings
    proof.server = place.version
    proof.isRestored = place.isRestored
    let facts = place.facts(dump.facts)
    let root = place.isConfigured ? context.root : nil
    let restore = try place.replacement ?? hook.restore(of: facts, to: place.target, root: root, context: hooks)
    let start = clock.steadySeconds()
    let replay = DumpReplay(
      reader: reader, hooks: hooks, cancellation: context.cancellation, progress: progress,
      observer: place.observer)
    let (running, said) = try replay.run(restore, of: dump)
    let postponed = try running.makePostponed()
    proof.seconds = clock.steadySeconds() - start
    let findings = try place.findings(of: facts)
    proof.tables = findings.content?.tables.count
    proof.rows = findings.content?.rowCount
    var differences: [String] = []
    let recorded = dump.record.content.flatMap { $0.tables.isEmpty && $0.remark != nil ? nil : $0 }
    // What was counted of the very dump is surer than what went by while it was made.
    if let known = findings.dumped ?? recorded.map(place.comparable), let found = findings.content {
      proof.isCompared = true
      proof.comparedTables = known.countedTables(in: found)
      differences = known.differences(in: found)
      proof.accounts = known.accounts?.count
    }
    let asked = try DrillQuestion.ask(context.root, in: place, of: facts)
    proof.questions = asked.count
    differences += asked.differences
    guard differences.isEmpty else { throw DrillError.different(dump.identity, differences) }
    let remark = findings.dumped == nil ? dump.record.content?.remark.map { ["When it was dumped, \($0)"] } ?? [] : []
    warnings += said + postponed + findings.warnings + remark
  }

  private static let open =
    "What was restored could reach the network: this system does not let programs be cut off from it (unshare)"

  private static func told(_ error: any Error, _ identity: DumpIdentity) -> any Error {
    guard let error = error as? RestoreError else { return error }
    let diagnosis = error.diagnosis
    return DrillError.impossible(
      identity, problem: "it could not be restored. \(diagnosis.problem)",
      suggestion: diagnosis.suggestion)
  }
}

extension DumpIdentity {
  /// Whether no server is run for its drill.
  fileprivate func isFile(_ hook: any DatabaseHook) -> Bool { hook.kind.isFile }
}
