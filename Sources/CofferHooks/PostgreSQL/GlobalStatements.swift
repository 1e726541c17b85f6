import Foundation

/// pg_dumpall's statements about roles and tablespaces, sorted by when they can be run.
struct GlobalStatements {
  private enum Subject: Equatable {
    case role(String)
    case tablespace(String)
    case other
  }

  private let statements: [(text: String, subject: Subject)]

  /// - Parameters:
  ///   - user: The role that restores. Its password must not change under its own feet.
  ///   - isSuperuser: Whether it may say of others what only superusers may: that they are none, for example.
  init(_ statements: [String], restoringAs user: String, isSuperuser: Bool = true) {
    self.statements = statements.compactMap { text in
      let text = isSuperuser ? text : Self.modest(text)
      // What makes room for a restore onto a bare server; here everything is kept, or replaced at the end.
      guard !text.hasPrefix("DROP ") else { return nil }
      let subject = Self.subject(text)
      let isOwn = subject == .role(user) && (text.hasPrefix("CREATE ") || Self.isAboutAttributes(text))
      return isOwn ? nil : (text, subject)
    }
  }

  var roles: [String] {
    statements.compactMap { if case .role(let name) = $0.subject, $0.text.hasPrefix("CREATE ") { name } else { nil } }
  }

  var tablespaces: [(name: String, creation: String)] {
    statements.compactMap {
      if case .tablespace(let name) = $0.subject, $0.text.hasPrefix("CREATE ") { (name, $0.text) } else { nil }
    }
  }

  /// What makes new roles and gives them their own properties; harmless to all that is there.
  func making(_ roles: Set<String>) -> [String] {
    statements.filter { if case .role(let name) = $0.subject { roles.contains(name) } else { false } }.map(\.text)
  }

  /// What changes what is there: everything but what made the new roles and what is about tablespaces that are not there.
  func changes(besides roles: Set<String>, without tablespaces: Set<String>) -> [String] {
    let kept = statements.filter { statement in
      switch statement.subject {
      case .role(let name): !roles.contains(name) && !statement.text.hasPrefix("CREATE ")
      case .tablespace(let name): !tablespaces.contains(name) && !statement.text.hasPrefix("CREATE ")
      case .other: true
      }
    }
    return kept.flatMap { statement in
      guard case .role(let name) = statement.subject, Self.isAboutAttributes(statement.text) else {
        return [statement.text]
      }
      // pg_dumpall leaves these out where a role has none.
      return [
        "ALTER ROLE \(PostgreSQLText.identifier(name)) WITH CONNECTION LIMIT -1 VALID UNTIL 'infinity';",
        statement.text,
      ]
    }
  }

  /// Rights and password, rather than settings.
  private static func isAboutAttributes(_ text: String) -> Bool {
    let head = "ALTER ROLE "
    guard text.hasPrefix(head) else { return false }
    return PostgreSQLText.leadingIdentifier(text.dropFirst(head.count))?.rest.hasPrefix(" WITH ") == true
  }

  /// Leaves out what holds for every role that no superuser has made, and who once granted a membership.
  private static func modest(_ text: String) -> String {
    if isAboutAttributes(text) {
      let end = text.range(of: " PASSWORD '")?.lowerBound ?? text.endIndex
      return ["NOSUPERUSER", "NOREPLICATION", "NOBYPASSRLS"].reduce(String(text[..<end])) { head, word in
        head.replacing(" \(word)", with: "")
      } + text[end...]
    }
    guard text.hasPrefix("GRANT "), let end = text.range(of: " GRANTED BY ", options: .backwards) else { return text }
    return text[..<end.lowerBound] + ";"
  }

  private static func subject(_ text: String) -> Subject {
    for verb in ["CREATE", "ALTER", "COMMENT ON"] {
      if let name = name(in: text, after: "\(verb) ROLE ") { return .role(name) }
      if let name = name(in: text, after: "\(verb) TABLESPACE ") { return .tablespace(name) }
    }
    // GRANT and REVOKE, with what is granted before it.
    for verb in ["GRANT", "REVOKE"] where text.hasPrefix(verb) {
      for right in ["ALL", "CREATE", "GRANT OPTION FOR ALL", "GRANT OPTION FOR CREATE"] {
        if let name = name(in: text, after: "\(verb) \(right) ON TABLESPACE ") { return .tablespace(name) }
      }
    }
    return .other
  }

  private static func name(in text: String, after head: String) -> String? {
    guard text.hasPrefix(head) else { return nil }
    return PostgreSQLText.leadingIdentifier(text.dropFirst(head.count))?.name
  }
}
