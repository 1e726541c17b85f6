import CofferRepository
import CofferStorage
import CofferSystem
import Glibc

/// Answers the kernel's questions about mounted archives until they are mounted no more.
///
/// One thread takes the questions, several answer them: all about one file the same, which so finds in its memory what the last
/// question needed. Nothing is known of a question but what stands in it, so nothing has to be remembered for the kernel.
final class MountServer {
  private let connection: FuseConnection
  private let lanes: [Stage<FuseRequest>]
  private let cancellation: Cancellation

  private static let laneCount = 3
  /// Questions that may wait on one thread: more than the kernel asks at a time.
  private static let waitingLimit = 1 << 12

  /// - Parameters:
  ///   - isWhole: Whether every archive is a folder in the mount; else the only one is the mount itself.
  ///   - makeReader: Makes a reader for each thread, on that thread.
  /// - Throws: `SystemError` when the threads cannot be had.
  init(
    _ connection: FuseConnection, _ archives: MountedArchives, isWhole: Bool, _ troubles: MountTroubles,
    cancellation: Cancellation, makeReader: @escaping @Sendable () throws -> ArchiveReader
  ) throws(SystemError) {
    self.connection = connection
    self.cancellation = cancellation
    var lanes: [Stage<FuseRequest>] = []
    for number in 1...Self.laneCount {
      lanes.append(
        try Stage(
          "mount-\(number)", workers: 1, capacity: Self.waitingLimit,
          drop: { request, _ in connection.answer(request, .failure(EIO)) },
          makeWork: {
            let worker = MountWorker(archives, isWhole: isWhole, cancellation: cancellation, makeReader: makeReader)
            return { request in
              do {
                connection.answer(request, try worker.answer(to: request))
              } catch {
                troubles.tell(error)
                connection.answer(request, .failure(error is RunCancelled ? EINTR : EIO))
              }
            }
          }))
    }
    self.lanes = lanes
  }

  /// Serves until the mount is taken away.
  ///
  /// - Throws: `RunCancelled`; `SystemError`.
  func run() throws {
    defer {
      for lane in lanes { lane.cancel() }
      for lane in lanes { lane.join() }
    }
    try connection.serve(cancellation: cancellation) { request in
      switch request.operation {
      case .note: break
      case .begin, .close: connection.answer(request, .done)
      case .fileSystem: connection.answer(request, .fileSystem)
      case .change: connection.answer(request, .failure(EROFS))
      case .other: connection.answer(request, .failure(ENOSYS))
      default: try lanes[Int(request.node % UInt64(lanes.count))].give(request)
      }
    }
  }
}

/// Tells of what could not be read, each thing once: programs ask again and again.
final class MountTroubles: Sendable {
  private let told = Monitor<Set<ExactName>>([])
  private let console: Console
  private let log: SystemLog?

  /// What is remembered at most.
  private static let limit = 10_000

  /// - Parameter log: Told as well.
  init(_ console: Console, log: SystemLog? = nil) {
    self.console = console
    self.log = log
  }

  func tell(_ error: any Error) {
    guard !(error is RunCancelled) else { return }
    let diagnosis = Diagnosis(of: error)
    let isNew = told.update { told in
      if told.count >= Self.limit { told.removeAll() }
      return told.insert(ExactName(Console.text(diagnosis))).inserted
    }
    guard isNew else { return }
    console.error(diagnosis)
    log?.take("error: " + Console.text(diagnosis), level: -1)
  }
}
