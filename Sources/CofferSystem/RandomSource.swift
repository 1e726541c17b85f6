/// Where random bytes come from, passed in so that tests can be exact.
public struct RandomSource: Sendable {
  private let fill: @Sendable (UnsafeMutableRawBufferPointer) throws -> Void

  public init(fill: @escaping @Sendable (UnsafeMutableRawBufferPointer) throws -> Void) {
    self.fill = fill
  }

  /// - Throws: What the source throws when it has no randomness to give.
  public func bytes(_ count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    try bytes.withUnsafeMutableBytes { try fill($0) }
    return bytes
  }
}
