import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferSystem
import FoundationEssentials
import Glibc

/// Takes dumps and stores them.
struct DumpStorer: Sendable {
  /// What an archive is to hold of a dump.
  struct Item: Sendable {
    let stream: RepositoryGroup.Stored?
    /// Of a base backup.
    var need: LogNeed?
    /// Where the binary log of its server was, as far as that is known.
    var log: DumpLogPlace?
    /// Whether it has the oplog of its time, as one of a whole MongoDB server may.
    var hasOplog = false
    let make: @Sendable (StreamReference?) -> ArchiveItem
  }

  let context: ActionContext
  let hooks: HookContext
  let group: RepositoryGroup

  private var clock: Clock { context.surroundings.clock }

  /// A dump that failed, perhaps for what was beside it.
  private struct FailedInCompany: Error {
    let cause: DumpError
  }

  /// Takes a dump, and when it fails takes it again as often as its policy says; once more at least with nothing beside it, where
  /// something was.
  ///
  /// - Parameter turn: Begun; what follows a dump's end is done without it.
  /// - Throws: The last failure; `RepositoryGroup.NoneLeft`; `RunCancelled`.
  func store(_ dump: any PlannedDump, in turn: DumpTurn) throws -> [Item] {
    let policy = DumpPolicy(dump.section, in: context.root)
    var hooks = hooks
    hooks.limits = policy.limits
    var retry = 0
    var isRepeated = false
    var dump = dump
    while true {
      do {
        do {
          return try storeOnce(dump, hooks, turn)
        } catch let failure as FailedInCompany {
          dump = dump.alone
          guard retry >= policy.retries else { throw failure.cause }
          let next = "Trying once more with nothing beside it"
          context.console.warning("\(Console.text(failure.cause.diagnosis))\n  \(next)")
          return try storeOnce(dump, hooks, turn)
        }
      } catch let error as DumpError where error.isOvertaken && !isRepeated {
        isRepeated = true
        context.console.warning("\(Console.text(error.diagnosis))\n  Taking it again")
      } catch let error as DumpError where retry < policy.retries && error.isWorthARetry {
        retry += 1
        let seconds = policy.wait(before: retry)
        let next = "Trying again in \(Formats.duration(seconds)) (\(retry) of \(policy.retries))"
        context.console.warning("\(Console.text(error.diagnosis))\n  \(next)")
        turn.end()
        try hooks.cancellation.sleep(seconds)
      }
    }
  }

  private func storeOnce(_ dump: any PlannedDump, _ hooks: HookContext, _ turn: DumpTurn) throws -> [Item] {
    turn.begin()
    try hooks.cancellation.check()
    let start = clock.now()
    let running = try dump.begin(context: hooks)
    turn.start()
    do {
      switch running.output {
      case .stream(let source):
        let place = "coffer/\(dump.identity.path)"
        let ending = EndingSource(source) {
          try running.end()
          turn.end()
        }
        let stream = try group.store(ending, at: ItemPath(place), of: running.holdsPages ? .pages : .any)
        try running.end()
        let outcome = try running.finish()
        let record = try record(of: outcome, bytes: stream.size, start: start)
        let need = outcome.facts.base.flatMap { LogCluster.need(of: $0) }
        return [
          Item(stream: stream, need: need, log: outcome.facts.log, hasOplog: outcome.facts.oplog != nil) {
            .own(place, $0, at: start, dump: record)
          }
        ]
      case .folder(let folder): return try storeFolder(folder, of: dump, running, start)
      }
    } catch {
      let hasCompany = running.hasCompany
      running.abandon()
      if hasCompany, let error = error as? DumpError, error.isWorthARetry { throw FailedInCompany(cause: error) }
      throw error
    }
  }

  private func storeFolder(
    _ folder: String, of dump: any PlannedDump, _ running: any RunningDump, _ start: Date
  ) throws -> [Item] {
    var files: [(found: FoundFile, place: ItemPath, stream: RepositoryGroup.Stored?)] = []
    let walker = SourceWalker(rules: SourceRules(), roots: []) { event in
      guard case .item(var found, let place) = event else {
        throw SystemError(call: "read", subject: folder, code: EIO)
      }
      guard found.kind == .file else { return files.append((found, place, nil)) }
      let source = try found.content()
      found.facts = source.facts
      files.append((found, place, try group.store(source, at: place)))
    }
    let place = "coffer/\(dump.identity.path)"
    try walker.walk(SourceRoot(path: Array(folder.utf8), archivePath: Array(place.utf8)))
    let bytes = files.reduce(0) { $0 + ($1.stream?.size ?? 0) }
    let record = try record(of: running.finish(), bytes: bytes, start: start)
    running.abandon()
    return files.enumerated().map { number, file in
      Item(stream: file.stream) { reference in
        var item = file.found.item(at: file.place, stream: reference)
        if number == 0 { item.dump = record }
        return item
      }
    }
  }

  private func record(of outcome: DumpOutcome, bytes: UInt64, start: Date) throws -> [UInt8] {
    let identity = outcome.facts.identity
    for warning in outcome.warnings { context.console.warning("\(identity.title): \(warning)") }
    context.run.collector.add(identity, from: start, bytes: bytes, context)
    return try DumpRecord(outcome, bytes: bytes, start: start, end: clock.now()).encoded()
  }
}

/// A source that tells of its end when all of it was read, before that is stored.
final class EndingSource: ByteSource {
  private let source: any ByteSource
  private let end: () throws -> Void
  private var hasEnded = false

  init(_ source: any ByteSource, end: @escaping () throws -> Void) {
    self.source = source
    self.end = end
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let count = try source.read(into: buffer)
    if count == 0, !hasEnded {
      try end()
      hasEnded = true
    }
    return count
  }
}

extension ArchiveItem {
  /// An item that is no file of this machine: readable by the user who runs this only.
  static func own(_ path: String, _ stream: StreamReference?, at time: Date, dump: [UInt8]? = nil) -> ArchiveItem {
    let owners = OwnerNames()
    return ArchiveItem(
      path: ItemPath(path), content: stream.map { .file($0) } ?? .directory, mode: 0o600, userID: getuid(),
      groupID: getgid(), user: owners.user(getuid()), group: owners.group(getgid()),
      modified: time.nanosecondsSince1970, dump: dump)
  }
}
