import CofferSystem

/// A script for the client that only holds statements the server takes one by one.
///
/// A client looks for the ends of statements by itself, and not quite as the server does; and the server runs several
/// statements that come as one. Text from a dump or a catalogue is sealed against both.
struct SealedScript: Sendable {
  /// How a statement is kept from being read as several.
  enum Seal: Sendable, Equatable {
    /// As a number of hexadecimal digits, which the server prepares: no more than one statement can be in it.
    case immediate
    /// Between delimiters that it does not hold; for servers that cannot prepare every statement. What clients could read
    /// otherwise than servers is refused, and what could be more than one statement.
    case delimited

    /// - Parameter version: As the server tells it. MariaDB prepares every statement from 10.6.2 on.
    init(version: String) {
      self = MariaDBVersion(version).isMariaDB(from: [10, 6, 2]) ? .immediate : .delimited
    }
  }

  /// A statement that clients could read otherwise than the server.
  struct Ambiguous: Error, Equatable {
    let statement: String
  }

  let seal: Seal
  private(set) var bytes: [UInt8] = []
  /// The statement of each of the script's lines, as far as there is one.
  private(set) var lines: [MariaDBStatement?] = []

  private static let digits = Array("0123456789abcdef".utf8)

  init(_ seal: Seal) {
    self.seal = seal
  }

  /// Adds statements made of nothing but what `Quoting` has made safe; they end in `;` and a line break.
  mutating func append(own statements: String) {
    append(line: Array(statements.utf8), of: nil)
  }

  /// - Throws: `Ambiguous`.
  mutating func append(_ statement: MariaDBStatement) throws(Ambiguous) {
    append(line: try Self.sealed(statement, seal), of: statement)
  }

  mutating func append(_ other: SealedScript) {
    bytes += other.bytes
    lines += other.lines
  }

  private mutating func append(line: [UInt8], of statement: MariaDBStatement?) {
    bytes += line
    lines += [MariaDBStatement?](repeating: statement, count: line.count { $0 == UInt8(ascii: "\n") })
  }

  /// The statement as a part of a script.
  ///
  /// - Throws: `Ambiguous`.
  static func sealed(_ statement: MariaDBStatement, _ seal: Seal) throws(Ambiguous) -> [UInt8] {
    switch seal {
    case .immediate:
      var result = Array("EXECUTE IMMEDIATE X'".utf8)
      result.reserveCapacity(statement.text.count * 2 + 24)
      for byte in statement.text {
        result.append(digits[Int(byte >> 4)])
        result.append(digits[Int(byte & 15)])
      }
      return result + Array("';\n".utf8)
    case .delimited:
      // Clients take no more than 15 bytes of a delimiter, and what is left of a longer one for a statement.
      let mark = "coffer_\(MariaDBScratch.mark().prefix(8))"
      let lexemes = statement.lexemes
      guard !lexemes.isAmbiguous, !lexemes.isOpen, !lexemes.holdsZero, lexemes.beginsTheSame, isOne(statement),
        !String(decoding: statement.text, as: UTF8.self).holds(mark)
      else { throw Ambiguous(statement: statement.head) }
      return Array("DELIMITER \(mark)\n".utf8) + statement.text + Array("\n\(mark)\nDELIMITER ;\n".utf8)
    }
  }

  /// The client lets the server run several statements that come as one, and the server does.
  private static func isOne(_ statement: MariaDBStatement) -> Bool {
    switch statement.kind {
    case .trigger, .routine, .event: RoutineBody.isOne(statement)
    default: !statement.lexemes.all.contains { $0.isSign(";") }
    }
  }
}

extension MariaDBStatement {
  /// Its beginning, for messages.
  var head: String {
    let text = String(decoding: text.prefix(120), as: UTF8.self)
    return text.lines().joined(separator: " ")
  }
}
