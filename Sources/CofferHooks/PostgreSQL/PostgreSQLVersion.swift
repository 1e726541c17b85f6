import Foundation

/// Versions as PostgreSQL's programs and servers name themselves.
enum PostgreSQLVersion {
  /// Returns the major version in a program's answer, such as `pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`; nil
  /// for the answer of something else.
  static func major(ofProgram text: String) -> Int? {
    guard let found = text.range(of: "(PostgreSQL) ") else { return nil }
    return major(text[found.upperBound...])
  }

  /// Returns the whole number that a version begins with.
  static func major(_ text: Substring) -> Int? {
    Int(text.prefix { $0.isNumber })
  }
}
