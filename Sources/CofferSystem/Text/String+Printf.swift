import Glibc

extension String {
  /// Numbers as printf(3) writes them, whatever the locale.
  ///
  /// - Parameter format: For numbers only, and a literal of ours: what it says of the values is not checked.
  public init(printf format: StaticString, _ numbers: any CVarArg...) {
    let format = "\(format)"
    let length = withVaList(numbers) { vsnprintf(nil, 0, format, $0) }
    var bytes = [CChar](repeating: 0, count: Int(Swift.max(length, 0)) + 1)
    _ = withVaList(numbers) { vsnprintf(&bytes, bytes.count, format, $0) }
    self = Swift.String(decoding: bytes.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
