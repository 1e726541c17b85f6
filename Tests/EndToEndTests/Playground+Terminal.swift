import CofferSystem
import Foundation
import Testing

extension Playground {
  /// What came of a run at a terminal.
  struct TerminalOutcome {
    let code: Int32
    /// Whether what is typed is shown afterwards.
    let echoes: Bool
    let said: String
  }

  /// Ctrl-C, as it is typed.
  static var interrupt: String { "\u{3}" }

  /// Runs the program at a terminal and answers its questions.
  ///
  /// - Parameters:
  ///   - withoutPassphrase: Whether it has none in its environment.
  ///   - answers: What is typed when a text was shown; `interrupt` without Return.
  func atTerminal(
    _ arguments: [String], withoutPassphrase: Bool = false, _ answers: [(shown: String, typed: String)]
  ) throws -> TerminalOutcome {
    try write(
      "terminal.py",
      """
      import os, pty, sys, termios
      answers = sys.argv[1].split('\\x1e')[:-1]
      process, terminal = pty.fork()
      if process == 0:
          os.execv(sys.argv[2], sys.argv[2:])
      said, seen = b'', 0
      while True:
          try:
              piece = os.read(terminal, 65536)
          except OSError:
              break
          if not piece:
              break
          said += piece
          if answers:
              shown, typed = answers[0].split('\\x1f')
              at = said.find(shown.encode(), seen)
              if at >= 0:
                  seen = at + len(shown.encode())
                  answers.pop(0)
                  os.write(terminal, typed.encode() + (b'' if typed == '\\x03' else b'\\n'))
      code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
      echoes = termios.tcgetattr(terminal)[3] & termios.ECHO != 0
      sys.stdout.write('%d\\n%d\\n' % (code, echoes) + said.decode())
      """)
    let script = answers.map { "\($0.shown)\u{1f}\($0.typed)\u{1e}" }.joined()
    var variables = environment
    if withoutPassphrase { variables["COFFER_PASSPHRASE"] = nil }
    let output = try SystemProcessLauncher().run(
      ChildCommand(
        "python3", ["terminal.py", script, binary] + arguments, environment: ProcessEnvironment(variables),
        workingDirectory: folder, output: .pipe),
      seconds: 120
    ).text
    let lines = output.components(separatedBy: "\n")
    try #require(lines.count > 2, "\(output)")
    return TerminalOutcome(
      code: try #require(Int32(lines[0])), echoes: lines[1] == "1",
      said: lines.dropFirst(2).joined(separator: "\n"))
  }
}
