import CofferRepository
import CofferSystem

/// The repositories that one backup goes into: every stream is read once and stored in each of them.
///
/// A repository that fails, or holds up the others for longer than it may, drops out with its error, and the others go on.
/// Streams may be stored by several threads.
final class RepositoryGroup: Sendable {
  final class Member: Sendable {
    let access: OpenRepository
    let session: BackupSession
    /// Seconds for which it may hold up the others.
    fileprivate let holdLimit: Double
    /// Seconds for which its commit is waited for while nothing more is stored, when another has its archive: `holdLimit`, and
    /// the time that all packs take that are put side by side on a slow line, since they are whole, and counted, at once and
    /// late. A place elsewhere that does not answer is given up before by its store.
    fileprivate var commitLimit: Double { holdLimit + Double(session.bytesUnderWay) / Self.slowestLine }
    /// Stops what is waited for of its store, without the others'.
    private let cancellation: Cancellation
    private let firstFailure = Monitor<RepositoryFailure?>(nil)

    /// Bytes in a second: with less than these 128 kbit/s not half a GiB is sent in a night. 32 MiB take half an hour.
    private static let slowestLine = 16.0 * 1024

    fileprivate init(
      _ access: OpenRepository, _ session: BackupSession, holdLimit: Double, _ cancellation: Cancellation
    ) {
      self.access = access
      self.session = session
      self.holdLimit = holdLimit
      self.cancellation = cancellation
    }

    var failure: RepositoryFailure? { firstFailure.update { $0 } }

    /// Whether it will drop out as soon as it is given more.
    fileprivate var isFailing: Bool { session.failure.map { !($0 is RunCancelled) } ?? false }

    /// Lets nothing more be stored in it.
    ///
    /// - Returns: Whether it is the first failure.
    @discardableResult
    fileprivate func fail(_ error: any Error) -> Bool {
      let isFirst = firstFailure.update { failure in
        guard failure == nil else { return false }
        failure = RepositoryFailure(access.location, error)
        return true
      }
      // What is stopped by that is told apart from a run that is to stop: the failure is known before.
      if isFirst { cancellation.cancel() }
      return isFirst
    }
  }

  /// A stream that is stored in one repository.
  struct Content: Sendable {
    let stream: StreamReference
    /// Where it is, of a file that is to be remembered.
    let packs: StreamPacks?
  }

  /// A stream that is stored.
  struct Stored: Sendable {
    /// By member.
    var contents: [ObjectIdentifier: Content] = [:]

    /// Bytes.
    var size: UInt64 { contents.values.first?.stream.size ?? 0 }
  }

  /// No repository is left to store in; their own errors are kept with the members.
  struct NoneLeft: Error {}

  /// A source's error on its way through a repository, which throws it as it is.
  private struct SourceFailure: Error {
    let cause: any Error
  }

  private final class Watched: ByteSource {
    private let source: any ByteSource

    init(_ source: any ByteSource) {
      self.source = source
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
      do {
        return try source.read(into: buffer)
      } catch {
        throw SourceFailure(cause: error)
      }
    }
  }

  let members: [Member]
  private let beginFailures: [RepositoryFailure]
  private let clock: Clock
  /// What is still at work for members that have dropped out.
  private let endings = Monitor<[(member: Member, thread: WorkerThread)]>([])

  /// Begins a session in each repository; one that cannot be begun is a failure of that repository.
  ///
  /// - Parameter begin: Given what stops the session.
  init(
    _ repositories: [OpenRepository], _ context: ActionContext,
    begin: (OpenRepository, Cancellation) throws -> BackupSession
  ) {
    clock = context.surroundings.clock
    var failures: [RepositoryFailure] = []
    var members: [Member] = []
    for access in repositories {
      do {
        let cancellation = try context.cancellation.follower()
        let limit = access.location.holdLimit(context, pack: access.repository.header.packTarget)
        members.append(Member(access, try begin(access, cancellation), holdLimit: limit, cancellation))
      } catch {
        failures.append(RepositoryFailure(access.location, error))
      }
    }
    self.members = members
    beginFailures = failures
  }

  var active: [Member] { members.filter { $0.failure == nil } }

  var failures: [RepositoryFailure] { beginFailures + members.compactMap(\.failure) }

  /// How far a repository is that is left: they are given the same.
  var progress: SessionProgress { (active.first ?? members[0]).session.progress }

  /// Stores a stream to its end in every repository that is left.
  ///
  /// - Parameters:
  ///   - place: Where it will be in the archives; nil when nothing earlier has been there.
  ///   - content: What it is made of.
  ///   - remembers: Whether it is a file that `remember` may be told of.
  /// - Throws: What the source throws; `NoneLeft`; `RunCancelled`.
  func store(
    _ source: any ByteSource, at place: ItemPath? = nil, of content: BlockContent = .any, remembers: Bool = false
  ) throws -> Stored {
    let active = active
    var stored = Stored()
    do {
      let results =
        active.count == 1
        ? [Result { try Self.store(Watched(source), at: place, content, remembers, in: active[0]) }]
        : try fanOut(Watched(source), at: place, content, remembers, to: active)
      for (member, result) in zip(active, results) {
        // Whatever one that has dropped out has of the stream.
        guard member.failure == nil else { continue }
        switch result {
        case .success(let content): stored.contents[ObjectIdentifier(member)] = content
        case .failure(let error as SourceFailure): throw error
        case .failure(let error as RunCancelled): throw error
        case .failure(let error): drop(member, error)
        }
      }
    } catch let failure as SourceFailure {
      throw failure.cause
    }
    guard !self.active.isEmpty else { throw NoneLeft() }
    return stored
  }

  private static func store(
    _ source: any ByteSource, at place: ItemPath?, _ content: BlockContent, _ remembers: Bool, in member: Member
  ) throws -> Content {
    guard remembers, let place else {
      return Content(stream: try member.session.store(source, at: place, of: content), packs: nil)
    }
    let (stream, packs) = try member.session.storeFile(source, at: place)
    return Content(stream: stream, packs: packs)
  }

  /// - Returns: What came of it, for each member; one that was left behind may still be at it.
  private func fanOut(
    _ source: any ByteSource, at place: ItemPath?, _ content: BlockContent, _ remembers: Bool, to members: [Member]
  ) throws -> [Result<Content, any Error>] {
    let leaveBehind: @Sendable (Int) -> Void = { [self] in self.leaveBehind(members[$0]) }
    let isOver: @Sendable (Int, Bool) -> Bool = { [self] in self.isOver(members[$0], $1) }
    let fanOut = StreamFanOut(
      source, readers: members.count,
      patience: StreamFanOut.Patience(
        limits: members.map(\.holdLimit), clock: clock, isOver: isOver, leaveBehind: leaveBehind))
    let results = Monitor([Int: Result<Content, any Error>]())
    var threads: [WorkerThread] = []
    let reading = Result {
      do {
        for (number, pair) in zip(members, fanOut.branches).enumerated() {
          let (member, branch) = pair
          threads.append(
            try WorkerThread(name: "store \(number)") { [self] in
              let result = Result { try Self.store(branch, at: place, content, remembers, in: member) }
              // At once, so that it does not count as one that waits for others.
              if case .failure(let error) = result, !(error is SourceFailure || error is RunCancelled) {
                drop(member, error)
              }
              branch.stop()
              results.update { $0[number] = result }
            })
        }
      } catch {
        fanOut.end(with: SourceFailure(cause: error))
        throw error
      }
      try fanOut.distribute()
    }
    for (number, thread) in threads.enumerated() {
      let member = members[number]
      var deadline = Deadline(member.holdLimit, clock)
      let hasEnded: Void? = results.wait(
        until: { $0[number] != nil }, orUntil: { isOver(number, deadline.hasPassed()) }, then: { _ in })
      if hasEnded == nil { leaveBehind(number) }
      if member.failure == nil { thread.join() } else { endings.update { $0.append((member, thread)) } }
    }
    try reading.get()
    return results.update { results in
      members.indices.map { results[$0] ?? .failure(members[$0].failure ?? NoneLeft()) }
    }
  }

  /// Whether a member is waited for no longer: what is slow holds up nobody when all others have dropped out, or are about to.
  private func isOver(_ member: Member, _ limitHasPassed: Bool) -> Bool {
    member.failure != nil || limitHasPassed && active.contains { $0 !== member && !$0.isFailing }
  }

  private func leaveBehind(_ member: Member) {
    drop(member, LeftRepository(name: member.access.location.name, reason: .stalled, seconds: member.holdLimit))
  }

  /// Ends a member's session without an archive, beside what the others do: a store that does not answer takes its time for
  /// that, too.
  private func drop(_ member: Member, _ error: any Error) {
    guard member.fail(error) else { return }
    abandon(member)
  }

  private func abandon(_ member: Member) {
    do {
      let thread = try WorkerThread(name: "abandon") { member.session.abandon() }
      endings.update { $0.append((member, thread)) }
    } catch {
      member.session.abandon()
    }
  }

  /// Waits for what is still at work for members that have dropped out, but for each no longer than it may hold up the
  /// others: a file system that hangs gives back no call.
  ///
  /// - Returns: Those for which something is still at work.
  func settle() -> [LeftRepository] {
    let endings = endings.update { endings in
      defer { endings = [] }
      return endings
    }
    return members.compactMap { member in
      var deadline = Deadline(member.holdLimit, clock)
      let threads = endings.filter { $0.member === member }.map(\.thread)
      let haveEnded = threads.allSatisfy { $0.join(orUntil: { deadline.hasPassed() }) }
      return haveEnded
        ? nil : LeftRepository(name: member.access.location.name, reason: .unsettled, seconds: member.holdLimit)
    }
  }

  /// Adds an item to the archive of every repository that has its stream.
  ///
  /// - Parameter stream: nil for items without content.
  func add(_ stream: Stored?, _ item: (StreamReference?) -> ArchiveItem) {
    for member in active {
      let reference = stream?.contents[ObjectIdentifier(member)]?.stream
      guard stream == nil || reference != nil else { continue }
      var deadline: Deadline?
      let isTaken = member.session.add(item(reference)) {
        var left = deadline ?? Deadline(member.holdLimit, clock)
        defer { deadline = left }
        return isOver(member, left.hasPassed())
      }
      if !isTaken { leaveBehind(member) }
    }
  }

  /// Commits in every repository that is left, in all of them at the same time: none waits for another's, and when one has its
  /// archive, those in which nothing more is stored for longer than even a slow line would take are left behind.
  ///
  /// - Returns: The archives, each with others of its name that were made at the same time.
  func commit(_ draft: ArchiveDraft) -> [(access: OpenRepository, archive: Archive, twins: [Archive])] {
    let active = active
    let archives = Monitor([Int: Archive]())
    let hasEnded = Monitor(Set<Int>())
    var threads: [(number: Int, thread: WorkerThread)] = []
    for (number, member) in active.enumerated() {
      let commit: @Sendable () -> Void = {
        do {
          let archive = try member.session.commit(draft)
          archives.update { $0[number] = archive }
        } catch {
          member.fail(error)
        }
        _ = hasEnded.update { $0.insert(number) }
      }
      // The only one, and one for which no thread can be had, on this thread.
      let thread = active.count == 1 ? nil : try? WorkerThread(name: "commit \(number)", commit)
      if let thread { threads.append((number, thread)) } else { commit() }
    }
    for (number, thread) in threads {
      let member = active[number]
      var (stored, deadline) = (member.session.progress.stored, Deadline(member.commitLimit, clock))
      let isDone: Void? = hasEnded.wait(
        until: { $0.contains(number) },
        orUntil: {
          let now = member.session.progress.stored
          if now != stored || archives.update({ $0.isEmpty }) {
            (stored, deadline) = (now, Deadline(member.commitLimit, clock))
          }
          return deadline.hasPassed()
        }, then: { _ in })
      if isDone == nil {
        member.fail(
          LeftRepository(name: member.access.location.name, reason: .uncommitted, seconds: member.commitLimit))
        endings.update { $0.append((member, thread)) }
      } else {
        thread.join()
      }
    }
    let made = archives.update { $0 }
    return active.enumerated().compactMap { number, member in
      member.failure == nil ? made[number].map { (member.access, $0, member.session.twins) } : nil
    }
  }

  /// Ends all sessions without an archive. `settle` waits for that.
  func abandon() {
    for member in active { abandon(member) }
  }
}
