import CofferSystem

/// What a server says of itself and of the account that asks.
struct MariaDBServerFacts: Sendable {
  /// Warnings are made of it, and how statements are sealed; empty when the server does not tell.
  let version: String
  /// Whether names that differ in case only are the same database or table: `lower_case_table_names` is not 0.
  let foldsCase: Bool
  /// What a dump's details have where it does.
  static let foldingKey = "folds_case"
  /// Whether it shows such names as they were given all the same: `lower_case_table_names` is 2.
  let keepsCase: Bool
  /// `read_only` and its like are on.
  let isReadOnly: Bool
  let isEncrypted: Bool
  /// Whether it has a binary log.
  let keepsLog: Bool
  /// Whether that may lack what it gets from another server.
  let mayLackReplicated: Bool
  /// MySQL's server_uuid; nil of MariaDB.
  let uuid: String?
  /// The account, as GRANT wants it.
  let account: String
  let grants: MariaDBGrants

  /// - Parameter ask: Runs SQL and returns its rows, each of as many fields as it is told.
  init(_ ask: (_ sql: String, _ fields: Int) throws -> [[String]]) throws {
    let current = try ask("SELECT CURRENT_USER()", 1).first?.first ?? ""
    account = MariaDBAccounts.Account(current: current).quoted
    grants = MariaDBGrants(try ask("SHOW GRANTS", 1).compactMap(\.first))
    // Names with a wildcard: a server that does not know one leaves it out.
    let names =
      [
        "version", "lower_case_table_names", "read_only", "super_read_only", "innodb_read_only", "tx_read_only",
        "log_bin", "server_uuid",
      ] + ReplicaLogging.variables
    let list = names.map(Quoting.mariadbLiteral).joined(separator: ", ")
    let rows = try ask("SHOW VARIABLES WHERE Variable_name IN (\(list))", 2)
    let values = Dictionary(rows.map { (ExactName($0[0]), $0[1]) }, uniquingKeysWith: { first, _ in first })
    func value(_ name: String) -> String { values[ExactName(name)] ?? "" }
    func isOn(_ name: String) -> Bool { !["", "0", "OFF"].contains { value(name).isSame(as: $0) } }
    version = value("version")
    keepsLog = isOn("log_bin")
    mayLackReplicated = ReplicaLogging.mayLack { values[ExactName($0)] }
    uuid = version.holds("MariaDB") ? nil : MySQLGTID.server(value("server_uuid"))
    foldsCase = isOn("lower_case_table_names")
    keepsCase = value("lower_case_table_names").isSame(as: "2")
    let mayWriteAnyway =
      grants.hasEverywhere("SUPER") || grants.hasEverywhere("READ_ONLY ADMIN")
      || grants.hasEverywhere("READ ONLY ADMIN")
    isReadOnly = isOn("super_read_only") || isOn("innodb_read_only") || (isOn("read_only") && !mayWriteAnyway)
    let cipher = try ask("SHOW SESSION STATUS LIKE 'Ssl_cipher'", 2)
    isEncrypted = cipher.first.map { !$0[1].isEmpty } ?? true
  }

  var seal: SealedScript.Seal { SealedScript.Seal(version: version) }

  /// Whether there are rights that everybody has: in MariaDB from 10.11 on.
  var knowsPublic: Bool { MariaDBVersion(version).isMariaDB(from: [10, 11, 1]) }
}

/// A server's version.
struct MariaDBVersion {
  private let numbers: [Int]
  private let isMariaDB: Bool

  /// - Parameter text: As the server tells it; some put `5.5.5-` before it, for old replicas.
  init(_ text: String) {
    let plain = text.after(beginning: "5.5.5-") ?? text
    numbers = plain.parts(by: "-")[0].parts(by: ".").map { Int($0) ?? 0 }
    isMariaDB = text.holds("MariaDB")
  }

  func isMariaDB(from first: [Int]) -> Bool { isMariaDB && !numbers.lexicographicallyPrecedes(first) }
}

/// The rights of an account and its active roles, as far as they can be told from what SHOW GRANTS prints.
struct MariaDBGrants: Sendable {
  struct Grant: Sendable {
    /// In capital letters; `ALL PRIVILEGES` stands for every one.
    let rights: [String]
    /// nil for `*`; `%` stands for anything, `_` for one character, and either for itself behind a backslash.
    let database: String?
    /// nil for `*`.
    let object: String?
    let passesOn: Bool
  }

  let all: [Grant]

  init(_ lines: [String]) {
    all = lines.compactMap(Self.grant)
  }

  /// Reads `GRANT SELECT, INSERT (`a`) ON `shop`.* TO ... WITH GRANT OPTION`.
  private static func grant(_ line: String) -> Grant? {
    // A backslash in a name is no escape there.
    let lexemes = SQLLexemes(Array(line.utf8), LexicalMode()).all
    guard lexemes.first?.isWord("GRANT") == true, let on = lexemes.firstIndex(where: { $0.isWord("ON") }) else {
      return nil
    }
    var rights: [String] = []
    var words: [String] = []
    var depth = 0
    for lexeme in lexemes[1..<on] {
      if lexeme.isSign("(") { depth += 1 }
      if lexeme.isSign(")") { depth -= 1 }
      // A right on some columns only is not one on the table.
      if lexeme.isSign("(") { words.append("OF COLUMNS") }
      if lexeme.isSign(","), depth == 0 {
        rights.append(words.joined(separator: " "))
        words = []
      } else if depth == 0, let word = lexeme.word {
        words.append(word)
      }
    }
    rights.append(words.joined(separator: " "))
    let scope = lexemes[(on + 1)...].drop {
      $0.word.map(["FUNCTION", "PROCEDURE", "PACKAGE", "TABLE"].contains) ?? false
    }
    guard scope.count >= 3, scope[scope.startIndex + 1].isSign(".") else { return nil }
    let tail = lexemes.suffix(3)
    return Grant(
      rights: rights, database: scope[scope.startIndex].name, object: scope[scope.startIndex + 2].name,
      passesOn: tail.count == 3 && tail.map(\.word) == ["WITH", "GRANT", "OPTION"])
  }

  func hasEverywhere(_ right: String) -> Bool {
    all.contains { $0.database == nil && $0.object == nil && $0.includes(right) }
  }

  /// Whether the right is on the whole of a database.
  func has(_ right: String, on database: String) -> Bool {
    all.contains { $0.object == nil && $0.includes(right) && $0.covers(database) }
  }

  /// Whether the right is on one table.
  func has(_ right: String, on database: String, table: String) -> Bool {
    has(right, on: database)
      || all.contains { $0.object?.isSame(as: table) == true && $0.includes(right) && $0.covers(database) }
  }

  var passesOnEverything: Bool { all.contains { $0.database == nil && $0.object == nil && $0.passesOn } }
}

extension MariaDBGrants.Grant {
  fileprivate func includes(_ right: String) -> Bool {
    rights.contains("ALL PRIVILEGES") || rights.contains(right)
  }

  fileprivate func covers(_ name: String) -> Bool {
    guard let database else { return true }
    // The more specific grants of a server count alone; which these are is not looked into.
    return LikePattern(database).matches(name)
  }
}

/// A name in which `%` stands for anything, `_` for one character, and either for itself behind a backslash.
struct LikePattern {
  private enum Part: Equatable {
    case one, any
    case scalar(Unicode.Scalar)
  }

  private let parts: [Part]

  init(_ text: String) {
    var parts: [Part] = []
    var scalars = text.unicodeScalars.makeIterator()
    while let scalar = scalars.next() {
      switch scalar {
      case "\\": if let next = scalars.next() { parts.append(.scalar(next)) }
      case "%": parts.append(.any)
      case "_": parts.append(.one)
      default: parts.append(.scalar(scalar))
      }
    }
    self.parts = parts
  }

  func matches(_ text: String) -> Bool {
    let scalars = Array(text.unicodeScalars)
    // Where the pattern can be after what was read: as many states as it has parts, so that no name takes long.
    var states: Set<Int> = [0]
    func closed(_ states: Set<Int>) -> Set<Int> {
      var all = states
      for state in states {
        var next = state
        while next < parts.count, parts[next] == .any {
          next += 1
          all.insert(next)
        }
      }
      return all
    }
    states = closed(states)
    for scalar in scalars {
      var next: Set<Int> = []
      for state in states where state < parts.count {
        switch parts[state] {
        case .any: next.insert(state)
        case .one: next.insert(state + 1)
        case .scalar(let wanted): if wanted == scalar { next.insert(state + 1) }
        }
      }
      states = closed(next)
    }
    return states.contains(parts.count)
  }
}
