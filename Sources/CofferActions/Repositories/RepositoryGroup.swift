import CofferRepository
import CofferSystem

/// The repositories that one backup goes into: every stream is read once and stored in each of them.
///
/// A repository that fails drops out with its error, and the others go on. Streams may be stored by several threads.
final class RepositoryGroup: Sendable {
  final class Member: Sendable {
    let access: OpenRepository
    let session: BackupSession
    private let firstFailure = Monitor<RepositoryFailure?>(nil)

    fileprivate init(_ access: OpenRepository, _ session: BackupSession) {
      self.access = access
      self.session = session
    }

    fileprivate var failure: RepositoryFailure? { firstFailure.update { $0 } }

    /// - Returns: Whether it is the first failure.
    @discardableResult
    fileprivate func fail(_ error: any Error) -> Bool {
      firstFailure.update { failure in
        guard failure == nil else { return false }
        failure = RepositoryFailure(access.location, error)
        return true
      }
    }
  }

  /// A stream that is stored.
  struct Stored: Sendable {
    fileprivate var references: [ObjectIdentifier: StreamReference] = [:]

    /// Bytes.
    var size: UInt64 { references.values.first?.size ?? 0 }
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

  /// Begins a session in each repository; one that cannot be begun is a failure of that repository.
  init(_ repositories: [OpenRepository], begin: (OpenRepository) throws -> BackupSession) {
    var failures: [RepositoryFailure] = []
    var members: [Member] = []
    for access in repositories {
      do {
        members.append(Member(access, try begin(access)))
      } catch {
        failures.append(RepositoryFailure(access.location, error))
      }
    }
    self.members = members
    beginFailures = failures
  }

  private var active: [Member] { members.filter { $0.failure == nil } }

  var failures: [RepositoryFailure] { beginFailures + members.compactMap(\.failure) }

  /// Stores a stream to its end in every repository that is left.
  ///
  /// - Parameter place: Where it will be in the archives; nil when nothing earlier has been there.
  /// - Throws: What the source throws; `NoneLeft`; `RunCancelled`.
  func store(_ source: any ByteSource, at place: ItemPath? = nil) throws -> Stored {
    let active = active
    var stored = Stored()
    do {
      let results =
        active.count == 1
        ? [Result { try active[0].session.store(Watched(source), at: place) }]
        : try Self.fanOut(Watched(source), at: place, to: active)
      for (member, result) in zip(active, results) {
        switch result {
        case .success(let reference): stored.references[ObjectIdentifier(member)] = reference
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

  private static func fanOut(
    _ source: any ByteSource, at place: ItemPath?, to members: [Member]
  ) throws -> [Result<StreamReference, any Error>] {
    let fanOut = StreamFanOut(source, readers: members.count)
    let results = Monitor([Int: Result<StreamReference, any Error>]())
    var threads: [WorkerThread] = []
    let reading = Result {
      do {
        for (number, pair) in zip(members, fanOut.branches).enumerated() {
          let (session, branch) = (pair.0.session, pair.1)
          threads.append(
            try WorkerThread(name: "store \(number)") {
              let result = Result { try session.store(branch, at: place) }
              branch.stop()
              results.update { $0[number] = result }
            })
        }
      } catch {
        fanOut.end(with: error)
        throw error
      }
      try fanOut.distribute()
    }
    for thread in threads { thread.join() }
    try reading.get()
    return results.update { results in members.indices.compactMap { results[$0] } }
  }

  private func drop(_ member: Member, _ error: any Error) {
    if member.fail(error) { member.session.abandon() }
  }

  /// Adds an item to the archive of every repository that has its stream.
  ///
  /// - Parameter stream: nil for items without content.
  func add(_ stream: Stored?, _ item: (StreamReference?) -> ArchiveItem) {
    for member in active {
      let reference = stream?.references[ObjectIdentifier(member)]
      if stream == nil || reference != nil { member.session.add(item(reference)) }
    }
  }

  /// Commits in every repository that is left.
  ///
  /// - Returns: The archives, each with others of its name that were made at the same time.
  func commit(_ draft: ArchiveDraft) -> [(access: OpenRepository, archive: Archive, twins: [Archive])] {
    active.compactMap { member in
      do {
        return (member.access, try member.session.commit(draft), member.session.twins)
      } catch {
        member.fail(error)
        return nil
      }
    }
  }

  func abandon() {
    for member in active { member.session.abandon() }
  }
}
