import CofferSystem

/// Takes filled blocks, codes them on worker threads, and gives them in order to the assembler's thread.
///
/// At most `inFlight` blocks exist between `submit` and assembly; `submit` waits when there are more.
/// The first failure of any thread stops everything and is thrown to whoever submits or finishes.
final class BlockPipeline: Sendable {
  private let jobs: BoundedQueue<PendingBlock>
  private let ordered: BoundedQueue<PendingBlock>
  private let failure: Monitor<(any Error)?>
  private let threads: [WorkerThread]

  /// - Parameters:
  ///   - makeCoder: Called once on each worker's thread.
  ///   - assemble: Called on one thread, in the order of submission; the last call gets nil.
  /// - Throws: `SystemError` when a thread cannot be had.
  init(
    workers: Int, inFlight: Int, makeCoder: @escaping @Sendable () throws -> BlockCoder,
    assemble: @escaping @Sendable (PendingBlock?) throws -> Void
  ) throws {
    let jobs = BoundedQueue<PendingBlock>(capacity: inFlight)
    let ordered = BoundedQueue<PendingBlock>(capacity: inFlight)
    let failure = Monitor<(any Error)?>(nil)
    let stop: @Sendable (any Error) -> Void = { error in
      failure.update { if $0 == nil { $0 = error } }
      Self.drop(jobs, ordered)
    }
    var threads: [WorkerThread] = []
    do {
      for number in 1...max(workers, 1) {
        threads.append(try WorkerThread(name: "coder-\(number)") { Self.runCoder(jobs, makeCoder) })
      }
      threads.append(
        try WorkerThread(name: "assembler") {
          do { try Self.runAssembler(ordered, assemble) } catch { stop(error) }
        })
    } catch {
      Self.drop(jobs, ordered)
      for thread in threads { thread.join() }
      throw error
    }
    self.jobs = jobs
    self.ordered = ordered
    self.failure = failure
    self.threads = threads
  }

  /// Hands over a filled block.
  ///
  /// - Throws: The first failure of any thread of the pipeline.
  func submit(_ block: PendingBlock) throws {
    guard ordered.push(block) else { throw firstFailure() }
    guard jobs.push(block) else {
      block.coded.update { $0 = .failure(RunCancelled()) }
      throw firstFailure()
    }
  }

  /// Waits until everything submitted is assembled.
  ///
  /// - Throws: The first failure of any thread of the pipeline.
  func finish() throws {
    jobs.close()
    ordered.close()
    for thread in threads { thread.join() }
    if let error = failure.update({ $0 }) { throw error }
  }

  /// Stops without finishing; what is in flight is dropped.
  func abandon() {
    failure.update { if $0 == nil { $0 = RunCancelled() } }
    Self.drop(jobs, ordered)
    for thread in threads { thread.join() }
  }

  private func firstFailure() -> any Error {
    failure.update { $0 } ?? RunCancelled()
  }

  /// Empties the queues; the assembler may be waiting for a block that no worker will code any more.
  private static func drop(_ jobs: BoundedQueue<PendingBlock>, _ ordered: BoundedQueue<PendingBlock>) {
    for block in jobs.abandon() { block.coded.update { $0 = .failure(RunCancelled()) } }
    ordered.abandon()
  }

  private static func runCoder(_ jobs: BoundedQueue<PendingBlock>, _ makeCoder: () throws -> BlockCoder) {
    let coder = Result { try makeCoder() }
    while let block = jobs.pop() {
      let outcome = Result { try coder.get().code(block) }
      block.coded.update { $0 = outcome }
    }
  }

  private static func runAssembler(
    _ ordered: BoundedQueue<PendingBlock>, _ assemble: (PendingBlock?) throws -> Void
  ) throws {
    while let block = ordered.pop() { try assemble(block) }
    try assemble(nil)
  }
}
