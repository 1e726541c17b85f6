// In every file that imports CofferSystem, these stand before the standard library's: there, texts are equal when Unicode
// calls them equivalent, and a database `é` in one scalar is the database `é` in two, a Greek question mark is a
// semicolon, and an oxia alone a backtick. Sets, dictionaries, and the `==` that the compiler writes for a type still hold it so:
// names in them are `ExactName`s.

extension String {
  /// Whether both hold the same bytes.
  public static func == (left: String, right: String) -> Bool { left.isSame(as: right) }
  public static func != (left: String, right: String) -> Bool { !left.isSame(as: right) }
  /// What `switch` and `case` compare by.
  public static func ~= (pattern: String, text: String) -> Bool { pattern.isSame(as: text) }
}

extension Substring {
  /// Whether both hold the same bytes.
  public static func == (left: Substring, right: Substring) -> Bool { left.isSame(as: right) }
  public static func != (left: Substring, right: Substring) -> Bool { !left.isSame(as: right) }
}

extension StringProtocol {
  /// Whether both hold the same bytes.
  public static func == (left: Self, right: some StringProtocol) -> Bool { left.isSame(as: right) }
  public static func != (left: Self, right: some StringProtocol) -> Bool { !left.isSame(as: right) }
}

extension Optional where Wrapped == String {
  /// Whether both hold the same bytes, or nothing.
  public static func == (left: String?, right: String?) -> Bool {
    switch (left, right) {
    case (let left?, let right?): left.isSame(as: right)
    case (nil, nil): true
    default: false
    }
  }
  public static func != (left: String?, right: String?) -> Bool { !(left == right) }
  /// What `switch` and `case` compare by.
  public static func ~= (pattern: String?, text: String?) -> Bool { pattern == text }
}

extension Array where Element == String {
  /// Whether both hold the same texts in the same order, by their bytes.
  public static func == (left: [String], right: [String]) -> Bool {
    left.elementsEqual(right) { $0.isSame(as: $1) }
  }
  public static func != (left: [String], right: [String]) -> Bool { !(left == right) }
}

extension Sequence where Element == String {
  /// Whether one of the texts has these bytes.
  public func contains(_ text: String) -> Bool { contains { $0.isSame(as: text) } }
}

extension Collection where Element == String {
  /// Where the first text with these bytes is.
  public func firstIndex(of text: String) -> Index? { firstIndex { $0.isSame(as: text) } }
}
