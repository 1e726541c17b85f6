import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferSystem

/// Restores databases as they were at a moment: their dumps and the log behind them go into a throw-away server, and what comes of
/// it takes the way of every restore. Everything is checked before anything is changed.
struct ReplayRestore {
  private let request: ReplayRequest
  private let context: ActionContext
  private let reader: ArchiveReader
  private let ground: DrillGround
  private let found: ReplaySearch.Found
  private let plan: RestorePlan

  /// - Parameter target: Where the databases go.
  /// - Throws: `ReplayRouteError`; `ReplayError`; `RestoreError`; what reading throws.
  init(
    _ request: ReplayRequest, to target: RestoreTarget, in access: OpenRepository, on ground: DrillGround,
    _ hooks: HookContext, _ context: ActionContext, check: ([ArchiveDump]) throws -> Void
  ) throws {
    self.request = request
    self.context = context
    self.ground = ground
    reader = try access.repository.reader()
    found = try ReplaySearch(of: .databases, request, in: access, ground, context).find(reader)
    try check(found.dumps)
    try MariaDBReplay.check(found.dumps.map(\.facts), on: ground)
    plan = try RestorePlan(
      found.dumps, of: found.archive, to: target, tables: nil, reader: reader, hooks: hooks, context: context)
  }

  /// Makes the place in which logs are replayed.
  static func ground(_ hooks: HookContext, _ context: ActionContext) throws -> DrillGround {
    try DrillGround(in: folder(context), user: context.root[VerifyOptions.user], context: hooks)
  }

  /// Where such a place is made, absolute.
  static func folder(_ context: ActionContext) -> String {
    UserPath.absolute(
      context.root[VerifyOptions.directory], from: context.folder, home: context.surroundings.environment.home)
  }

  /// What will be done, for people.
  var summary: [String] { plan.summary + [Quoting.terminal(way)] }

  private var way: String {
    "from the dumps in archive \(found.archive.name) \(found.log.way(to: request, from: "them"))"
  }

  /// - Throws: What replaying and restoring throw; unless restoring has begun, nothing is changed.
  func run() throws {
    let bytes = found.dumps.reduce(UInt64(0)) { $0.addingClamped($1.record.bytes) }
    let replay = try MariaDBReplay(of: found.dumps.map(\.facts), bytes: bytes, found.log, on: ground)
    defer { replay.remove() }
    try bring(replay)
    try plan.restoreAll(from: .init(dump: { try replay.dump(of: $0.facts) }, json: found.log.json(to: request)))
    context.console.answer(Quoting.terminal("Brought \(way)"))
  }

  private func bring(_ replay: MariaDBReplay) throws {
    let progress = try ReadingProgress(context)
    defer { progress.stop() }
    try load(into: replay, progress)
    let warnings = try found.log.showing(progress, replay.run)
    for warning in warnings { context.console.warning(warning) }
  }

  /// Puts the dumps into the throw-away server.
  private func load(into replay: MariaDBReplay, _ progress: ReadingProgress) throws {
    let steps = try found.dumps.map { (dump: $0, restore: try replay.restore(of: $0.facts)) }
    let loading = DumpReplay(
      reader: reader, hooks: replay.context, cancellation: context.cancellation, progress: progress)
    var loaded: [any RunningRestore] = []
    for (number, step) in steps.enumerated() {
      let later = steps[(number + 1)...].map(\.restore)
      loaded.append(try loading.run(step.restore, of: step.dump, before: later).running)
    }
    for running in loaded { _ = try running.makePostponed() }
  }
}

extension ReplayLog {
  /// What is replayed, for people.
  ///
  /// - Parameter backup: What it is replayed on: `them`.
  func way(to request: ReplayRequest, from backup: String) -> String {
    guard let reached else { return "alone: behind \(backup) nothing was committed up to \(request.title)" }
    return
      "with \(transactionCount) transactions of the server's log, the last "
      + (reached.gtid.map { "\($0.text) " } ?? "") + "of \(ReplayRouteError.time(reached.time))"
  }

  /// Replays it where somebody sees how far that is.
  func showing<Result>(
    _ progress: ReadingProgress, _ replay: ((String) -> Void) throws -> Result
  ) rethrows -> Result {
    let title = "replaying \(transactionCount) transactions"
    progress.begin(title, total: 0)
    return try replay { progress.name("\(title), at \($0)") }
  }

  /// What was replayed.
  func json(to request: ReplayRequest) -> JSONValue {
    .object([
      "target": .text(request.title),
      "transactions": .number(transactionCount), "gtid": JSONValue(reached?.gtid?.text),
      "time": JSONValue(reached.map { ReplayRouteError.time($0.time) }),
      "file": JSONValue(reached?.file), "position": JSONValue(reached.map { Int(clamping: $0.end) }),
    ])
  }
}
