/// The part of a dump that is about users, roles, functions of libraries and servers, made repeatable: what is there
/// already becomes as the dump has it.
struct MariaDBAccounts: Sendable {
  /// A user, or a role, which has no host.
  struct Account: Sendable, Hashable {
    let name: String
    let host: String?

    var quoted: String {
      MariaDBConnection.quotedLiteral(name) + (host.map { "@" + MariaDBConnection.quotedLiteral($0) } ?? "")
    }

    /// From names as a statement has them.
    init?(_ names: [String]) {
      guard let name = names.first else { return nil }
      self.name = name
      host = names.dropFirst().first
    }

    /// From `CURRENT_USER()`.
    init(current text: String) {
      let at = text.lastIndex(of: "@") ?? text.endIndex
      name = String(text[..<at])
      host = text[at...].isEmpty ? nil : String(text[text.index(after: at)...])
    }
  }

  /// Accounts that are left alone: those that must not change, and those that are as the dump has them.
  private let kept: Set<Account>
  /// Memberships that the kept must not lose when roles are replaced.
  private let memberships: [MariaDBStatement]

  /// The accounts that the statements create.
  private(set) var created: [Account] = []
  /// The servers that the statements create.
  private(set) var createdServers: [String] = []
  /// Accounts that the dump has otherwise, but that must not change.
  private(set) var refused: [Account] = []
  /// Statements that must not fail.
  private(set) var script: [UInt8] = []
  /// Statements about tables, routines and libraries that may not be there.
  private(set) var optional: [MariaDBStatement] = []

  private static let ownOfServer = Account(current: "mariadb.sys@localhost")

  /// - Parameters:
  ///   - protected: Accounts that must not change.
  ///   - present: The same part of a dump of the server as it is.
  init(_ statements: [MariaDBStatement], protecting protected: Set<Account>, present: [MariaDBStatement]) {
    let wanted = Self.byUser(statements)
    let unchanged = Self.byUser(present).filter { wanted[$0.key] == $0.value }.keys
    kept = protected.union(unchanged).union([Self.ownOfServer])
    refused = wanted.keys.filter { protected.contains($0) && !unchanged.contains($0) }
    memberships = present.filter { statement in
      let tokens = SQLTokens(statement.text[...])
      return Self.isMembership(tokens) && Self.account(tokens).map(protected.contains) ?? false
    }
    for statement in statements { take(statement) }
  }

  /// What is said of each user, roles aside: those are replaced in any case, as only who makes a role can give it away.
  private static func byUser(_ statements: [MariaDBStatement]) -> [Account: Set<[UInt8]>] {
    var result: [Account: Set<[UInt8]>] = [:]
    for statement in statements where !isForOthers(statement) {
      if let account = account(SQLTokens(statement.text[...])), account.host != nil {
        result[account, default: []].insert(statement.text)
      }
    }
    return result
  }

  /// Some statements are for MySQL, beside the same for MariaDB.
  private static func isForOthers(_ statement: MariaDBStatement) -> Bool {
    statement.text.starts(with: "/*!8".utf8)
  }

  private static func isMembership(_ tokens: SQLTokens) -> Bool {
    tokens.words.first == "GRANT" && !tokens.words.contains("ON")
  }

  /// The account that a statement is about.
  private static func account(_ tokens: SQLTokens) -> Account? {
    let words = tokens.words
    switch words.first {
    case "CREATE" where words.contains("USER"): return Account(tokens.names(after: "USER"))
    case "CREATE" where words.contains("ROLE"): return Account(Array(tokens.names(after: "ROLE").prefix(1)))
    case "GRANT": return Account(tokens.names(after: "TO"))
    case "SET": return Account(tokens.names(after: "FOR"))
    default: return nil
    }
  }

  private mutating func take(_ statement: MariaDBStatement) {
    guard !Self.isForOthers(statement) else { return }
    let tokens = SQLTokens(statement.text[...])
    let words = tokens.words
    let account = Self.account(tokens)
    if let account, kept.contains(account), !Self.isMembership(tokens) { return }
    switch words.first {
    case "CREATE" where account != nil:
      created += [account].compactMap(\.self)
      script += statement.orReplace.script
    case "CREATE" where words.contains("SERVER"):
      createdServers += tokens.names(after: "SERVER").prefix(1)
      script += statement.orReplace.script
    case "CREATE" where words.contains("FUNCTION"): optional.append(statement.orReplace)
    case "SET" where words == ["SET", "ROLE", "NONE"]:
      // The last moment at which roles can be given away.
      let roles = Set(created.map(\.name))
      script += memberships.filter { SQLTokens($0.text[...]).firstName.map(roles.contains) ?? false }.flatMap(\.script)
      script += statement.script
    case "GRANT" where Self.isOfObject(tokens): optional.append(statement)
    default: script += statement.script
    }
  }

  private static func isOfObject(_ tokens: SQLTokens) -> Bool {
    tokens.names(after: "ON").count > 1 || tokens.words.contains("PROXY")
      || !Set(["FUNCTION", "PROCEDURE", "PACKAGE"]).isDisjoint(with: tokens.words)
  }
}

extension MariaDBStatement {
  /// The statement so that it replaces what is there of the name.
  fileprivate var orReplace: MariaDBStatement {
    let words = SQLTokens(text[...]).words
    guard !words.contains("REPLACE"), !words.contains("EXISTS") else { return self }
    var result = self
    result.text = text.replacing("CREATE ".utf8, with: "CREATE OR REPLACE ".utf8, maxReplacements: 1)
    return result
  }
}
