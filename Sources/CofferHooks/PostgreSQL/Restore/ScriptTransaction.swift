import CofferSystem

/// The transactions that a script has of its own, as pg_dump puts them around large objects.
enum ScriptTransaction {
  static func isBeginning(_ statement: [UInt8]) -> Bool {
    beginnings.contains(words(statement))
  }

  static func isEnd(_ statement: [UInt8]) -> Bool {
    ends.contains(words(statement))
  }

  private static let beginnings = ["begin;", "begin work;", "begin transaction;", "start transaction;"]
  private static let ends = ["commit", "end", "rollback", "abort"].flatMap {
    ["\($0);", "\($0) work;", "\($0) transaction;"]
  }

  /// The statement without comments before it, if it is a short one.
  private static func words(_ statement: [UInt8]) -> String {
    guard statement.count < 1 << 12 else { return "" }
    let lines = String(decoding: statement, as: UTF8.self).lines().filter { !$0.begins(with: "--") }
    return lines.joined(separator: " ").trimmed.lowercased()
  }
}
