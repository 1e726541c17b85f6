import CofferSystem

/// Which part of an object an answer has: `bytes 0-9/100` (RFC 9110, 14.4).
struct ContentRange: Equatable {
  let bytes: Range<Int>
  /// Of the whole object; nil when the answer does not say.
  let size: Int?

  init?(_ text: String) {
    guard let rest = text.trimmed.after(beginning: "bytes ") else { return nil }
    let parts = rest.parts(by: "/")
    let ends = parts[0].parts(by: "-")
    guard parts.count == 2, ends.count == 2, let first = Int(ends[0]), let last = Int(ends[1]), first >= 0,
      last >= first, last < Int.max
    else { return nil }
    bytes = first..<(last + 1)
    if parts[1] == "*" {
      size = nil
    } else {
      guard let size = Int(parts[1]), size >= bytes.upperBound else { return nil }
      self.size = size
    }
  }
}
