import CofferRepository
import CofferSystem
import Foundation

/// What it costs to mark all chunks of an index of many, as a compaction does: in the order in which they are stored, as most
/// streams have them, and in no order at all.
struct MarkingScale {
  private(set) var figures: [IndexScale.Figure] = []
  private let clock = Clock.system

  /// Makes a repository that says it has so many chunks, measures, and removes it.
  ///
  /// - Parameter folder: Where there is room; what is made below it is removed.
  init(chunkCount: Int, folder: String) throws {
    let place = "\(folder)/scale-\(UInt64.random(in: 0 ... .max))"
    defer { try? FileManager.default.removeItem(atPath: place) }
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    let synthetic = try SyntheticIndex(chunkCount: chunkCount, folder: place)
    let count = synthetic.chunkCount
    figures.append(.init(what: "chunks", value: Double(count)))
    try measure("in the order of storing", synthetic) { $0 }
    // A prime beyond any such index, whose multiples are all numbers, each far from the one before.
    try measure("in no order", synthetic) { $0 * 1_000_000_007 % count }
  }

  private mutating func measure(_ order: String, _ synthetic: SyntheticIndex, _ number: (Int) -> Int) throws {
    guard let run = try IndexLoader(context: synthetic.repository.context).cache.entries().first?.run else {
      throw SystemError(call: "read", subject: "synthetic.index", code: EILSEQ)
    }
    let memory = try AnonymousMemory()
    let (start, processor) = (clock.steadySeconds(), Self.processorSeconds())
    let marks = LiveMarks([run])
    for chunk in 0..<synthetic.chunkCount { try marks.need(SyntheticIndex.id(number(chunk))) }
    try marks.settle()
    figures.append(.init(what: "\(order), seconds", value: clock.steadySeconds() - start))
    figures.append(.init(what: "\(order), processor seconds", value: Self.processorSeconds() - processor))
    figures.append(.init(what: "\(order), most memory that no file stands behind, bytes", value: Double(memory.most())))
    figures.append(.init(what: "\(order), marked", value: Double(marks.count)))
  }

  private static func processorSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
