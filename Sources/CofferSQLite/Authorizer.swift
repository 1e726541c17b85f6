import CSQLite
import CofferSystem

/// What a connection's statements may do, as SQLite asks when it prepares them (sqlite3_set_authorizer), as long as this lives.
final class Authorizer {
  /// Given what is asked for (SQLITE_INSERT and so on) and the two texts that go with it; returns SQLITE_OK, SQLITE_IGNORE or
  /// SQLITE_DENY.
  typealias Answer = (_ action: Int32, _ first: String, _ second: String) -> Int32

  private let connection: SQLiteConnection
  private let answer: Answer

  init(_ connection: SQLiteConnection, _ answer: @escaping Answer) {
    self.connection = connection
    self.answer = answer
    sqlite3_set_authorizer(
      connection.handle,
      { context, action, first, second, _, _ in
        guard let context else { return SQLITE_DENY }
        let authorizer = Unmanaged<Authorizer>.fromOpaque(context).takeUnretainedValue()
        return authorizer.answer(
          action, first.map { String(cString: $0) } ?? "", second.map { String(cString: $0) } ?? "")
      }, Unmanaged.passUnretained(self).toOpaque())
  }

  deinit {
    sqlite3_set_authorizer(connection.handle, nil, nil)
  }

  /// Whether a function runs code that is no part of SQLite.
  static func isLoader(_ function: String) -> Bool {
    ["load_extension", "fts3_tokenizer"].contains(function.asciiLowercased)
  }
}
