import CofferSystem

/// Codes blocks on several threads, while those behind them are read. For whom a segment is stored, waits.
final class LogBlockLine {
  private struct Job: Sendable {
    let number: Int
    let plain: Copy
  }

  private struct State {
    var coded: [Int: LogBlockCoder.Coded] = [:]
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

  /// - Parameter makeCoder: Is called once on each thread.
  /// - Throws: `SystemError` when no thread can be had.
  init(workers: Int, makeCoder: @escaping @Sendable () throws -> LogBlockCoder) throws {
    stage = try Stage("log", workers: workers, capacity: workers) { [state] in
      let coder = try makeCoder()
      return { job in
        let coded = try coder.code(job.plain.bytes, number: job.number)
        state.update {
          $0.coded[job.number] = coded
          $0.spare.append(job.plain)
        }
      }
    }
  }

  /// Takes a copy of a block; waits while there are too many.
  ///
  /// - Throws: The first failure of coding.
  func give(_ plain: UnsafeRawBufferPointer, number: Int) throws {
    let copy = state.update { $0.spare.popLast() } ?? Copy()
    copy.room.copyMemory(from: plain)
    copy.count = plain.count
    try stage.give(Job(number: number, plain: copy))
  }

  /// Waits until all are coded.
  ///
  /// - Parameter numbers: Of all that were given.
  /// - Throws: The first failure of coding.
  func finish(_ numbers: Range<Int>) throws -> [LogBlockCoder.Coded] {
    try stage.finish()
    return state.update { state in numbers.compactMap { state.coded[$0] } }
  }
}
