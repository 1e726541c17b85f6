import CofferSystem

/// A text as a server holds it: bytes, in whatever encoding its database has. Only these are the same in every session.
public struct ServerText: Hashable, Sendable {
  public let bytes: [UInt8]

  public init(_ bytes: [UInt8]) {
    self.bytes = bytes
  }

  public init(_ text: String) {
    bytes = Array(text.utf8)
  }

  /// - Parameter hex: Two digits for each byte.
  init?(hex: some Collection<UInt8>) {
    guard hex.count.isMultiple(of: 2) else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(hex.count / 2)
    var high: UInt8?
    for digit in hex {
      guard let value = digit.hexadecimalValue else { return nil }
      if let first = high {
        bytes.append(first << 4 | value)
        high = nil
      } else {
        high = value
      }
    }
    self.bytes = bytes
  }

  /// nil when the bytes are no UTF-8.
  public var text: String? { String(validating: bytes, as: UTF8.self) }

  /// For messages.
  public var shown: String { String(decoding: bytes, as: UTF8.self) }

  var hex: String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
}

/// Archives have them as texts where they are UTF-8, as an object with their bytes where not.
extension ServerText: Codable {
  private enum Key: CodingKey {
    case hex
  }

  public init(from decoder: any Decoder) throws {
    if let text = try? decoder.singleValueContainer().decode(String.self) {
      self.init(text)
      return
    }
    let container = try decoder.container(keyedBy: Key.self)
    guard let text = ServerText(hex: try container.decode(String.self, forKey: .hex).utf8) else {
      throw DecodingError.dataCorruptedError(forKey: .hex, in: container, debugDescription: "no hexadecimal digits")
    }
    self = text
  }

  public func encode(to encoder: any Encoder) throws {
    if let text {
      var container = encoder.singleValueContainer()
      try container.encode(text)
    } else {
      var container = encoder.container(keyedBy: Key.self)
      try container.encode(hex, forKey: .hex)
    }
  }
}
