import CofferSystem

/// What the name of a file in a database's folder says
/// (https://www.postgresql.org/docs/current/storage-file-layout.html): relations have numbers, forks, and files of so many pages each.
struct RelationFileName: Equatable {
  enum Fork: String, CaseIterable {
    case main = ""
    case freeSpace = "_fsm"
    case visibility = "_vm"
    /// What an unlogged relation becomes after a crash.
    case initial = "_init"
  }

  let number: UInt32
  let fork: Fork
  /// Which of the fork's files.
  let part: UInt32

  /// - Returns: nil for what is no file of a relation, or of one that belongs to a session.
  init?(_ name: EntryName) {
    var rest = name.bytes[...]
    guard let number = Self.number(&rest) else { return nil }
    self.number = number
    fork = Self.fork(&rest)
    guard let part = Self.part(&rest), rest.isEmpty else { return nil }
    self.part = part
  }

  /// Whether a file is of a temporary relation: the number of its session stands before its own, `t3_16384`.
  static func isTemporary(_ name: EntryName) -> Bool {
    var rest = name.bytes[...]
    guard rest.popFirst() == UInt8(ascii: "t"), number(&rest) != nil, rest.popFirst() == UInt8(ascii: "_"),
      number(&rest) != nil
    else { return false }
    _ = fork(&rest)
    return part(&rest) != nil && rest.isEmpty
  }

  private static func fork(_ rest: inout ArraySlice<UInt8>) -> Fork {
    let found = Fork.allCases.first { $0 != .main && rest.starts(with: $0.rawValue.utf8) } ?? .main
    rest = rest.dropFirst(found.rawValue.utf8.count)
    return found
  }

  /// - Returns: 0 where there is none.
  private static func part(_ rest: inout ArraySlice<UInt8>) -> UInt32? {
    guard rest.first == UInt8(ascii: ".") else { return 0 }
    rest = rest.dropFirst()
    return number(&rest)
  }

  private static func number(_ rest: inout ArraySlice<UInt8>) -> UInt32? {
    let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    rest = rest[digits.endIndex...]
    return UInt32(String(decoding: digits, as: UTF8.self))
  }
}
