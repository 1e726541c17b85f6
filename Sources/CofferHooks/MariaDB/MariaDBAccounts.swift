import CofferSystem

/// The part of a dump that is about users, roles, functions of libraries and servers, made repeatable: what is there
/// already becomes as the dump has it.
struct MariaDBAccounts: Sendable {
  /// A user, or a role, which has no host.
  struct Account: Sendable, Hashable {
    let name: String
    let host: String?

    var quoted: String { Quoting.mariadbLiteral(name) + (host.map { "@" + Quoting.mariadbLiteral($0) } ?? "") }

    private var key: [ExactName] { [ExactName(name)] + (host.map { [ExactName($0)] } ?? []) }

    static func == (left: Account, right: Account) -> Bool { left.key == right.key }
    func hash(into hasher: inout Hasher) { hasher.combine(key) }

    /// From names as a statement has them.
    init?(_ names: [String]) {
      guard let name = names.first else { return nil }
      self.name = name
      host = names.dropFirst().first
    }

    /// From `CURRENT_USER()`.
    init(current text: String) {
      // Hosts hold no at sign, names may.
      let parts = text.parts(by: "@")
      name = parts.count > 1 ? parts.dropLast().joined(separator: "@") : text
      host = parts.count > 1 ? parts.last : nil
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
  private(set) var required: [MariaDBStatement] = []
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
      Self.isMembership(statement) && Self.account(statement).map(protected.contains) ?? false
    }
    for statement in statements { take(statement) }
  }

  /// What is said of each user, roles aside: those are replaced in any case, as only who makes a role can give it away.
  private static func byUser(_ statements: [MariaDBStatement]) -> [Account: Set<[UInt8]>] {
    var result: [Account: Set<[UInt8]>] = [:]
    for statement in statements where !isForOthers(statement) {
      if let account = account(statement), account.host != nil {
        result[account, default: []].insert(statement.text)
      }
    }
    return result
  }

  /// Some statements are for MySQL, beside the same for MariaDB.
  private static func isForOthers(_ statement: MariaDBStatement) -> Bool {
    statement.text.starts(with: "/*!8".utf8)
  }

  /// The user or role that a statement makes; nil for one of another kind, or for other servers.
  static func made(by statement: MariaDBStatement) -> Account? {
    guard !isForOthers(statement), statement.lexemes.words.first == "CREATE" else { return nil }
    return account(statement)
  }

  private static func isMembership(_ statement: MariaDBStatement) -> Bool {
    let words = statement.lexemes.words
    return words.first == "GRANT" && !words.contains("ON")
  }

  /// The account that a statement is about.
  private static func account(_ statement: MariaDBStatement) -> Account? {
    let words = statement.lexemes.words
    switch words.first {
    case "CREATE":
      // A server has a USER among its options.
      switch words.first(where: ["USER", "ROLE", "SERVER", "FUNCTION"].contains) {
      case "USER": return Account(statement.names(after: "USER"))
      case "ROLE": return Account(Array(statement.names(after: "ROLE").prefix(1)))
      default: return nil
      }
    case "GRANT": return Account(statement.names(after: "TO"))
    case "SET": return Account(statement.names(after: "FOR"))
    default: return nil
    }
  }

  private mutating func take(_ statement: MariaDBStatement) {
    guard !Self.isForOthers(statement) else { return }
    let words = statement.lexemes.words
    let account = Self.account(statement)
    if let account, kept.contains(account), !Self.isMembership(statement) { return }
    switch words.first {
    case "CREATE" where account != nil:
      created += [account].compactMap(\.self)
      required.append(statement.orReplace)
    case "CREATE" where words.contains("SERVER"):
      createdServers += statement.names(after: "SERVER").prefix(1)
      required.append(statement.orReplace)
    case "CREATE" where words.contains("FUNCTION"): optional.append(statement.orReplace)
    case "SET" where words == ["SET", "ROLE", "NONE"]:
      // The last moment at which roles can be given away.
      let roles = Set(created.map { ExactName($0.name) })
      required += memberships.filter { $0.firstRole.map { roles.contains(ExactName($0)) } ?? false }
      required.append(statement)
    case "GRANT" where Self.isOfObject(statement): optional.append(statement)
    default: required.append(statement)
    }
  }

  private static func isOfObject(_ statement: MariaDBStatement) -> Bool {
    statement.names(after: "ON").count > 1
      || !Set(["FUNCTION", "PROCEDURE", "PACKAGE", "PROXY"]).isDisjoint(with: statement.lexemes.words)
  }
}

extension MariaDBStatement {
  /// The role that a membership gives, in either kind of quotes.
  fileprivate var firstRole: String? { names(after: nil).first }

  /// The statement so that it replaces what is there of the name.
  fileprivate var orReplace: MariaDBStatement {
    let all = lexemes.all
    guard let create = all.first(where: { $0.isWord("CREATE") }),
      !all.contains(where: { $0.isWord("REPLACE") || $0.isWord("EXISTS") })
    else { return self }
    return replacing([(create.range, "CREATE OR REPLACE")])
  }
}
