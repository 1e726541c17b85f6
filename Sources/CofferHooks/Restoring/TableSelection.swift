import CofferSystem

/// Which tables of a database are restored, and as what.
public struct TableSelection: Sendable {
  /// Names or patterns, with or without a schema.
  public var names: [String]
  /// What the one chosen table is to be called; nil for its own name.
  public var newName: String?
  /// Whether tables that are there are replaced.
  public var replaces: Bool

  public init(names: [String], newName: String? = nil, replaces: Bool = false) {
    self.names = names
    self.newName = newName
    self.replaces = replaces
  }
}

/// The bytes of a dump in an archive, of which any part can be read.
public protocol StoredDump: AnyObject {
  var size: UInt64 { get }

  /// - Parameter range: Within the size.
  func read(_ range: Range<UInt64>) throws -> [UInt8]
}
