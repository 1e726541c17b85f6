import CofferSystem

/// What the databases and the sessions of one restore are known by, so that nothing is ever removed or ended that a
/// restore has not made itself.
///
/// A name alone proves nothing. A database is known to be a restore's by its name and the comment that goes with it, both
/// of which only its owner can have given it; a restore is known to be on its way by a lock that a session of it holds.
struct RestoreToken: Sendable, Equatable {
  /// Sixteen hexadecimal digits.
  let text: String

  private static let newPrefix = "coffer_new_"
  private static let oldPrefix = "coffer_old_"
  private static let digits = 16

  init() {
    var text = String(UInt64.random(in: 0 ... .max), radix: 16)
    text = String(repeating: "0", count: Self.digits - text.utf8.count) + text
    self.text = text
  }

  /// - Parameter mark: Sixteen hexadecimal digits.
  init(mark: String) {
    text = mark
  }

  /// Reads the token that a database's name holds; nil when it is no name of a restore's.
  init?(databaseName name: String) {
    guard let prefix = [Self.newPrefix, Self.oldPrefix].first(where: { name.begins(with: $0) }) else {
      return nil
    }
    let rest = Array(name.utf8.dropFirst(prefix.utf8.count))
    let digits = Array("0123456789abcdef".utf8)
    guard rest.count == Self.digits, rest.allSatisfy(digits.contains) else { return nil }
    text = String(decoding: rest, as: UTF8.self)
  }

  /// What the database is called that is being filled.
  var newName: String { Self.newPrefix + text }

  /// What the database is called whose name was taken, until it is removed.
  var oldName: String { Self.oldPrefix + text }

  /// The comment of both.
  var mark: String {
    "Coffer has made or renamed this database for a restore (run \(text)). If that run has ended, the next restore "
      + "removes this database."
  }

  /// What sessions call themselves.
  var sessionName: String { "coffer_" + text }

  /// The advisory lock that stands for a restore on its way.
  var lock: Int64 { Int64(bitPattern: UInt64(text, radix: 16) ?? 0) }

  /// A pattern for LIKE that every name of such databases fits.
  static let namePattern = #"coffer\____\_%"#
}
