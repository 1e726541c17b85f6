import CofferSystem

/// A statement that is made of text of our own and of quoted names and texts of others, and of nothing else.
///
/// It is bytes: a name of a database in LATIN1 is no UTF-8.
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
      bytes += Quoting.postgresqlIdentifier(name.bytes)
    }

    mutating func appendInterpolation(identifier name: String) {
      appendInterpolation(identifier: ServerText(name))
    }

    mutating func appendInterpolation(literal text: ServerText) {
      bytes += Quoting.postgresqlLiteral(text.bytes)
    }

    mutating func appendInterpolation(literal text: String) {
      appendInterpolation(literal: ServerText(text))
    }

    mutating func appendInterpolation(_ part: PostgreSQLStatement) {
      bytes += part.bytes
    }

    mutating func appendInterpolation(_ number: some BinaryInteger) {
      bytes += String(number).utf8
    }

    mutating func appendInterpolation(_ truth: Bool) {
      bytes += (truth ? "true" : "false").utf8
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
