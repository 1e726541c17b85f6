import CofferSystem

/// Lower-case hexadecimal text.
enum Hexadecimal {
  private static let digits = Array("0123456789abcdef".utf8)

  static func encode(_ bytes: some Sequence<UInt8>) -> String {
    var text: [UInt8] = []
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// As many digits as numbers of the type have, the highest first.
  static func encode(_ number: some FixedWidthInteger & UnsignedInteger) -> String {
    encode(withUnsafeBytes(of: number.bigEndian) { Array($0) })
  }

  /// - Returns: nil unless `text` is an even number of lower-case digits.
  static func decode(_ text: some StringProtocol) -> [UInt8]? {
    let utf8 = Array(text.utf8)
    guard utf8.count.isMultiple(of: 2) else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(utf8.count / 2)
    for position in stride(from: 0, to: utf8.count, by: 2) {
      guard let high = digits.firstIndex(of: utf8[position]),
        let low = digits.firstIndex(of: utf8[position + 1])
      else { return nil }
      bytes.append(UInt8(high << 4 | low))
    }
    return bytes
  }

  /// Whether a text is so many lower-case digits, an even number.
  static func isDigits(_ text: some StringProtocol, _ count: Int) -> Bool {
    text.utf8.count == count && decode(text) != nil
  }
}
