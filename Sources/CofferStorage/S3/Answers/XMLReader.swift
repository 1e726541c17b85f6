import CofferSystem

/// Cuts XML into pieces.
struct XMLReader {
  enum Piece {
    case begin(String)
    /// nil where the element has no content, `<a/>`, and its end has no name.
    case end(String?)
    case text(String)
  }

  private let bytes: [UInt8]
  private var position = 0
  private var endsElement = false

  init(_ bytes: [UInt8]) {
    // A mark of the byte order may stand in front.
    self.bytes = Array(bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...])
  }

  /// - Returns: nil at the end.
  mutating func next() throws(XMLElement.Malformed) -> Piece? {
    if endsElement {
      endsElement = false
      return .end(nil)
    }
    while position < bytes.count {
      guard bytes[position] == UInt8(ascii: "<") else {
        let end = bytes[position...].firstIndex(of: UInt8(ascii: "<")) ?? bytes.count
        defer { position = end }
        return .text(try Self.plain(bytes[position..<end]))
      }
      if has("<!--") {
        _ = try taking(from: 4, to: "-->")
      } else if has("<![CDATA[") {
        return .text(String(decoding: try taking(from: 9, to: "]]>"), as: UTF8.self))
      } else if has("<?") {
        _ = try taking(from: 2, to: "?>")
      } else if has("<!") {
        throw XMLElement.Malformed()
      } else if has("</") {
        return .end(try Self.name(try taking(from: 2, to: ">")))
      } else {
        return try beginning()
      }
    }
    return nil
  }

  /// The tag's end is not the first `>`: the value of an attribute may have one.
  private mutating func beginning() throws(XMLElement.Malformed) -> Piece {
    var quote: UInt8?
    var end = position + 1
    while end < bytes.count {
      let byte = bytes[end]
      if let open = quote {
        if byte == open { quote = nil }
      } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
        quote = byte
      } else if byte == UInt8(ascii: ">") {
        break
      }
      end += 1
    }
    guard end < bytes.count else { throw XMLElement.Malformed() }
    var tag = bytes[(position + 1)..<end]
    position = end + 1
    if tag.last == UInt8(ascii: "/") {
      tag = tag.dropLast()
      endsElement = true
    }
    return .begin(try Self.name(tag.prefix { !$0.isBlank }))
  }

  private func has(_ sign: String) -> Bool { bytes[position...].starts(with: sign.utf8) }

  /// What stands between the sign at the position and the next `end`; goes behind it.
  private mutating func taking(from length: Int, to end: String) throws(XMLElement.Malformed) -> ArraySlice<UInt8> {
    let sign = Array(end.utf8)
    var index = position + length
    while index + sign.count <= bytes.count {
      if bytes[index...].starts(with: sign) {
        defer { position = index + sign.count }
        return bytes[(position + length)..<index]
      }
      index += 1
    }
    throw XMLElement.Malformed()
  }

  /// Without what stands before a colon.
  private static func name(_ bytes: ArraySlice<UInt8>) throws(XMLElement.Malformed) -> String {
    let name = String(decoding: bytes, as: UTF8.self).trimmed
    guard let last = name.parts(by: ":").last, !last.isEmpty, !last.holds("<"), last.words.count == 1 else {
      throw XMLElement.Malformed()
    }
    return last
  }

  /// With the characters that entities stand for.
  private static func plain(_ bytes: ArraySlice<UInt8>) throws(XMLElement.Malformed) -> String {
    let pieces = String(decoding: bytes, as: UTF8.self).parts(by: "&")
    var text = pieces[0]
    for piece in pieces.dropFirst() {
      let halves = piece.parts(by: ";", limit: 2)
      guard halves.count == 2 else { throw XMLElement.Malformed() }
      text += try character(halves[0]) + halves[1]
    }
    return text
  }

  private static func character(_ entity: String) throws(XMLElement.Malformed) -> String {
    switch entity {
    case "amp": return "&"
    case "lt": return "<"
    case "gt": return ">"
    case "quot": return "\""
    case "apos": return "'"
    default:
      guard let number = entity.after(beginning: "#") else { throw XMLElement.Malformed() }
      let code = number.after(beginning: "x").map { UInt32($0, radix: 16) } ?? UInt32(number)
      guard let code, let scalar = Unicode.Scalar(code) else { throw XMLElement.Malformed() }
      return String(scalar)
    }
  }
}
