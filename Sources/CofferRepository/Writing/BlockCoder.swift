import CofferSystem

/// Compresses blocks and makes sure that what came out decompresses to what went in. One a worker thread.
final class BlockCoder {
  private let compressor: BlockCompressor
  private let decompressor: BlockDecompressor
  private let level: Int
  private let isLevelChosen: Bool
  private let isPatient: Bool
  private let bases: BlockReader?
  private let times: Timings?
  private var check: UnsafeMutableRawBufferPointer

  /// - Parameters:
  ///   - isLevelChosen: Whether somebody wants the level for all blocks, whatever they hold.
  ///   - isPatient: Whether all blocks in full are searched thoroughly.
  ///   - bases: Gives the plain bytes that delta blocks lean on; nil for keys that cannot read.
  init(
    level: Int, isLevelChosen: Bool = false, isPatient: Bool = false, bases: BlockReader?, times: Timings? = nil
  ) throws {
    self.isLevelChosen = isLevelChosen
    self.isPatient = isPatient
    self.bases = bases
    self.times = times
    compressor = try BlockCompressor()
    decompressor = try BlockDecompressor()
    self.level = level
    check = .allocate(byteCount: 1 << 20, alignment: 64)
  }

  deinit {
    check.deallocate()
  }

  /// Codes the block into its output.
  func code(_ block: PendingBlock) throws -> PendingBlock.Coded {
    if !block.prefix.isEmpty {
      if let coded = try codeDelta(block) { return coded }
      block.dropPrefix()
    }
    let plain = block.plain
    let length = try compress(block, prefix: nil, search: isPatient || block.isPatient ? .thorough : .quick)
    guard length < plain.count else {
      block.output.copyMemory(from: plain)
      return PendingBlock.Coded(coding: .stored, length: plain.count)
    }
    try verify(block, length: length, prefix: nil)
    return PendingBlock.Coded(coding: .zstd, length: length)
  }

  /// - Returns: nil when the block is better stored in full, or its base cannot be read: a damaged base must not keep
  ///   new data from being stored.
  private func codeDelta(_ block: PendingBlock) throws -> PendingBlock.Coded? {
    guard let bases else { return nil }
    let prefix: [UInt8]
    do {
      prefix = try times.measure(.base) { try bases.prefixBytes(block.prefix) }
    } catch let error as RunCancelled {
      throw error
    } catch {
      bases.tell(error)
      return nil
    }
    return try prefix.withUnsafeBytes { prefix in
      // What only older archives need is many days away from its base.
      var length = block.isNoBase ? Int.max : try compress(block, prefix: prefix)
      if length > block.plain.count / Self.smallDelta {
        length = try compress(block, prefix: prefix, search: .thorough)
      }
      guard length < Self.usefulLength(block) else { return nil }
      try verify(block, length: length, prefix: prefix)
      return PendingBlock.Coded(coding: .delta, length: length)
    }
  }

  /// The length that a delta is to be below, for a full block can be the base of later ones and a delta block cannot. Dumps
  /// compress to about a third by themselves, and two thirds of that are to be saved. Recipes do not compress; storing them in full
  /// again when half of them is new takes the least over the days, or nearly so, whether a fiftieth or a fifth changes on each.
  /// What only older archives need will be no base, so any difference does that is shorter than it would be in full.
  private static func usefulLength(_ block: PendingBlock) -> Int {
    if block.kind == .tree { return block.plain.count / 2 }
    return block.plain.count / (block.isNoBase ? 3 : 10)
  }

  /// A delta beyond this part of the plain bytes holds the edits of many days, or of short rows, where a thorough search takes
  /// a third off; of one below it there is nothing worth the time to be had.
  private static let smallDelta = 200

  private func compress(
    _ block: PendingBlock, prefix: UnsafeRawBufferPointer?, search: MatchSearch = .quick
  ) throws -> Int {
    try times.measure(.compress, bytes: block.plainLength) {
      try compressor.compress(
        block.plain, prefix: prefix, search: search, level: level, content: isLevelChosen ? .any : block.content,
        into: block.output)
    }
  }

  /// Decodes the output again: a fault of memory or of the compressor must not reach the store.
  private func verify(_ block: PendingBlock, length: Int, prefix: UnsafeRawBufferPointer?) throws {
    let plain = block.plain
    if check.count < plain.count {
      check.deallocate()
      check = .allocate(byteCount: plain.count, alignment: 64)
    }
    let restored = UnsafeMutableRawBufferPointer(rebasing: check[..<plain.count])
    let isEqual = try times.measure(.decodeAgain, bytes: plain.count) {
      try decompressor.decompress(
        UnsafeRawBufferPointer(rebasing: block.output[..<length]), prefix: prefix, into: restored)
      return UnsafeRawBufferPointer(restored).isEqual(to: plain)
    }
    guard isEqual else { throw SelfCheckFailed(stage: "compression") }
  }
}

/// What was made for the store did not decode to what went in.
struct SelfCheckFailed: DiagnosableError, Equatable {
  let stage: String

  var diagnosis: Diagnosis {
    Diagnosis(
      subject: "this machine", problem: "Data changed in memory during \(stage); nothing wrong was stored",
      suggestion: "Test the machine's memory (memtest86+), then run the command again")
  }
}
