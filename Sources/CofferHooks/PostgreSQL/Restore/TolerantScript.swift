import CofferSystem

/// psql with a plain dump, which goes on behind statements that fail and tells which ones.
///
/// Behind a COPY that cannot begin, psql would take the rows for statements. So each COPY is begun without rows first, and
/// only where psql says that this went well do the rows follow; and it runs in a transaction, whose state tells whether
/// the rows went in, because psql itself does not. Every answer of psql holds the random key that its own commands are
/// restricted by, which nothing in the dump can know.
final class TolerantScript {
  /// The parts of a script that are run: a statement each, with the rows that belong to it.
  enum Choice {
    case all
    /// Those of these numbers, and the settings between them.
    case only(Set<Int>)
  }

  private let client: ClientInput
  private let key: String
  private let choice: Choice
  private let begins: [UInt8]
  private var lines = LineSplitter()
  private var scanner = ScriptScanner()
  private var buffer: [UInt8]
  private var statement: [UInt8] = []
  private var statements = 0
  /// How many had ended before this one.
  private var endedBefore = 0
  private var title = ""
  /// What is told of a part by its number, as long as it may be lost.
  private var titles: [Int: String] = [:]
  private var isSkippingRows = false
  private var isInRows = false

  private static let bufferSize = 1 << 16

  /// - Returns: nil for a psql that cannot be restricted.
  init?(_ job: ContentJob, _ connection: PostgreSQLConnection, _ choice: Choice) throws {
    let script = try RestrictedScript(for: connection, of: job.identity, context: job.context)
    guard !script.beginning.isEmpty else { return nil }
    key = script.key
    begins = Array(script.beginning.utf8)
    self.choice = choice
    let session = PostgreSQLSession(job.database, connection, job.context)
    var command = session.scriptCommand(options: job.entry.restoreOptions + ["--set", "ON_ERROR_STOP=0"])
    command.errorLimit = ChildCommand.ErrorLimit(bytes: 16 << 20, lines: .max)
    client = try ClientInput(command, of: job.identity, confirmation: "\(key) end", context: job.context)
    buffer = session.opening + begins
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    // Taken out while it calls back, because the callback changes the rest of this object.
    var lines = self.lines
    self.lines = LineSplitter()
    defer { self.lines = lines }
    try lines.feed(bytes, take)
  }

  /// - Returns: What failed.
  /// - Throws: `RestoreError`; `RunCancelled`.
  func finish() throws -> [LostEntry] {
    try lines.finish(take)
    if !statement.isEmpty { try run() }
    send("\n\\unrestrict \(key)\n\\echo \(key) end\n")
    try flush()
    try client.finish()
    let failed = String(decoding: client.output, as: UTF8.self).lines().compactMap { line in
      line.after(beginning: "\(key) failed ").flatMap { Int($0) }
    }
    let errors = Self.errors(client.child.lastErrorLines, key)
    return failed.map { number in
      LostEntry(
        number: number, title: titles[number] ?? "statement \(number)",
        error: errors[number] ?? "the server's words are lost")
    }
  }

  func abandon() {
    client.abandon()
  }

  // MARK: - Line by line

  private func take(_ line: UnsafeRawBufferPointer) throws {
    if isInRows { return try takeRow(line) }
    if scanner.isBetweenStatements {
      if RestrictedScript.isRestriction(line) { return }
      if let title = Self.title(line) { self.title = title }
    }
    scanner.take(line)
    statement += line
    if scanner.isInRows { return try beginRows() }
    if scanner.isBetweenStatements { try run() }
  }

  private func takeRow(_ line: UnsafeRawBufferPointer) throws {
    scanner.take(line)
    isInRows = scanner.isInRows
    if !isSkippingRows { try send(line) }
    guard !isInRows, !isSkippingRows else { return }
    send("SELECT;\n")
    tellFailure(statements)
    send("COMMIT;\n")
    tellFailure(statements)
  }

  /// Ends a part that has no rows.
  private func run() throws {
    let text = statement
    statement = []
    // Comments and empty lines alone.
    guard !text.allSatisfy(\.isBlank), !Self.isComment(text) else { return }
    try count()
    guard isChosen(text) else { return }
    note(text)
    try text.withUnsafeBytes(send)
    tellFailure(statements)
  }

  private func beginRows() throws {
    let text = statement
    statement = []
    try count()
    isInRows = true
    isSkippingRows = !isChosen(text)
    guard !isSkippingRows else { return }
    note(text)
    try text.withUnsafeBytes(send)
    // A COPY without rows. Where it has not begun, the mark of their end is a command that is restricted.
    send("\\.\n\\unrestrict \(key)\n\\if :ERROR\n\\echo \(key) failed \(statements)\n\\warn \(key) \(statements)\n")
    send("\\echo \(key) no \(statements)\n\\else\n\\echo \(key) yes \(statements)\n\\endif\n")
    buffer += begins
    try flush()
    let (yes, no) = ("\(key) yes \(statements)", "\(key) no \(statements)")
    isSkippingRows = try client.awaitLine([yes, no]).isSame(as: no)
    guard !isSkippingRows else { return }
    send("BEGIN;\n")
    try text.withUnsafeBytes(send)
  }

  /// - Throws: `RestoreError.refused` for several statements in one line: psql tells of the last one only.
  private func count() throws {
    statements += 1
    defer { endedBefore = scanner.ended }
    guard scanner.ended - endedBefore <= 1 else {
      throw RestoreError.refused(
        client.identity, problem: "the script has several statements in one line, so what fails in it cannot be told",
        suggestion: "Look at it with 'coffer extract'")
    }
  }

  private func isChosen(_ text: [UInt8]) -> Bool {
    guard case .only(let numbers) = choice else { return true }
    let settings = ["SET ", "SELECT pg_catalog.set_config("]
    return numbers.contains(statements)
      || settings.contains { setting in text.drop(while: \.isBlank).starts(with: setting.utf8) }
  }

  private func note(_ text: [UInt8]) {
    let first = text.drop(while: \.isBlank).prefix { $0 != UInt8(ascii: "\n") }.prefix(80)
    titles[statements] = title.isEmpty ? String(decoding: first, as: UTF8.self) : title
  }

  private func tellFailure(_ number: Int) {
    send("\\unrestrict \(key)\n\\if :ERROR\n\\echo \(key) failed \(number)\n\\warn \(key) \(number)\n\\endif\n")
    buffer += begins
  }

  private static func isComment(_ text: [UInt8]) -> Bool {
    text.split(separator: UInt8(ascii: "\n")).allSatisfy { line in  // of bytes
      line.allSatisfy(\.isBlank) || line.starts(with: "--".utf8)
    }
  }

  /// `-- Name: doc; Type: TABLE; Schema: public; Owner: app`, and `-- Data for Name: ...`. No name in it has a line's end.
  private static func title(_ line: UnsafeRawBufferPointer) -> String? {
    let text = String(decoding: line, as: UTF8.self)
    let isData = text.begins(with: "-- Data for Name: ")
    guard let rest = text.after(beginning: isData ? "-- Data for Name: " : "-- Name: ") else { return nil }
    let parts = rest.parts(by: "; Type: ")
    guard parts.count > 1, let facts = parts.last?.parts(by: "; Schema: "), facts.count == 2 else { return nil }
    let name = parts.dropLast().joined(separator: "; Type: ")
    let schema = facts[1].parts(by: "; Owner:")[0]
    let whole = schema.isSame(as: "-") ? name : "\(schema).\(name)"
    return isData ? "rows of table \"\(whole)\"" : "\(facts[0]) \"\(whole)\""
  }

  /// The telling line before each mark.
  static func errors(_ lines: [String], _ key: String) -> [Int: String] {
    var errors: [Int: String] = [:]
    var told: [String] = []
    for line in lines {
      guard let number = line.after(beginning: key + " ").flatMap({ Int($0) }) else {
        told.append(line)
        continue
      }
      let telling = told.first { $0.begins(with: "ERROR:") || $0.holds(": ERROR:") } ?? ClientFailure.telling(told)
      if let telling { errors[number] = telling }
      told = []
    }
    return errors
  }

  // MARK: - Sending

  private func send(_ text: String) {
    buffer += text.utf8
  }

  private func send(_ bytes: UnsafeRawBufferPointer) throws {
    buffer += bytes
    if buffer.count > Self.bufferSize { try flush() }
  }

  private func flush() throws {
    try buffer.withUnsafeBytes { try client.write($0) }
    buffer.removeAll(keepingCapacity: true)
  }
}
