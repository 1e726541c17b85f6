import CofferSystem

/// pg_dumpall's statements about roles and tablespaces, sorted by when they can be run.
struct GlobalStatements {
  private enum Subject: Equatable {
    case role(ServerText)
    case tablespace(ServerText)
    case other
  }

  private let statements: [(text: ServerText, subject: Subject)]

  /// - Parameters:
  ///   - user: The role that restores. Its password must not change under its own feet.
  ///   - isSuperuser: Whether it may say of others what only superusers may: that they are none, for example.
  init(_ statements: [ServerText], restoringAs user: ServerText, isSuperuser: Bool = true) {
    self.statements = statements.compactMap { text in
      let text = isSuperuser ? text : Self.modest(text)
      // What makes room for a restore onto a bare server; here everything is kept, or replaced at the end.
      guard !text.begins(with: "DROP ") else { return nil }
      let subject = Self.subject(text)
      let isOwn = subject == .role(user) && (text.begins(with: "CREATE ") || Self.isAboutAttributes(text))
      return isOwn ? nil : (text, subject)
    }
  }

  var roles: [ServerText] {
    statements.compactMap {
      if case .role(let name) = $0.subject, $0.text.begins(with: "CREATE ") { name } else { nil }
    }
  }

  var tablespaces: [(name: ServerText, creation: ServerText)] {
    statements.compactMap {
      if case .tablespace(let name) = $0.subject, $0.text.begins(with: "CREATE ") { (name, $0.text) } else { nil }
    }
  }

  /// The statement that makes a tablespace, in another folder.
  ///
  /// - Returns: nil for what is not as pg_dumpall writes it: `CREATE TABLESPACE name OWNER role LOCATION 'folder';`
  static func creation(_ statement: ServerText, in folder: String) -> ServerText? {
    guard statement.begins(with: tablespaceHead),
      let name = PostgreSQLText.leadingIdentifier(statement.bytes.dropFirst(tablespaceHead.utf8.count)),
      name.rest.starts(with: " OWNER ".utf8),
      let owner = PostgreSQLText.leadingIdentifier(name.rest.dropFirst(" OWNER ".utf8.count)),
      owner.rest.starts(with: " LOCATION ".utf8)
    else { return nil }
    let place: PostgreSQLStatement = " LOCATION \(literal: folder);"
    return ServerText(Array(statement.bytes[..<owner.rest.startIndex]) + place.bytes)
  }

  private static let tablespaceHead = "CREATE TABLESPACE "

  /// The first statement of a kind that pg_dumpall does not write.
  var strange: ServerText? {
    let kinds = ["SET ", "SELECT pg_catalog.set_config(", "GRANT ", "REVOKE ", "SECURITY LABEL "]
    return statements.first { statement in
      statement.subject == .other && !kinds.contains { statement.text.begins(with: $0) }
    }?.text
  }

  /// What makes new roles and gives them their own properties; harmless to all that is there.
  func making(_ roles: Set<ServerText>) -> [ServerText] {
    statements.filter { statement in
      switch statement.subject {
      case .role(let name): roles.contains(name)
      case .tablespace: false
      // The others are read in the encoding that the dump is in.
      case .other: statement.text.begins(with: "SET client_encoding ")
      }
    }.map(\.text)
  }

  /// What changes what is there: everything but what made the new roles and what is about tablespaces that are not there.
  func changes(besides roles: Set<ServerText>, without tablespaces: Set<ServerText>) -> [ServerText] {
    let kept = statements.filter { statement in
      switch statement.subject {
      case .role(let name): !roles.contains(name) && !statement.text.begins(with: "CREATE ")
      case .tablespace(let name): !tablespaces.contains(name) && !statement.text.begins(with: "CREATE ")
      case .other: true
      }
    }
    return kept.flatMap { statement in
      guard case .role(let name) = statement.subject, Self.isAboutAttributes(statement.text) else {
        return [statement.text]
      }
      // pg_dumpall leaves these out where a role has none.
      let reset: PostgreSQLStatement =
        "ALTER ROLE \(identifier: name) WITH CONNECTION LIMIT -1 VALID UNTIL 'infinity';"
      return [ServerText(reset.bytes), statement.text]
    }
  }

  /// Rights and password, rather than settings.
  private static func isAboutAttributes(_ text: ServerText) -> Bool {
    let head = "ALTER ROLE "
    guard text.begins(with: head) else { return false }
    return PostgreSQLText.leadingIdentifier(text.bytes.dropFirst(head.utf8.count))?.rest.starts(with: " WITH ".utf8)
      == true
  }

  /// Leaves out what holds for every role that no superuser has made, and who once granted a membership.
  private static func modest(_ text: ServerText) -> ServerText {
    if isAboutAttributes(text) {
      guard let name = PostgreSQLText.leadingIdentifier(text.bytes.dropFirst("ALTER ROLE ".utf8.count)) else {
        return text
      }
      let head = text.bytes[..<name.rest.startIndex]
      // The attributes are words up to the first text; only those can be what is left out.
      let end = name.rest.firstIndex { $0 == UInt8(ascii: "'") || $0 == UInt8(ascii: ";") } ?? name.rest.endIndex
      let superuser = ["NOSUPERUSER", "NOREPLICATION", "NOBYPASSRLS"].map { Array($0.utf8) }
      let words = name.rest[..<end].split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        .filter { word in !superuser.contains { $0.elementsEqual(word) } }
      return ServerText(Array(head) + words.joined(separator: [UInt8(ascii: " ")]) + Array(text.bytes[end...]))
    }
    // GRANT role TO role, with or without options.
    guard text.begins(with: "GRANT "),
      let granted = PostgreSQLText.leadingIdentifier(text.bytes.dropFirst("GRANT ".utf8.count)),
      granted.rest.starts(with: " TO ".utf8),
      let member = PostgreSQLText.leadingIdentifier(granted.rest.dropFirst(" TO ".utf8.count)),
      let end = member.rest.indices.first(where: { member.rest[$0...].starts(with: " GRANTED BY ".utf8) })
    else { return text }
    return ServerText(Array(text.bytes[..<end]) + ";".utf8)
  }

  private static func subject(_ text: ServerText) -> Subject {
    for verb in ["CREATE", "ALTER", "COMMENT ON"] {
      if let name = name(in: text, after: "\(verb) ROLE ") { return .role(name) }
      if let name = name(in: text, after: "\(verb) TABLESPACE ") { return .tablespace(name) }
    }
    // GRANT and REVOKE, with what is granted before it.
    for verb in ["GRANT", "REVOKE"] where text.begins(with: verb) {
      for right in ["ALL", "CREATE", "GRANT OPTION FOR ALL", "GRANT OPTION FOR CREATE"] {
        if let name = name(in: text, after: "\(verb) \(right) ON TABLESPACE ") { return .tablespace(name) }
      }
    }
    return .other
  }

  private static func name(in text: ServerText, after head: String) -> ServerText? {
    guard text.begins(with: head) else { return nil }
    return PostgreSQLText.leadingIdentifier(text.bytes.dropFirst(head.utf8.count))?.name
  }
}

extension ServerText {
  func begins(with beginning: String) -> Bool {
    bytes.starts(with: beginning.utf8)
  }
}
