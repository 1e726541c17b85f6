import CofferSystem

/// psql with a plain dump, which goes on behind statements that fail and tells which ones.
///
/// Behind a COPY that cannot begin, psql would take the rows for statements. So each COPY is begun without rows first, and
/// only where psql says that this went well do the rows follow. That it begins the second time, too, is nothing to rely
/// on: it shares its line with the beginning of a text, so that what it does not take as rows is that text. It runs in a
/// transaction, whose state tells whether the rows went in, because psql itself does not.
///
/// The end of the text and every answer of psql hold random keys, which nothing in the dump can know.
final class TolerantScript {
  /// The parts of a script that are run: a statement each, with the rows that belong to it, or a transaction of its own.
  enum Choice {
    /// All; but where something has failed, only those before the first one that looks at rows.
    case all
    /// Those of these numbers, and the settings between them.
    case only(Set<Int>)
    /// Those from a number on, and the settings before them.
    case from(Int)
  }

  struct Outcome {
    /// What failed.
    var lost: [LostEntry] = []
    /// The first part that was not run; nil when all were that are chosen.
    var stop: Int?
    /// The first part that looks at rows; nil where none is known.
    var border: Int?

    /// Whether a part becomes what it was when it is run behind all the others: rows do not where what looks at them has
    /// come before.
    func mayRetry(_ entry: LostEntry) -> Bool {
      guard let border, stop == nil else { return true }
      return entry.number >= border && entry.kind != .rows
    }
  }

  private let client: ClientInput
  /// What psql's own commands are restricted by.
  private let key: String
  /// What the text begins and ends with that takes up rows whose COPY has not begun.
  private let quote: String
  private let choice: Choice
  private let begins: [UInt8]
  private let lines = LineSplitter()
  private var scanner = ScriptScanner()
  private var buffer: [UInt8]
  private var statement: [UInt8] = []
  /// How many parts have begun.
  private var parts = 0
  /// How many statements had ended before this one.
  private var endedBefore = 0
  private var headers = ScriptHeaders()
  private var outcome = Outcome()
  /// How many COPYs could not begin: behind each, psql says that the mark of their end is no command.
  private var unbegun = 0
  private var isSkippingRows = false
  private var isInRows = false
  /// Whether the transaction of the script's own that is open is run; nil outside of one.
  private var transaction: Bool?

  private static let bufferSize = 1 << 16

  /// - Returns: nil for a psql that cannot be restricted.
  init?(_ job: ContentJob, _ connection: PostgreSQLConnection, _ choice: Choice) throws {
    let script = try RestrictedScript(for: connection, of: job.identity, context: job.context)
    guard !script.beginning.isEmpty else { return nil }
    key = script.key
    // Not the same key: the server sees it.
    quote = "$coffer\(RestrictedScript.makeKey())$"
    begins = Array(script.beginning.utf8)
    self.choice = choice
    let session = PostgreSQLSession(job.database, connection, job.context)
    var command = session.scriptCommand(options: job.entry.restoreOptions, stopsAtErrors: false)
    command.errorLimit = ChildCommand.ErrorLimit(bytes: 16 << 20, lines: .max)
    client = try ClientInput(command, of: job.identity, confirmation: "\(key) end", context: job.context)
    buffer = session.opening + begins
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    try lines.feed(bytes, take)
  }

  /// - Throws: `RestoreError`; `RunCancelled`.
  func finish() throws -> Outcome {
    try lines.finish(take)
    if !statement.isEmpty { try run() }
    if transaction == true { tellTransaction() }
    send("\n\\unrestrict \(key)\n\\echo \(key) end\n")
    try flush()
    try client.finish()
    let said = client.child.lastErrorLines
    // Of more of them, one is of a command that was not seen here, and psql does not count it as an error.
    guard said.count(where: { $0.holds(Self.restriction) }) <= unbegun else { throw refusal }
    let errors = Self.errors(said, key)
    outcome.lost = failed.map { number in
      let header = headers.header(of: number)
      return LostEntry(
        number: number, title: header?.title ?? "statement \(number)",
        // What is not announced may be rows.
        error: errors[number] ?? "the server's words are lost", kind: header?.kind ?? .rows)
    }
    return outcome
  }

  /// The parts that psql has told to have failed so far.
  private var failed: [Int] {
    var seen: Set<Int> = []
    return String(decoding: client.output, as: UTF8.self).lines().compactMap { line in
      line.after(beginning: "\(key) failed ").flatMap { Int($0) }
    }.filter { seen.insert($0).inserted }
  }

  func abandon() {
    client.abandon()
  }

  // MARK: - Line by line

  private func take(_ line: UnsafeRawBufferPointer) throws {
    guard outcome.stop == nil else { return }
    if isInRows { return try takeRow(line) }
    if scanner.isBetweenStatements {
      if RestrictedScript.isRestriction(line) { return }
      headers.take(line, before: parts + 1)
    }
    scanner.take(line)
    if scanner.finding == .zeroByte { throw RestrictedScript.refusalOfZeroByte(client.identity) }
    if scanner.finding == .metaCommand { throw refusal }
    statement += line
    if scanner.isInRows { return try beginRows() }
    if scanner.isBetweenStatements { try run() }
  }

  private func takeRow(_ line: UnsafeRawBufferPointer) throws {
    scanner.take(line)
    if scanner.finding == .zeroByte { throw RestrictedScript.refusalOfZeroByte(client.identity) }
    isInRows = scanner.isInRows
    guard !isSkippingRows else { return }
    try send(line)
    guard !isInRows else { return }
    send("\(quote);\n")
    guard transaction == nil else { return }
    tellTransaction()
    send("COMMIT;\n")
    tellFailure()
  }

  /// Ends a statement that has no rows.
  private func run() throws {
    let text = statement
    statement = []
    // Comments and empty lines alone.
    guard !text.allSatisfy(\.isBlank), !Self.isComment(text) else { return }
    try checkSingle()
    if let isRun = transaction {
      let isEnd = ScriptTransaction.isEnd(text)
      if isEnd { transaction = nil }
      guard isRun else { return }
      // The end of a transaction that has failed is no error.
      if isEnd { tellTransaction() }
      try text.withUnsafeBytes(send)
      if isEnd { tellFailure() }
      return
    }
    try beginPart(text)
    guard outcome.stop == nil else { return }
    let isRun = isChosen(text)
    if ScriptTransaction.isBeginning(text) { transaction = isRun }
    guard isRun else { return }
    try text.withUnsafeBytes(send)
    if transaction == nil { tellFailure() }
  }

  private func beginRows() throws {
    // The last line of a script that was cut off may have no end.
    let text = Array(statement.dropLast(statement.reversed().prefix(while: \.isBlank).count))
    statement = []
    try checkSingle()
    guard scanner.finding == nil else {
      throw RestoreError.refused(
        client.identity, problem: "a COPY of the script shares its line with something else, as pg_dump writes none",
        suggestion: "Look at it with 'coffer extract'")
    }
    if transaction == nil { try beginPart(text) }
    guard outcome.stop == nil else { return }
    isInRows = true
    isSkippingRows = !(transaction ?? isChosen(text))
    guard !isSkippingRows else { return }
    isSkippingRows = try !canBegin(text)
    guard !isSkippingRows else { return }
    // psql reads the rest of the line when the COPY has had its rows, or has not begun.
    try text.withUnsafeBytes(send)
    send(" SELECT \(quote)\n")
  }

  /// Tries a COPY without rows, and takes it back.
  ///
  /// - Returns: Whether it has begun. Outside of a transaction of the script's own, one is open then.
  private func canBegin(_ text: [UInt8]) throws -> Bool {
    if transaction == nil { send("BEGIN;\n") }
    send("SAVEPOINT coffer;\n")
    try text.withUnsafeBytes(send)
    let no =
      "\\echo \(key) failed \(parts)\n\\warn \(key) \(parts)\n\\set ERROR false\n\\echo \(key) no \(parts)\n"
    // Where it has not begun, the mark of their end is a command that is restricted.
    send("\n\\.\n\\unrestrict \(key)\n\\if :ERROR\n\(no)\\else\n")
    // Without a transaction there is no such savepoint.
    send("ROLLBACK TO SAVEPOINT coffer;\nRELEASE SAVEPOINT coffer;\n")
    send("\\if :ERROR\n\(no)\\else\n\\echo \(key) yes \(parts)\n\\endif\n\\endif\n")
    buffer += begins
    try flush()
    let answers = ["\(key) yes \(parts)", "\(key) no \(parts)"]
    if try client.awaitLine(answers).isSame(as: answers[0]) { return true }
    unbegun += 1
    if transaction == nil { send("ROLLBACK;\n") }
    return false
  }

  /// Counts a part, and stops before the first one that looks at rows when something has failed by then.
  private func beginPart(_ text: [UInt8]) throws {
    parts += 1
    guard outcome.border == nil, headers.looksAtRows || ScriptHeaders.looksAtRows(text) else { return }
    outcome.border = parts
    guard case .all = choice else { return }
    send("\\unrestrict \(key)\n\\echo \(key) border\n")
    buffer += begins
    try flush()
    _ = try client.awaitLine(["\(key) border"])
    if !failed.isEmpty { outcome.stop = parts }
  }

  /// - Throws: `RestoreError.refused` for several statements in one line: psql tells of the last one only.
  private func checkSingle() throws {
    defer { endedBefore = scanner.ended }
    guard scanner.ended - endedBefore <= 1 else {
      throw RestoreError.refused(
        client.identity, problem: "the script has several statements in one line, so what fails in it cannot be told",
        suggestion: "Look at it with 'coffer extract'")
    }
  }

  private func isChosen(_ text: [UInt8]) -> Bool {
    switch choice {
    case .all: true
    case .only(let numbers): numbers.contains(parts) || Self.isSetting(text)
    case .from(let number): parts >= number || Self.isSetting(text)
    }
  }

  private static func isSetting(_ text: [UInt8]) -> Bool {
    ["SET ", "SELECT pg_catalog.set_config("].contains { text.drop(while: \.isBlank).starts(with: $0.utf8) }
  }

  /// Has an open transaction say whether it has failed.
  private func tellTransaction() {
    send("SELECT;\n")
    tellFailure()
  }

  /// What is no statement leaves the sign of the one before it, so it is taken back when it is told.
  private func tellFailure() {
    send("\\unrestrict \(key)\n\\if :ERROR\n\\echo \(key) failed \(parts)\n\\warn \(key) \(parts)\n")
    send("\\set ERROR false\n\\endif\n")
    buffer += begins
  }

  private static func isComment(_ text: [UInt8]) -> Bool {
    text.split(separator: UInt8(ascii: "\n")).allSatisfy { line in  // of bytes
      line.allSatisfy(\.isBlank) || line.starts(with: "--".utf8)
    }
  }

  private static let restriction = "backslash commands are restricted"

  private var refusal: RestoreError {
    .refused(
      client.identity, problem: "the script holds a command for psql itself, which none that pg_dump wrote does",
      suggestion: "Look at it with 'coffer extract' before anything of it is run")
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
      if let telling, errors[number] == nil { errors[number] = telling }
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
