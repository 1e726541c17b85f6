import CofferSystem
import Glibc
import Synchronization

/// A further place for what is said, besides the console.
public protocol ConsoleSink: Sendable {
  /// - Parameter level: The verbosity from which on the text is meant to be seen.
  func take(_ text: String, level: Int)
}

/// Where a person reads. Answers go to standard output, unless a program reads that; everything else to standard error.
///
/// Texts hold names and messages that others have chosen. Nothing in them steers the terminal or the logs, and no line
/// break in them begins a line at the margin: what stands there Coffer has said. Only `output` prints what it is given.
public final class Console: Sendable {
  /// How much is said: see `GlobalFlags.verbosity`.
  public let verbosity: Int
  /// Whether standard error is a terminal.
  public let isTerminal: Bool
  public let width: Int
  /// The width of pages that are read from the left to the right.
  var pageWidth: Int { min(width, 110) }
  private let usesColor: Bool
  private let statusLine = Mutex("")
  private let lastProgress = Mutex<Double?>(nil)
  private let sinks: [any ConsoleSink]
  private let standardOutput: StandardOutput
  private let outputIsForPrograms: Bool
  /// Set where a program reads standard error, which then gets an object of JSON a line.
  private let jsonClock: Clock?

  /// - Parameters:
  ///   - jsonClock: Tells when something was said, in JSON; nil for text.
  ///   - outputIsForPrograms: Whether standard output is for `output` alone, so that answers do not get into it.
  public init(
    verbosity: Int, environment: ProcessEnvironment, noColor: Bool, sinks: [any ConsoleSink] = [],
    jsonClock: Clock? = nil, standardOutput: StandardOutput = StandardOutput(), outputIsForPrograms: Bool = false
  ) {
    self.sinks = sinks
    self.jsonClock = jsonClock
    self.standardOutput = standardOutput
    self.outputIsForPrograms = outputIsForPrograms
    self.verbosity = verbosity
    isTerminal = isatty(standardOutput.errors) == 1 && environment["TERM"] != "dumb"
    usesColor = isTerminal && !noColor && (environment["NO_COLOR"] ?? "").isEmpty
    var size = winsize()
    let isKnown = ioctl(standardOutput.errors, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 20
    width = isKnown ? Int(size.ws_col) : 100
  }

  /// What the user asked for.
  ///
  /// - Parameter keepingLines: Whether line breaks are Coffer's own, those of a table for example; else there are none.
  public func answer(_ text: String, keepingLines: Bool = false) {
    let text = Quoting.terminal(text, keepingLines: keepingLines)
    record(text, level: 0)
    guard verbosity >= 0 else { return }
    if outputIsForPrograms { write(text, .answer) } else { printed(text + "\n") }
  }

  /// Prints whatever the verbosity: output that a program reads.
  public func output(_ text: String) {
    printed(text)
  }

  /// Whether somebody sees on a terminal what a program should read.
  var answersToTerminal: Bool { standardOutput.isTerminal }

  /// The number of standard output, for programs that write there themselves.
  var streamNumber: Int32 { standardOutput.descriptor }

  /// Standard output, for bytes that a program reads.
  func stream() -> any ByteSink { OutputStream(standardOutput) }

  private final class OutputStream: ByteSink {
    private let output: StandardOutput

    init(_ output: StandardOutput) {
      self.output = output
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
      try output.write(bytes)
    }
  }

  /// What the user asked to be told besides the answer.
  func note(_ text: String) {
    let text = Self.indented(text)
    record(text, level: 0)
    write(text, .answer)
  }

  /// What somebody at a terminal would ask next; a job has nobody who wonders.
  ///
  /// - Parameter facts: What a program is told besides the text.
  func remark(_ text: String, _ facts: [String: JSONValue] = [:]) {
    let text = Self.indented(text)
    record(text, level: 1)
    if verbosity >= 1 || (isTerminal && verbosity >= 0) { write(text, .info, facts: facts) }
  }

  /// - Parameter text: Made only where somebody gets it: of many steps most are told to nobody.
  public func step(_ text: @autoclosure () -> String) {
    guard verbosity >= 1 || !sinks.isEmpty else { return }
    let text = Quoting.terminal(text())
    record(text, level: 1)
    if verbosity >= 1 { write(text, .info) }
  }

  public func detail(_ text: String) {
    let text = Quoting.terminal(text)
    record(text, level: 2)
    if verbosity >= 2 { write(text, .debug) }
  }

  public func warning(_ text: String) {
    let text = Self.indented(text)
    record("warning: " + text, level: 0)
    if verbosity >= 0 { write(text, .warning, before: colored("warning: ", 33), people: Self.shortened(text)) }
  }

  public func error(_ diagnosis: Diagnosis) {
    let text = Self.indented(Self.text(diagnosis))
    record("error: " + text, level: -1)
    guard verbosity >= -1 else { return }
    let short = Diagnosis(
      subject: diagnosis.subject, problem: Self.shortened(diagnosis.problem), suggestion: diagnosis.suggestion)
    write(
      text, .error, before: colored("error: ", 31), people: Self.indented(Self.text(short)), diagnosis)
  }

  /// Tells every error by itself.
  func tell(_ errors: [any Error]) {
    for error in SeveralErrors(errors).errors { self.error(Diagnosis(of: error)) }
  }

  /// What happened, to what, and on a line of its own what to do next.
  static func text(_ diagnosis: Diagnosis) -> String {
    let problem = Quoting.terminal(diagnosis.problem, keepingLines: true)
    let suggestion = diagnosis.suggestion.map { "\n  " + Quoting.terminal($0, keepingLines: true) } ?? ""
    return "\(Quoting.terminal(diagnosis.subject)): \(problem)\(suggestion)"
  }

  /// Fit to be shown, with every line but the first set in.
  private static func indented(_ text: String) -> String {
    let lines = Quoting.terminal(text, keepingLines: true).parts(by: "\n")
    return lines[0] + lines.dropFirst().map { "\n" + ($0.begins(with: "  ") || $0.isEmpty ? "" : "  ") + $0 }.joined()
  }

  /// Shows a line that the next one replaces; an empty one takes it away.
  func status(_ text: String) {
    if let jsonClock { return progress(text, jsonClock) }
    let line = String(Quoting.terminal(text).prefix(width - 1))
    statusLine.withLock { current in
      current = line
      raw("\r\u{1b}[K" + line)
    }
  }

  private func record(_ text: String, level: Int) {
    for sink in sinks { sink.take(text, level: level) }
  }

  /// What other programs say may be one line without an end: nobody reads more of it than its beginning and its end.
  private static func shortened(_ text: String) -> String {
    text.parts(by: "\n").map { $0.leavingOutMiddle(over: 3000) }.joined(separator: "\n")
  }

  /// - Parameter people: What they are shown where that is less.
  private func write(
    _ text: String, _ level: LogRecord.Level, before: String = "", people: String? = nil,
    facts: [String: JSONValue] = [:], _ diagnosis: Diagnosis? = nil
  ) {
    guard let jsonClock else { return aroundStatus { raw(before + (people ?? text) + "\n") } }
    var object = facts
    object["type"] = .text("log_message")
    object["time"] = .real(jsonClock.now().timeIntervalSince1970)
    object["levelname"] = .text(level.rawValue)
    object["message"] = .text(text)
    if let diagnosis {
      object["subject"] = .text(diagnosis.subject)
      object["error"] = .text(diagnosis.problem)
      object["suggestions"] = .list(diagnosis.suggestion.map { [.text($0)] } ?? [])
    }
    aroundStatus { raw(JSONValue.object(object).rendered + "\n") }
  }

  /// How far something is, once a second at most.
  private func progress(_ text: String, _ clock: Clock) {
    let now = clock.steadySeconds()
    let isDue =
      !text.isEmpty
      && lastProgress.withLock { last in
        guard last.map({ now - $0 >= 1 }) ?? true else { return false }
        last = now
        return true
      }
    guard isDue else { return }
    let line = JSONValue.object([
      "type": .text("progress"), "time": .real(clock.now().timeIntervalSince1970), "message": .text(text),
    ])
    aroundStatus { raw(line.rendered + "\n") }
  }

  private func printed(_ text: String) { aroundStatus { standardOutput.write(text) } }

  private func aroundStatus(_ body: () -> Void) {
    statusLine.withLock { current in
      guard !current.isEmpty else { return body() }
      raw("\r\u{1b}[K")
      body()
      raw(current)
    }
  }

  /// Standard error has no other place to say that it cannot be written.
  private func raw(_ text: String) {
    _ = StandardOutput.write(text, to: standardOutput.errors)
  }

  private func colored(_ text: String, _ code: Int) -> String {
    usesColor ? "\u{1b}[\(code)m\(text)\u{1b}[0m" : text
  }
}
