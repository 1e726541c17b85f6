import CofferSystem

/// Takes pg_dumpall's script apart while it streams by: the roles and other globals, then database by database.
///
/// A database's statements come out so that they restore into a database of another name: connection commands are
/// left out, and the statements about the database itself (create, owner, settings, comment, privileges) name the
/// other one. Rows of COPY, and what is inside of quotes, are passed on untouched.
struct ClusterScript {
  /// What a piece of the script is.
  enum Part: Equatable {
    /// A statement about roles, memberships or tablespaces.
    case global(ServerText)
    case database(name: ServerText)
    /// A statement that must run outside of the database, before its content.
    case creation(ServerText)
    /// Lines to be sent to the database.
    case content(UnsafeRawBufferPointer)

    static func == (left: Part, right: Part) -> Bool {
      switch (left, right) {
      case (.global(let a), .global(let b)), (.database(let a), .database(let b)), (.creation(let a), .creation(let b)):
        a == b
      case (.content(let a), .content(let b)): a.elementsEqual(b)
      default: false
      }
    }
  }

  private enum Place {
    case globals
    case databaseHead
    case statements
    case databaseStatements
  }

  private let substitute: (ServerText) -> String
  private var place = Place.globals
  private var database = ServerText("")
  private let lines = LineSplitter()
  private var scanner = ScriptScanner()
  /// The lines of a statement that is not complete yet.
  private var statement: [UInt8] = []

  /// - Parameter substitute: Gives the name to restore a database under.
  init(substitute: @escaping (ServerText) -> String) {
    self.substitute = substitute
  }

  /// Takes the next bytes of the script and gives out what is complete.
  mutating func feed(_ bytes: UnsafeRawBufferPointer, _ emit: (Part) throws -> Void) throws {
    try lines.feed(bytes) { try take($0, emit) }
  }

  /// - Parameter line: With its newline.
  private mutating func take(_ line: UnsafeRawBufferPointer, _ emit: (Part) throws -> Void) throws {
    if scanner.isBetweenStatements, try takeMark(line, emit) { return }
    scanner.take(line)
    if place == .statements {
      try emit(.content(line))
    } else {
      try collect(line, emit)
    }
  }

  /// Takes a line that is for us rather than for the server.
  ///
  /// - Returns: Whether it was one.
  private mutating func takeMark(_ line: UnsafeRawBufferPointer, _ emit: (Part) throws -> Void) throws -> Bool {
    if let name = Self.databaseName(line) {
      database = name
      place = .databaseHead
      try emit(.database(name: name))
      return true
    }
    if Self.isMeta(line) {
      if place == .databaseHead && line.starts(with: "\\connect".utf8) { place = .statements }
      return true
    }
    if line.starts(with: "-- Name: ".utf8) { noteHeader(line) }
    return false
  }

  /// Gives out statements whole: those before a database's content, and those about the database itself.
  private mutating func collect(_ line: UnsafeRawBufferPointer, _ emit: (Part) throws -> Void) throws {
    if statement.isEmpty, line.starts(with: "--".utf8) || line.count == 1 {
      if place == .databaseStatements { try emit(.content(line)) }
      return
    }
    statement += line
    guard scanner.isBetweenStatements else { return }
    // Without the line's end.
    let whole = ServerText(Array(statement.dropLast()))
    statement = []
    switch place {
    case .globals: try emit(.global(whole))
    case .databaseHead:
      let isOfDatabase = whole.begins(with: "CREATE DATABASE ") || whole.begins(with: "ALTER DATABASE ")
      if isOfDatabase, DatabaseStatement.name(in: whole)?.name == database { try emit(.creation(renamed(whole))) }
    case .databaseStatements, .statements:
      try (renamed(whole).bytes + "\n".utf8).withUnsafeBytes { try emit(.content($0)) }
    }
  }

  /// pg_dump announces every object by a comment; those of the database itself name it in their statements.
  private mutating func noteHeader(_ header: UnsafeRawBufferPointer) {
    guard place == .statements || place == .databaseStatements else { return }
    let isAboutDatabase =
      header.starts(with: "-- Name: DATABASE ".utf8)
      || String(decoding: header, as: UTF8.self).holds("; Type: DATABASE PROPERTIES;")
    place = isAboutDatabase ? .databaseStatements : .statements
  }

  /// The statement with the other name in place of the database's.
  private func renamed(_ statement: ServerText) -> ServerText {
    guard let range = DatabaseStatement.name(in: statement), range.name == database else { return statement }
    let other: PostgreSQLStatement = "\(identifier: substitute(database))"
    return ServerText(
      Array(statement.bytes[..<range.bytes.lowerBound]) + other.bytes + statement.bytes[range.bytes.upperBound...])
  }

  /// Whether a restore puts a database's contents back. Every server has a template1 of its own, which new databases are made from.
  static func isRestored(_ database: ServerText) -> Bool { database != ServerText("template1") }

  /// The database whose statements follow, where a line says so.
  static func databaseName(_ line: UnsafeRawBufferPointer) -> ServerText? {
    let (head, end) = ("-- Database \"".utf8, "\" dump\n".utf8)
    guard line.count >= head.count + end.count, line.starts(with: head), line.suffix(end.count).elementsEqual(end)
    else { return nil }
    return ServerText(Array(line.dropFirst(head.count).dropLast(end.count)))
  }

  /// psql's own commands that pg_dumpall writes: they steer the connection, which is ours to steer.
  static func isMeta(_ line: UnsafeRawBufferPointer) -> Bool {
    RestrictedScript.isRestriction(line)
      || ["\\connect ", "\\encoding "].contains { line.starts(with: $0.utf8) }
  }
}

/// The statements about a database as a whole that pg_dump writes.
enum DatabaseStatement {
  /// What may stand before the name, in words; `ROLE` is followed by one name more.
  private static let heads = [
    "CREATE DATABASE ", "ALTER DATABASE ", "COMMENT ON DATABASE ", "SECURITY LABEL FOR ", "GRANT ", "REVOKE ",
    "ALTER ROLE ",
  ]

  /// Finds the database that a statement is about.
  ///
  /// - Returns: Its name and where that stands; nil for a statement of another kind.
  static func name(in statement: ServerText) -> (name: ServerText, bytes: Range<Int>)? {
    guard let head = heads.first(where: { statement.begins(with: $0) }) else { return nil }
    let rest = statement.bytes.dropFirst(head.utf8.count)
    switch head {
    case "ALTER ROLE ":
      guard let role = PostgreSQLText.leadingIdentifier(rest) else { return nil }
      return identifier(after: " IN DATABASE ", in: role.rest)
    case "SECURITY LABEL FOR ":
      guard let provider = PostgreSQLText.leadingIdentifier(rest) else { return nil }
      return identifier(after: " ON DATABASE ", in: provider.rest)
    case "GRANT ", "REVOKE ":
      // Rights are words without quotes, and so is what stands between them.
      let rights = rest.prefix { $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "'") }
      let sign = Array(" ON DATABASE ".utf8)
      guard let start = rights.indices.first(where: { rest[$0...].starts(with: sign) }) else { return nil }
      return identifier(after: " ON DATABASE ", in: rest[start...])
    default: return identifier(after: "", in: rest)
    }
  }

  private static func identifier(after sign: String, in text: ArraySlice<UInt8>) -> (ServerText, Range<Int>)? {
    guard text.starts(with: sign.utf8) else { return nil }
    let start = text.dropFirst(sign.utf8.count)
    guard let found = PostgreSQLText.leadingIdentifier(start) else { return nil }
    return (found.name, start.startIndex..<found.rest.startIndex)
  }
}
