import CofferSystem

/// Compresses blocks and makes sure that what came out decompresses to what went in. One a worker thread.
final class BlockCoder {
  private let compressor: BlockCompressor
  private let decompressor: BlockDecompressor
  private let level: Int
  private var check: UnsafeMutableRawBufferPointer

  init(level: Int) throws {
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
    let plain = block.plain
    let isDelta = !block.prefix.isEmpty
    let length = try block.prefixBytes.withUnsafeBytes { prefix in
      try compressor.compress(plain, prefix: isDelta ? prefix : nil, level: level, into: block.output)
    }
    guard length < plain.count || isDelta else {
      block.output.copyMemory(from: plain)
      return PendingBlock.Coded(coding: .stored, length: plain.count)
    }
    try verify(block, length: length)
    return PendingBlock.Coded(coding: isDelta ? .delta : .zstd, length: length)
  }

  /// Decodes the output again: a fault of memory or of the compressor must not reach the store.
  private func verify(_ block: PendingBlock, length: Int) throws {
    let plain = block.plain
    if check.count < plain.count {
      check.deallocate()
      check = .allocate(byteCount: plain.count, alignment: 64)
    }
    let restored = UnsafeMutableRawBufferPointer(rebasing: check[..<plain.count])
    try block.prefixBytes.withUnsafeBytes { prefix in
      try decompressor.decompress(
        UnsafeRawBufferPointer(rebasing: block.output[..<length]),
        prefix: block.prefix.isEmpty ? nil : prefix, into: restored)
    }
    guard UnsafeRawBufferPointer(restored).isEqual(to: plain) else { throw SelfCheckFailed(stage: "compression") }
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
