/// Follows the quotes and comments of a script line by line, to tell the lines that begin anew from those that are in the
/// middle of a text, and so may look like anything.
struct ScriptLexer {
  private enum Place: Equatable {
    case code
    /// Up to the same quote; a doubled one ends the text and begins it again.
    case quoted(UInt8)
    /// Up to the same tag, dollar signs included.
    case dollars([UInt8])
    case comment(depth: Int)
  }

  private var place = Place.code

  /// Whether the next line begins in the middle of a text or a comment.
  var isInside: Bool { place != .code }

  mutating func take(_ line: UnsafeRawBufferPointer) {
    var position = 0
    while position < line.count {
      switch place {
      case .code: position = takeCode(line, position)
      case .quoted(let quote):
        if line[position] == quote { place = .code }
        position += 1
      case .dollars(let tag):
        let isEnd = line[position...].starts(with: tag)
        if isEnd { place = .code }
        position += isEnd ? tag.count : 1
      case .comment(let depth):
        if line[position...].starts(with: "*/".utf8) {
          place = depth == 1 ? .code : .comment(depth: depth - 1)
          position += 2
        } else if line[position...].starts(with: "/*".utf8) {
          place = .comment(depth: depth + 1)
          position += 2
        } else {
          position += 1
        }
      }
    }
  }

  /// - Returns: The position after what was taken.
  private mutating func takeCode(_ line: UnsafeRawBufferPointer, _ position: Int) -> Int {
    switch line[position] {
    case UInt8(ascii: "'"), UInt8(ascii: "\""): place = .quoted(line[position])
    case UInt8(ascii: "-") where line[position...].starts(with: "--".utf8): return line.count
    case UInt8(ascii: "/") where line[position...].starts(with: "/*".utf8):
      place = .comment(depth: 1)
      return position + 2
    case UInt8(ascii: "$"):
      if let tag = Self.tag(line, position) {
        place = .dollars(tag)
        return position + tag.count
      }
    default: break
    }
    return position + 1
  }

  /// A dollar sign within a name begins nothing.
  private static func tag(_ line: UnsafeRawBufferPointer, _ start: Int) -> [UInt8]? {
    if start > 0, isNamePart(line[start - 1]) { return nil }
    guard let end = line[(start + 1)...].firstIndex(where: { !isNamePart($0) || $0 == UInt8(ascii: "$") }),
      line[end] == UInt8(ascii: "$")
    else { return nil }
    return Array(line[start...end])
  }

  private static func isNamePart(_ byte: UInt8) -> Bool {
    byte >= 0x80 || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "$")
      || Unicode.Scalar(byte).properties.isAlphabetic || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }
}
