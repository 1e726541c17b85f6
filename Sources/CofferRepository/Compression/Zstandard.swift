import CZstd
import CofferSystem

/// zstd refused, which for compressed bytes that authenticated means a fault of this machine or a hostile writer.
struct CompressionError: DiagnosableError, Equatable {
  let reason: String

  init(code: Int) {
    reason = String(cString: ZSTD_getErrorName(code))
  }

  var diagnosis: Diagnosis {
    Diagnosis(subject: "zstd", problem: "A block does not pass: \(reason)")
  }
}

/// How thoroughly a block is compared with its prefix, or with itself.
package enum MatchSearch: Sendable {
  /// Takes the first match: enough where little has changed.
  case quick
  /// Looks at several candidates for each match, and takes several times as long.
  case thorough
}

/// What blocks hold, as far as whoever stores it knows.
public enum BlockContent: Sendable {
  /// Text, as a rule: dumps, files.
  case any
  /// Pages of a database server, or its log: short rows with numbers in them.
  case pages
}

/// Compresses blocks with a context that is kept. One a thread.
package final class BlockCompressor {
  private let context: OpaquePointer

  package init() throws {
    guard let context = ZSTD_createCCtx() else { throw SystemError(call: "ZSTD_createCCtx", subject: "memory") }
    self.context = context
  }

  deinit {
    ZSTD_freeCCtx(context)
  }

  /// The highest level that compaction chooses by itself.
  static let rewriteLevel = 11

  /// Bytes that `count` plain bytes take at most.
  package static func bound(_ count: Int) -> Int { ZSTD_compressBound(count) }

  /// Compresses a block.
  ///
  /// - Parameters:
  ///   - prefix: Bytes that the block may refer back to; the decompressor needs the same.
  ///   - search: How matches are looked for; without a prefix it means something at levels 3 and `rewriteLevel` only, and for pages
  ///     at level 3 nothing.
  ///   - level: zstd's; with a prefix it means nothing.
  ///   - content: What it holds; beside a prefix, and at other levels than 3, it means nothing.
  ///   - output: Room for `bound(plain.count)` bytes.
  /// - Returns: The number of bytes written.
  package func compress(
    _ plain: UnsafeRawBufferPointer, prefix: UnsafeRawBufferPointer?, search: MatchSearch = .quick, level: Int,
    content: BlockContent = .any, into output: UnsafeMutableRawBufferPointer
  ) throws -> Int {
    try check(ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters))
    if prefix != nil {
      try setDeltaParameters(search)
    } else {
      try set(ZSTD_c_compressionLevel, level)
      switch (level, content, search) {
      case (3, .any, .quick): try setStandardParameters()
      case (3, .any, .thorough), (Self.rewriteLevel, _, .thorough): try setTreeParameters()
      case (3, .pages, _): try setPageParameters()
      default: break
      }
    }
    if let prefix { try check(ZSTD_CCtx_refPrefix(context, prefix.baseAddress, prefix.count)) }
    return try check(
      ZSTD_compress2(context, output.baseAddress, output.count, plain.baseAddress, plain.count))
  }

  /// Left alone, zstd takes another row of its table of parameters for sources of 256 KiB and less, which costs up to
  /// 6 % on dumps. These are of its row for larger sources at level 3, with tables of a quarter and half of that size,
  /// which stay in the processor's caches: a quarter faster for 0.4 % more bytes.
  private func setStandardParameters() throws {
    try set(ZSTD_c_strategy, Int(ZSTD_dfast.rawValue))
    try set(ZSTD_c_windowLog, 20)
    try set(ZSTD_c_hashLog, 16)
    try set(ZSTD_c_chainLog, 14)
    try set(ZSTD_c_minMatch, 6)
  }

  /// Matches of five bytes and more, in one table that stays in the processor's first cache. Where rows are some numbers, as in
  /// indexes, that takes a sixth to two fifths off the bytes, and adds 2 to 4 % to those of tables with much text; the time is a third to
  /// a half less for both, and a third for the log.
  private func setPageParameters() throws {
    try set(ZSTD_c_strategy, Int(ZSTD_fast.rawValue))
    try set(ZSTD_c_windowLog, 20)
    try set(ZSTD_c_hashLog, 14)
    try set(ZSTD_c_minMatch, 5)
  }

  /// The window holds prefix and block. What many edits left alone is in short pieces, in another order: a search that
  /// looks at many candidates takes a third off blocks with the edits of a month. Where little has changed, it finds what one
  /// small table finds, or nearly so, and takes four times as long.
  private func setDeltaParameters(_ search: MatchSearch) throws {
    try set(ZSTD_c_windowLog, 23)
    switch search {
    case .quick:
      try set(ZSTD_c_hashLog, 17)
      try set(ZSTD_c_strategy, Int(ZSTD_fast.rawValue))
      try set(ZSTD_c_minMatch, 7)
    case .thorough: try setThoroughParameters()
    }
  }

  /// Sixty-four candidates for matches of six bytes and more.
  private func setThoroughParameters() throws {
    try set(ZSTD_c_strategy, Int(ZSTD_lazy2.rawValue))
    try set(ZSTD_c_hashLog, 17)
    try set(ZSTD_c_chainLog, 17)
    try set(ZSTD_c_searchLog, 6)
    try set(ZSTD_c_minMatch, 6)
  }

  /// Matches of six bytes and more, found by trees. Rows in full take an eighth less than by the usual parameters, in eight times the time,
  /// and a twentieth less than at zstd's level 11, in one and a half times the time; they decompress a sixth faster than either, since
  /// the matches are fewer. Of pages it makes what level 11 does, between 6 % less and 7 % more.
  private func setTreeParameters() throws {
    try set(ZSTD_c_strategy, Int(ZSTD_btlazy2.rawValue))
    try set(ZSTD_c_windowLog, 20)
    try set(ZSTD_c_hashLog, 17)
    try set(ZSTD_c_chainLog, 18)
    try set(ZSTD_c_searchLog, 5)
    try set(ZSTD_c_minMatch, 6)
  }

  private func set(_ parameter: ZSTD_cParameter, _ value: Int) throws {
    try check(ZSTD_CCtx_setParameter(context, parameter, Int32(value)))
  }
}

/// Decompresses blocks with a context that is kept. One a thread.
final class BlockDecompressor {
  private let context: OpaquePointer

  /// Windows beyond this are refused before memory is allocated for them.
  private static let windowLogLimit = 25

  init() throws {
    guard let context = ZSTD_createDCtx() else { throw SystemError(call: "ZSTD_createDCtx", subject: "memory") }
    self.context = context
    try check(ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, Int32(Self.windowLogLimit)))
  }

  deinit {
    ZSTD_freeDCtx(context)
  }

  /// Decompresses a block that must fill `output` exactly.
  ///
  /// - Throws: `CompressionError`.
  func decompress(
    _ coded: UnsafeRawBufferPointer, prefix: UnsafeRawBufferPointer?,
    into output: UnsafeMutableRawBufferPointer
  ) throws {
    try check(ZSTD_DCtx_reset(context, ZSTD_reset_session_only))
    if let prefix { try check(ZSTD_DCtx_refPrefix(context, prefix.baseAddress, prefix.count)) }
    let count = try check(
      ZSTD_decompressDCtx(context, output.baseAddress, output.count, coded.baseAddress, coded.count))
    guard count == output.count else { throw CompressionError(reason: "another length than recorded") }
  }
}

extension CompressionError {
  fileprivate init(reason: String) {
    self.reason = reason
  }
}

@discardableResult
private func check(_ result: Int) throws -> Int {
  guard ZSTD_isError(result) == 0 else { throw CompressionError(code: result) }
  return result
}
