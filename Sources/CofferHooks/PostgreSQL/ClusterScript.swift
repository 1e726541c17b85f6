import Foundation

/// Takes pg_dumpall's script apart while it streams by: the roles and other globals, then database by database.
///
/// A database's statements come out so that they restore into a database of another name: connection commands are
/// left out, and the statements about the database itself (create, owner, settings, comment, privileges) name the
/// other one. Rows of COPY, and what is inside of quotes, are passed on untouched.
struct ClusterScript {
  /// What a piece of the script is.
  enum Part: Equatable {
    /// A statement about roles, memberships or tablespaces.
    case global(String)
    case database(name: String)
    /// A statement that must run outside of the database, before its content.
    case creation(String)
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
    case rows
  }

  private let substitute: (String) -> String
  private var place = Place.globals
  private var database = ""
  private var lines = LineSplitter()
  private var lexer = ScriptLexer()
  /// The lines of a statement that is not complete yet.
  private var statement = ""

  /// - Parameter substitute: Gives the name to restore a database under.
  init(substitute: @escaping (String) -> String) {
    self.substitute = substitute
  }

  /// Takes the next bytes of the script and gives out what is complete.
  mutating func feed(_ bytes: UnsafeRawBufferPointer, _ emit: (Part) throws -> Void) throws {
    // Taken out while it calls back, because the callback changes the rest of this value.
    var lines = self.lines
    self.lines = LineSplitter()
    defer { self.lines = lines }
    try lines.feed(bytes) { try take($0, emit) }
  }

  /// - Parameter line: With its newline.
  private mutating func take(_ line: UnsafeRawBufferPointer, _ emit: (Part) throws -> Void) throws {
    if place == .rows {
      if line.elementsEqual("\\.\n".utf8) { place = .statements }
      return try emit(.content(line))
    }
    let isInside = lexer.isInside
    lexer.take(line)
    if !isInside, try takeMark(line, emit) { return }
    switch place {
    case .globals, .databaseHead: try collect(line, emit)
    case .databaseStatements where !isInside:
      try Array((renamed(Self.text(line)) + "\n").utf8).withUnsafeBytes { try emit(.content($0)) }
    case .databaseStatements, .statements, .rows:
      if !isInside, line.starts(with: "COPY ".utf8), line.hasSuffix(" FROM stdin;\n") { place = .rows }
      try emit(.content(line))
    }
  }

  /// Takes a line that is for us rather than for the server.
  ///
  /// - Returns: Whether it was one.
  private mutating func takeMark(_ line: UnsafeRawBufferPointer, _ emit: (Part) throws -> Void) throws -> Bool {
    if line.starts(with: "-- Database \"".utf8), let name = Self.databaseName(line) {
      database = name
      place = .databaseHead
      try emit(.database(name: name))
      return true
    }
    if Self.isMeta(line) {
      if place == .databaseHead && line.starts(with: "\\connect".utf8) { place = .statements }
      return true
    }
    if line.starts(with: "-- Name: ".utf8) { noteHeader(String(decoding: line, as: UTF8.self)) }
    return false
  }

  /// Gives out the statements before a database's content whole.
  private mutating func collect(_ line: UnsafeRawBufferPointer, _ emit: (Part) throws -> Void) throws {
    if statement.isEmpty, line.starts(with: "--".utf8) || line.count == 1 { return }
    statement += (statement.isEmpty ? "" : "\n") + Self.text(line)
    guard !lexer.isInside, statement.hasSuffix(";") else { return }
    let whole = statement
    statement = ""
    if place == .globals {
      try emit(.global(whole))
    } else if whole.hasPrefix("CREATE DATABASE ") || whole.hasPrefix("ALTER DATABASE ") {
      try emit(.creation(renamed(whole)))
    }
  }

  /// pg_dump announces every object by a comment; those of the database itself name it in their statements.
  private mutating func noteHeader(_ header: String) {
    guard place == .statements || place == .databaseStatements else { return }
    let isAboutDatabase =
      header.contains("; Type: DATABASE PROPERTIES;") || header.hasPrefix("-- Name: DATABASE ")
    place = isAboutDatabase ? .databaseStatements : .statements
  }

  private func renamed(_ statement: String) -> String {
    guard !statement.hasPrefix("--") else { return statement }
    let other = "DATABASE " + PostgreSQLText.identifier(substitute(database))
    for spelling in [PostgreSQLText.identifier(database), database] {
      if let range = statement.range(of: "DATABASE \(spelling) ") ?? statement.range(of: "DATABASE \(spelling);") {
        let end = statement.index(before: range.upperBound)
        return statement.replacingCharacters(in: range.lowerBound..<end, with: other)
      }
    }
    return statement
  }

  private static func databaseName(_ line: UnsafeRawBufferPointer) -> String? {
    let text = text(line)
    guard text.hasSuffix("\" dump") else { return nil }
    return String(text.dropFirst("-- Database \"".count).dropLast("\" dump".count))
  }

  /// psql's own commands that pg_dumpall writes: they steer the connection, which is ours to steer.
  private static func isMeta(_ line: UnsafeRawBufferPointer) -> Bool {
    ["\\connect ", "\\restrict ", "\\unrestrict ", "\\encoding "].contains { line.starts(with: $0.utf8) }
  }

  private static func text(_ line: UnsafeRawBufferPointer) -> String {
    String(decoding: line.dropLast(), as: UTF8.self)
  }
}

extension UnsafeRawBufferPointer {
  fileprivate func hasSuffix(_ suffix: String) -> Bool {
    self.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
  }
}
