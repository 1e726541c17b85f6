import CofferSystem
import Glibc

/// A question to a person at the terminal. The run can be stopped while it is open.
struct TerminalQuestion {
  private let cancellation: Cancellation

  init(_ cancellation: Cancellation) {
    self.cancellation = cancellation
  }

  /// Whether somebody is there to answer: a job in cron must not wait for one.
  static var canAsk: Bool { isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1 }

  /// Asks for one line.
  ///
  /// - Parameter isSecret: Whether what is typed is not shown.
  /// - Returns: The line without its end; nil when there is no terminal, or its input has ended.
  /// - Throws: `RunCancelled`; `SystemError`.
  func line(_ prompt: String, isSecret: Bool) throws -> String? {
    guard Self.canAsk else { return nil }
    guard isSecret else { return try read(prompt) }
    var settings = termios()
    guard tcgetattr(STDIN_FILENO, &settings) == 0 else { return nil }
    var silent = settings
    silent.c_lflag &= ~tcflag_t(ECHO)
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent)
    defer {
      tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings)
      Self.say("\n")
    }
    return try read(prompt)
  }

  static func say(_ text: String) {
    _ = StandardOutput.write(Quoting.terminal(text, keepingLines: true), to: STDERR_FILENO)
  }

  private func read(_ prompt: String) throws -> String? {
    Self.say(prompt)
    let reader = PolledReader(STDIN_FILENO, cancellation: cancellation)
    var line: [UInt8] = []
    var byte: UInt8 = 0
    while true {
      let outcome = try withUnsafeMutableBytes(of: &byte) {
        try reader.read(into: $0, seconds: .infinity, subject: "terminal")
      }
      switch outcome {
      case .bytes: break
      case .timedOut: continue
      case .ended: return line.isEmpty ? nil : String(decoding: line, as: UTF8.self)
      }
      if byte == UInt8(ascii: "\n") { return String(decoding: line, as: UTF8.self) }
      line.append(byte)
    }
  }
}
