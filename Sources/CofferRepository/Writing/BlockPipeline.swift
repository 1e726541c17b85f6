import CofferSystem

/// Takes filled blocks, codes them on worker threads, and gives them in order to the assembler's thread.
///
/// At most `inFlight` blocks exist between `submit` and assembly; `submit` waits when there are more.
/// The first failure of any thread stops everything and is thrown to whoever submits or finishes.
final class BlockPipeline: Sendable {
  private let coders: Stage<PendingBlock>
  /// nil follows the last block.
  private let assembler: Stage<PendingBlock?>
  /// Of full blocks.
  let memory = BlockMemory(size: PendingBlock.size(ofCapacity: BlockFiller.target))

  /// - Parameters:
  ///   - makeCoder: Called once on each worker's thread.
  ///   - assemble: Called on one thread, in the order of submission; the last call gets nil.
  /// - Throws: `SystemError` when a thread cannot be had.
  init(
    workers: Int, inFlight: Int, makeCoder: @escaping @Sendable () throws -> BlockCoder,
    assemble: sending @escaping (PendingBlock?) throws -> Void
  ) throws(SystemError) {
    let assembler = try Stage<PendingBlock?>("assembler", capacity: inFlight, work: assemble)
    self.assembler = assembler
    do throws(SystemError) {
      coders = try Stage(
        "coder", workers: workers, capacity: inFlight,
        // The assembler may be waiting for a block that no worker will code any more.
        drop: { block, reason in block.coded.update { $0 = .failure(reason) } },
        makeWork: {
          let coder = try makeCoder()
          return { block in
            let outcome = Result { try coder.code(block) }
            block.coded.update { $0 = outcome }
          }
        })
    } catch {
      assembler.cancel()
      assembler.join()
      throw error
    }
  }

  /// Hands over a filled block.
  ///
  /// - Throws: The first failure of any thread of the pipeline.
  func submit(_ block: PendingBlock) throws {
    try assembler.give(block)
    do {
      try coders.give(block)
    } catch {
      block.coded.update { $0 = .failure(error) }
      throw error
    }
  }

  /// The first failure of any thread of the pipeline; nil while nothing has failed.
  var failure: (any Error)? { coders.failure ?? assembler.failure }

  /// Waits until everything submitted is assembled.
  ///
  /// - Throws: The first failure of any thread of the pipeline.
  func finish() throws {
    try assembler.give(nil)
    try coders.finish()
    try assembler.finish()
  }

  /// Stops without finishing; what is in flight is dropped.
  func abandon() {
    coders.cancel()
    assembler.cancel()
    coders.join()
    assembler.join()
  }
}
