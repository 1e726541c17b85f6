import CofferRepository
import CofferSystem

/// A path in an archive, in the forms that patterns look at.
struct PathText {
  let bytes: [UInt8]
  /// With a slash at the end: so a pattern for a folder matches what is below it, but no name that only begins alike.
  let bytesAndSlash: [UInt8]
  /// The same as Unicode scalars; a byte that is no UTF-8 counts as one character, which only wildcards match.
  let charactersAndSlash: [UInt32]

  /// Where bytes that are no UTF-8 go: among the surrogates, which no text holds.
  private static let strayBytes: UInt32 = 0xDC00

  init(_ path: ItemPath) {
    bytes = path.bytes
    bytesAndSlash = bytes + [UInt8(ascii: "/")]
    charactersAndSlash = Self.characters(bytesAndSlash)
  }

  /// As text; for regular expressions.
  var text: String { String(decoding: bytes, as: UTF8.self) }

  private static func characters(_ bytes: [UInt8]) -> [UInt32] {
    if bytes.allSatisfy({ $0 < 0x80 }) { return bytes.map(UInt32.init) }
    var characters: [UInt32] = []
    var rest = bytes[...]
    while let first = rest.first {
      let length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
      if let scalar = String(validating: rest.prefix(length), as: UTF8.self)?.unicodeScalars.first {
        characters.append(scalar.value)
        rest = rest.dropFirst(length)
      } else {
        characters.append(strayBytes + UInt32(first))
        rest = rest.dropFirst()
      }
    }
    return characters
  }

  /// A path without empty parts and `.`, and with `..` taken back as far as it goes; a leading slash is left out.
  static func normalized(_ path: String) -> String {
    let isAbsolute = path.begins(with: "/")
    var parts: [String] = []
    for part in path.parts(by: "/", keepingEmpty: false) where part != "." {
      if part != ".." {
        parts.append(part)
      } else if let last = parts.last, last != ".." {
        parts.removeLast()
      } else if !isAbsolute {
        parts.append(part)
      }
    }
    return parts.isEmpty && !isAbsolute ? "." : parts.joined(separator: "/")
  }
}
