import CofferHooks
import CofferRepository
import CofferSystem
import FoundationEssentials
import Glibc

/// The program from its first instruction to its exit code; called by `main`.
///
/// - Parameters:
///   - count: How many arguments there are, the program's name among them.
///   - arguments: As the system gave them to `main`.
@c(coffer_main)
public func startProgram(count: Int32, arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32 {
  signal(SIGPIPE, SIG_IGN)
  // A file that may not grow (`ulimit -f`) is an error of the write, not the end of the run.
  signal(SIGXFSZ, SIG_IGN)
  ProcessPrivacy.keepMemory()
  ProcessMemory.keepSmall()
  occupyStandardStreams()
  do {
    let words = try ProgramArguments.words(count, arguments)
    if NurseryProcess.isWanted(by: words) {
      return NurseryProcess.run(preparing: HookRegistry.standard.prepareWorkers) {
        HookRegistry.standard.worker(for: $0)?.run() ?? 1
      }
    }
    if let worker = HookRegistry.standard.worker(for: words) { return worker.run() }
    let starter = BackgroundStarter.current()
    if starter == nil, MountAction.goesToBackground(words) { return try BackgroundStart.run(words) }
    let cancellation = try Cancellation()
    let watcher = try SignalWatcher(cancellation: cancellation)
    let program = Program(surroundings: .current(), cancellation: cancellation, starter: starter)
    if let order = PushServiceOrder(words) { return program.servePushes(order) }
    let code = program.execute(words)
    // For what runs until it is stopped, a signal is no failure.
    return code == 0 && ReceiveRun.isMeant(by: words) ? 0 : watcher.exitCode ?? code
  } catch {
    let text = "coffer: \(Console.text(Diagnosis(of: error)))\n"
    _ = StandardOutput.write(text, to: STDERR_FILENO)
    let words = (1..<max(Int(count), 1)).map { arguments[$0].map { String(cString: $0) } ?? "" }
    return WALGetAction.isMeant(by: words) ? WALGetAction.errorCode : 1
  }
}

extension Surroundings {
  /// This machine, as it is now, with OpenSSL's generator.
  static func current() -> Surroundings { current(random: .system) }
}

/// Takes the numbers of standard streams that the program was started without, so that no file gets one of them and is then
/// written messages into. Reading and writing them fails as before.
private func occupyStandardStreams() {
  for number in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where fcntl(number, F_GETFD) < 0 {
    _ = open("/dev/null", number == STDIN_FILENO ? O_WRONLY : O_RDONLY)
  }
}

/// What the program was started with.
enum ProgramArguments {
  /// The arguments cannot be told; what was asked for is not guessed.
  struct Unknown: DiagnosableError, Equatable {
    var diagnosis: Diagnosis {
      Diagnosis(
        subject: "arguments", problem: "The program was started without its arguments, not even its own name",
        suggestion: "Start it through a shell, or pass its name as the first argument to exec")
    }
  }

  /// A word that is not UTF-8 cannot be kept as it is, and is not replaced by another.
  struct NotText: DiagnosableError, Equatable {
    let word: String

    var diagnosis: Diagnosis {
      Diagnosis(
        subject: "argument '\(word)'", problem: "It is not UTF-8",
        suggestion: "Name the file or database in a configuration file, or by a pattern")
    }
  }

  /// Returns the words after the program's name.
  ///
  /// - Throws: `Unknown` when there is not even a name; `NotText`.
  static func words(
    _ count: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  ) throws -> [String] {
    // Linux puts an empty name where there was none.
    guard count > 0, let name = arguments[0], name.pointee != 0 else { throw Unknown() }
    return try (1..<max(Int(count), 1)).map { position in
      guard let word = arguments[position] else { throw Unknown() }
      guard let text = String(validatingCString: word) else { throw NotText(word: String(cString: word)) }
      return text
    }
  }
}
