import CofferSystem

/// The name of an object: one to three parts of lower-case letters, digits, `-`, `_` and `.`, joined by `/`.
///
/// A part never begins with a dot, so no name can leave the repository or collide with a temporary file.
public struct ObjectName: Hashable, Sendable, Comparable, CustomStringConvertible {
  public let path: String

  /// How many parts a name may have.
  public static let partLimit = 3

  /// - Returns: nil unless `path` is well formed.
  public init?(_ path: String) {
    let parts = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard (1...Self.partLimit).contains(parts.count), parts.allSatisfy(Self.isPart) else { return nil }
    self.path = path
  }

  /// - Precondition: `literal` is well formed; for names written in the source.
  public init(wellFormed literal: StaticString) {
    guard let name = Self("\(literal)") else { preconditionFailure("malformed object name \(literal)") }
    self = name
  }

  private static func isPart(_ part: Substring.UTF8View) -> Bool {
    guard let first = part.first, first != UInt8(ascii: "."), part.count <= 128 else { return false }
    return part.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
      case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."): true
      default: false
      }
    }
  }

  /// The parts that slashes part.
  public var parts: [String] {
    path.utf8.split(separator: UInt8(ascii: "/")).map { String(decoding: $0, as: UTF8.self) }
  }

  /// The last part.
  public var lastPart: String { parts.last ?? path }

  public var description: String { path }

  public static func < (left: ObjectName, right: ObjectName) -> Bool { left.path < right.path }
}
