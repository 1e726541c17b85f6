import CofferSystem
import Synchronization

/// What option files tell dump programs. Each program that answers is asked once in a run.
final class MariaDBOptionFiles: Sendable {
  private let known = Mutex<[[ExactName]: [String]]>([:])

  /// Seconds.
  private static let patience: Double = 30

  /// - Parameters:
  ///   - words: The program, maybe with arguments.
  ///   - choice: Arguments that say which files it reads.
  /// - Returns: Long options in the order in which the program takes them, without quotes; none of a program that cannot say it, or is not
  ///   there: the dump tells.
  /// - Throws: `RunCancelled`.
  func options(of words: [String], _ choice: [String], _ context: HookContext) throws(RunCancelled) -> [String] {
    let key = (words + choice).map { ExactName($0) }
    if let options = known.withLock({ $0[key] }) { return options }
    do {
      let options = try ask(words, choice, context)
      known.withLock { $0[key] = options }
      return options
    } catch let error as RunCancelled {
      throw error
    } catch {
      // What kept it from answering may be over when the next dump is made.
      return []
    }
  }

  private func ask(_ words: [String], _ choice: [String], _ context: HookContext) throws -> [String] {
    // Without user and password, which would be among what it prints.
    let answer = try MariaDBCredentials().command(words, choice, [], ["--print-defaults"], context: context) {
      try context.launcher.run(
        $0, outputLimit: 1 << 20, seconds: Self.patience, cancellation: context.cancellation)
    }
    let lines = answer.text.lines()
    // A script may print anything.
    guard answer.status.isSuccess, lines.first?.ends(with: "started with the following arguments:") == true else {
      return []
    }
    // They come on one line, without quotes.
    return lines.dropFirst().flatMap(\.words).filter { $0.begins(with: "--") }
  }
}
