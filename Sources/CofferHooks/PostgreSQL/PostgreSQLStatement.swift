import CofferSystem

/// A statement that is made of text of our own and of quoted names and texts of others, and of nothing else.
///
/// It is bytes: a name of a database in LATIN1 is no UTF-8. Quotes are doubled byte by byte, which is right in every
/// encoding that a server can have: none of them has an ASCII byte within a character.
struct PostgreSQLStatement: ExpressibleByStringInterpolation, Hashable, Sendable {
  private(set) var bytes: [UInt8]

  init(stringLiteral text: String) {
    bytes = Array(text.utf8)
  }

  init(stringInterpolation interpolation: Interpolation) {
    bytes = interpolation.bytes
  }

  /// For an argument or a message; nil when it is no UTF-8.
  var text: String? { String(validating: bytes, as: UTF8.self) }

  /// Whether a session in any database understands it; other bytes mean something in the encoding of one database only.
  var isUTF8: Bool { text != nil }

  static func + (left: PostgreSQLStatement, right: PostgreSQLStatement) -> PostgreSQLStatement {
    var sum = left
    sum.bytes += right.bytes
    return sum
  }

  struct Interpolation: StringInterpolationProtocol {
    fileprivate var bytes: [UInt8] = []

    init(literalCapacity: Int, interpolationCount: Int) {
      bytes.reserveCapacity(literalCapacity + 16 * interpolationCount)
    }

    mutating func appendLiteral(_ text: String) {
      bytes += text.utf8
    }

    mutating func appendInterpolation(identifier name: ServerText) {
      append(name.bytes, in: UInt8(ascii: "\""))
    }

    mutating func appendInterpolation(identifier name: String) {
      appendInterpolation(identifier: ServerText(name))
    }

    mutating func appendInterpolation(literal text: ServerText) {
      let backslash = UInt8(ascii: "\\")
      guard text.bytes.contains(backslash) else { return append(text.bytes, in: UInt8(ascii: "'")) }
      // Read alike whatever standard_conforming_strings is.
      bytes.append(UInt8(ascii: "E"))
      append(text.bytes.flatMap { $0 == backslash ? [$0, $0] : [$0] }, in: UInt8(ascii: "'"))
    }

    mutating func appendInterpolation(literal text: String) {
      appendInterpolation(literal: ServerText(text))
    }

    mutating func appendInterpolation(_ part: PostgreSQLStatement) {
      bytes += part.bytes
    }

    mutating func appendInterpolation(_ number: Int) {
      bytes += String(number).utf8
    }

    private mutating func append(_ text: some Sequence<UInt8>, in quote: UInt8) {
      bytes.append(quote)
      for byte in text {
        switch byte {
        case quote: bytes += [quote, quote]
        // No name holds it, and a statement would end here. As `Quoting` has it, the name is another one then.
        case 0: bytes += "\u{fffd}".utf8
        default: bytes.append(byte)
        }
      }
      bytes.append(quote)
    }
  }
}

extension Sequence<PostgreSQLStatement> {
  func joined(separator: PostgreSQLStatement) -> PostgreSQLStatement {
    var sum: PostgreSQLStatement?
    for part in self { sum = sum.map { $0 + separator + part } ?? part }
    return sum ?? ""
  }
}
