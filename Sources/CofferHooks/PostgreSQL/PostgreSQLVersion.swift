import CofferSystem

/// Versions as PostgreSQL's programs and servers name themselves.
enum PostgreSQLVersion {
  private static let sign = "(PostgreSQL) "

  /// Returns the major version in a program's answer, such as `pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`; nil
  /// for the answer of something else.
  static func major(ofProgram text: String) -> Int? {
    let parts = text.parts(by: sign, limit: 2)
    return parts.count == 2 ? major(parts[1][...]) : nil
  }

  /// Returns the whole number that a version begins with.
  static func major(_ text: Substring) -> Int? {
    Int(String(decoding: text.utf8.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }, as: UTF8.self))
  }

  /// The first releases whose psql knows `\restrict` (CVE-2025-8714), by their major versions.
  private static let firstRestricting = [13: 22, 14: 19, 15: 14, 16: 10, 17: 6]

  /// Whether a psql knows `\restrict`.
  ///
  /// - Parameter text: Its answer to `--version`.
  /// - Returns: nil when it does not tell its version.
  static func psqlRestricts(_ text: String) -> Bool? {
    let parts = text.parts(by: sign, limit: 2)
    guard parts.count == 2, let major = major(parts[1][...]) else { return nil }
    guard major < 18 else { return true }
    guard let first = firstRestricting[major] else { return false }
    let numbers = parts[1].parts(by: ".", limit: 2)
    guard numbers.count == 2, let minor = Self.major(numbers[1][...]) else { return false }
    return minor >= first
  }
}
