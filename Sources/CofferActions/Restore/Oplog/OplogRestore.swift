import CofferHooks
import CofferRepository
import CofferSystem

/// Restores a whole MongoDB server as it was at a moment: mongorestore gets its dump with the oplog behind it. Dump and log are read to
/// their ends, and the server is looked at, before anything is changed.
struct OplogRestore {
  private let request: OplogRequest
  private let context: ActionContext
  private let found: OplogSearch.Found
  private let plan: RestorePlan

  /// - Parameter target: Where the server goes.
  /// - Throws: `OplogRouteError`; `RestoreError`; what reading throws.
  init(
    _ request: OplogRequest, to target: RestoreTarget, in access: OpenRepository, _ context: ActionContext,
    check: ([ArchiveDump]) throws -> Void
  ) throws {
    self.request = request
    self.context = context
    let reader = try access.repository.reader()
    found = try OplogSearch(request: request, access: access, context: context).find(reader)
    try check([found.dump])
    let (route, repository) = (found.route, access.repository)
    var target = target
    target.oplog = OplogReplay(before: route.limit) { take in
      try route.read(OplogReader(repository, of: route.server, signers: route.signers), take)
    }
    plan = try RestorePlan(
      [found.dump], of: found.archive, to: target, tables: nil, reader: reader, hooks: try context.hookContext(),
      context: context)
  }

  /// What will be done, for people.
  var summary: [String] { plan.summary + [Quoting.terminal(way)] }

  /// What of the server will not be as it was, although all of the log is replayed.
  var warnings: [String] {
    var warnings: [String] = []
    if found.route.mayBeRolledBack, let doubt = found.route.doubt {
      warnings.append(
        "The log has a gap behind the entry of \(doubt.time.text), and another primary has written what follows it: what is last before may "
          + "be what the set has rolled back. Compare what comes back with what the set has, or choose an earlier moment"
      )
    }
    guard let renamed = found.route.renamed else { return warnings }
    return warnings + [
      "The log gives collections other names, first in the entry of \(renamed.text). mongorestore makes their indexes for the old ones, and "
        + "puts what they take the place of aside, as tmp….rename: compare collections and indexes afterwards"
    ]
  }

  private var way: String {
    let start = "from the dump in archive \(found.archive.name)"
    guard let reached = found.route.reached else {
      return "\(start) with its own oplog: nothing was written behind it up to \(request.title)"
    }
    let count = found.route.count == 1 ? "1 entry" : "\(found.route.count) entries"
    return "\(start) with \(count) of the oplog behind it, the last \(reached.time.text) of "
      + ReplayRouteError.time(Int64(reached.time.seconds))
  }

  /// - Throws: What restoring throws.
  func run() throws {
    try plan.restoreAll(replaying: json)
    context.console.answer(Quoting.terminal("Brought \(way)"))
  }

  private var json: JSONValue {
    .object([
      "target": .text(request.title), "entries": .number(found.route.count),
      "reached": found.route.reached.map { JSONShapes.oplog($0) } ?? .null,
    ])
  }
}
