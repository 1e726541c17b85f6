import CofferSystem

/// Hashes and compresses blocks on several threads, while those behind them are read. For whom a segment is stored, waits.
final class LogBlockLine {
  private struct Job: Sendable {
    let number: Int
    let plain: Copy
  }

  private struct State {
    var compressed: [Int: CompressedLogPart.Block] = [:]
    var spare: [Copy] = []
  }

  /// A block's bytes. Sound because it is changed only by who has taken it from the spare ones, and read by who gets it from there.
  private final class Copy: @unchecked Sendable {
    let room = UnsafeMutableRawBufferPointer.allocate(byteCount: LogDirectory.blockSize, alignment: 16)
    var count = 0

    deinit { room.deallocate() }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: room[..<count]) }
  }

  private let state = Monitor(State())
  private let stage: Stage<Job>

  /// - Parameter makeCompressor: Is called once on each thread.
  /// - Throws: `SystemError` when no thread can be had.
  init(workers: Int, makeCompressor: @escaping @Sendable () throws -> LogBlockCompressor) throws {
    stage = try Stage("log", workers: workers, capacity: workers) { [state] in
      let compressor = try makeCompressor()
      return { job in
        let compressed = try compressor.compress(job.plain.bytes)
        state.update {
          $0.compressed[job.number] = compressed
          $0.spare.append(job.plain)
        }
      }
    }
  }

  /// Takes a copy of a block; waits while there are too many.
  ///
  /// - Throws: The first failure of compressing.
  func give(_ plain: UnsafeRawBufferPointer, number: Int) throws {
    let copy = state.update { $0.spare.popLast() } ?? Copy()
    copy.room.copyMemory(from: plain)
    copy.count = plain.count
    try stage.give(Job(number: number, plain: copy))
  }

  /// Waits until all are compressed.
  ///
  /// - Parameter count: How many were given, numbered from 0.
  /// - Throws: The first failure of compressing.
  func finish(_ count: Int) throws -> [CompressedLogPart.Block] {
    try stage.finish()
    return state.update { state in (0..<count).compactMap { state.compressed[$0] } }
  }
}
