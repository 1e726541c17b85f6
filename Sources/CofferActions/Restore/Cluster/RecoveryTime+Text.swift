import CofferHooks
import CofferSystem

extension RecoveryTime {
  /// - Parameter text: `2026-01-31 14:31`, with seconds and up to six digits of their fraction where they count; of this machine's
  ///   time zone, or with `Z`, `+01` or `+01:30` behind it.
  init?(_ text: String) {
    var bytes = Array(text.utf8)
    var offset: Int64?
    if let last = bytes.last, last == UInt8(ascii: "Z") || last == UInt8(ascii: "z") {
      bytes.removeLast()
      offset = 0
    } else if let sign = bytes.lastIndex(where: { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-") }),
      sign >= Self.shortest
    {
      guard let east = Self.offset(bytes[(sign + 1)...]) else { return nil }
      offset = bytes[sign] == UInt8(ascii: "-") ? -east : east
      bytes.removeSubrange(sign...)
    }
    while bytes.last == UInt8(ascii: " ") { bytes.removeLast() }
    var fraction: Int64 = 0
    if bytes.count > Self.whole {
      let digits = bytes[(Self.whole + 1)...]
      guard bytes[Self.whole] == UInt8(ascii: "."), let number = Self.number(digits), digits.count <= 6 else {
        return nil
      }
      fraction = number
      for _ in digits.count..<6 { fraction *= 10 }
      bytes.removeSubrange(Self.whole...)
    }
    guard bytes.count >= Self.shortest,
      let moment = Moment(String(decoding: bytes, as: UTF8.self) + (offset == nil ? "" : "Z"))
    else { return nil }
    let seconds = Int64(moment.date.timeIntervalSince1970.rounded(.down)) - (offset ?? 0)
    self.init(microseconds: seconds * 1_000_000 + fraction)
  }

  /// Bytes of a time with minutes, and of one with seconds.
  private static let (shortest, whole) = (16, 19)

  /// Seconds of `01`, `0130` or `01:30`.
  private static func offset(_ bytes: ArraySlice<UInt8>) -> Int64? {
    let digits = bytes.filter { $0 != UInt8(ascii: ":") }
    guard [2, 4].contains(digits.count), let hours = number(digits.prefix(2)), hours < 16 else { return nil }
    guard digits.count == 4 else { return hours * 3600 }
    return number(digits.suffix(2)).flatMap { $0 < 60 ? hours * 3600 + $0 * 60 : nil }
  }

  private static func number(_ digits: some Sequence<UInt8>) -> Int64? {
    let text = String(decoding: Array(digits), as: UTF8.self)
    return text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int64(text) : nil
  }
}
