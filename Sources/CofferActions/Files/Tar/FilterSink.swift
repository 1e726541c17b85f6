import CofferHooks
import CofferSystem
import Glibc

/// A program that everything written goes through, gzip for example; what it makes of it, it writes to a descriptor itself.
final class FilterSink: ByteSink {
  /// The program has not done its work.
  struct Failed: DiagnosableError, Equatable {
    let program: String
    let status: ExitStatus
    let lines: [String]

    var diagnosis: Diagnosis {
      Diagnosis(
        subject: program, problem: (["The filter failed, exit code \(status.code)"] + lines).joined(separator: "\n  "),
        suggestion: "Install it, or name another program with --tar-filter; 'none' writes without one")
    }
  }

  private let program: String
  private let child: ChildProcess
  private let input: ChildInput
  private let cancellation: Cancellation

  /// Programs by the ends of names.
  private static let known: [(end: String, words: [String])] = [
    (".gz", ["gzip"]), (".tgz", ["gzip"]), (".bz2", ["bzip2"]), (".tbz", ["bzip2"]), (".tbz2", ["bzip2"]),
    (".xz", ["xz"]), (".txz", ["xz"]), (".zst", ["zstd"]), (".tzst", ["zstd"]), (".lz4", ["lz4"]),
  ]

  /// The program that a name's end asks for.
  static func words(forFile path: String) -> [String]? { known.first { path.ends(with: $0.end) }?.words }

  /// - Parameter number: Where the program writes to.
  /// - Throws: `LaunchError`.
  init(_ words: [String], writingTo number: Int32, _ context: ActionContext) throws {
    program = words.first ?? ""
    cancellation = context.cancellation
    var command = ChildCommand(
      "sh", ["-c", "exec \"$@\" >&3 3>&-", "sh"] + words, environment: context.surroundings.environment, input: .pipe,
      output: .null)
    command.inherited = [3: number]
    child = try context.surroundings.launcher.launch(command)
    input = ChildInput(child)
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    try input.write(bytes, whenFull: waitUntilWritable, whenBroken: { throw try end() })
  }

  private func waitUntilWritable(_ number: Int32) throws {
    var descriptors = [
      pollfd(fd: number, events: Int16(POLLOUT), revents: 0),
      pollfd(fd: cancellation.descriptor, events: Int16(POLLIN), revents: 0),
      pollfd(fd: child.endDescriptor, events: Int16(POLLIN), revents: 0),
    ]
    poll(&descriptors, nfds_t(descriptors.count), -1)
    try cancellation.check()
    if descriptors[2].revents != 0 { throw try end() }
  }

  /// Waits for a program that reads no more before it was given everything.
  private func end() throws -> Failed {
    input.close()
    guard let status = child.wait(cancellation: cancellation) else { throw RunCancelled() }
    return Failed(program: program, status: status, lines: child.lastErrorLines)
  }

  /// Ends the input, and waits for the program.
  ///
  /// - Throws: `Failed`; `RunCancelled`.
  func finish() throws {
    let ended = try end()
    guard ended.status.isSuccess else { throw ended }
  }
}
