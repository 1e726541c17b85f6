import CofferSystem
import Glibc

/// A client program that a dump's bytes are written to.
///
/// Giving up ends the program before its input is closed, because the end of the input is what makes clients commit.
final class ClientInput {
  let identity: DumpIdentity
  let child: ChildProcess
  private let cancellation: Cancellation
  private let confirmation: String?
  private let mustReadAll: Bool
  private let watch: (() -> Void)?
  private let input: ChildInput
  private var outputPipe: FileDescriptor?
  /// What the program has printed so far, if it confirms its work.
  private(set) var output: [UInt8] = []
  /// How much of that `awaitLine` has looked at.
  private var seen = 0

  /// What is printed behind that is not kept, and so confirms nothing.
  private static let outputLimit = 64 << 20
  /// Seconds within which a program ends that takes or prints nothing any more.
  private let patience: Double

  /// - Parameters:
  ///   - confirmation: The line that the program prints at the very end of its work; nil for programs that notice by
  ///     themselves when their input is cut short.
  ///   - mustReadAll: Whether it has failed when it ends well before it has read everything: otherwise it is trusted to know
  ///     that only padding is left.
  ///   - watch: What to do again and again while the program is waited for; nil to wait only.
  ///   - patience: Seconds within which a program ends that takes or prints nothing any more.
  init(
    _ command: ChildCommand, of identity: DumpIdentity, confirmation: String? = nil, mustReadAll: Bool = false,
    watch: (() -> Void)? = nil, patience: Double = 60, context: HookContext
  ) throws {
    var command = command
    command.input = .pipe
    // The statement that failed follows what is wrong with it, and may be long.
    command.errorLimit.bytes = max(command.errorLimit.bytes, 1 << 20)
    command.errorLimit.lines = max(command.errorLimit.lines, 10_000)
    command.output = confirmation == nil ? .null : .pipe
    self.identity = identity
    self.confirmation = confirmation
    self.mustReadAll = mustReadAll
    self.watch = watch
    self.patience = patience
    cancellation = context.cancellation
    child = try context.launcher.launch(command)
    input = ChildInput(child)
    outputPipe = child.takeOutput()
    if let number = outputPipe?.number { _ = fcntl(number, F_SETFL, O_NONBLOCK) }
  }

  deinit {
    abandon()
  }

  /// - Throws: `RestoreError.programFailed` when the program has ended; `RunCancelled`.
  func write(_ bytes: UnsafeRawBufferPointer) throws {
    try input.write(bytes, whenFull: waitUntilWritable, whenBroken: endEarly)
  }

  /// The program reads no more: it has failed, or it knows that only padding is left.
  private func endEarly() throws {
    let status = try awaitEnd()
    guard status.isSuccess else { throw failure(status) }
    guard confirmation == nil && !mustReadAll else { throw RestoreError.inputIgnored(identity, program: child.program) }
    input.close()
  }

  /// Waits for a program that takes or prints nothing any more.
  ///
  /// - Throws: `RestoreError.inputIgnored` for one that does not end: what it would do with the rest cannot be known.
  private func awaitEnd() throws -> ExitStatus {
    if let status = child.wait(seconds: patience, cancellation: cancellation) { return status }
    try cancellation.check()
    child.terminate()
    throw RestoreError.inputIgnored(identity, program: child.program)
  }

  /// Ends the input and waits for the program.
  ///
  /// - Throws: `RestoreError.programFailed`; `RunCancelled`, unless the program has confirmed its work before it was stopped.
  func finish() throws {
    // Of what was cancelled the end may be missing.
    guard !cancellation.isCancelled else {
      child.terminate()
      throw RunCancelled()
    }
    // Before the end of what is written: from then on nothing is kept from the program by another reader.
    let unread = mustReadAll ? input.otherEnd() : nil
    input.close()
    // A program that cannot print any more does not end.
    while watch != nil || confirmation != nil, !cancellation.isCancelled,
      child.wait(seconds: 0.1, cancellation: cancellation) == nil
    {
      watch?()
      readOutput()
    }
    guard let status = child.wait(cancellation: cancellation) else {
      child.terminate()
      // What it has done by then stays done.
      guard isConfirmed() else { throw RunCancelled() }
      return
    }
    guard status.isSuccess else { throw failure(status) }
    var left: Int32 = 0
    if let unread, ioctl(unread.number, UInt(FIONREAD), &left) != 0 { left = 0 }
    guard confirmation == nil || isConfirmed(), left == 0 else {
      throw RestoreError.inputIgnored(identity, program: child.program)
    }
  }

  private func isConfirmed() -> Bool {
    guard let confirmation else { return false }
    readOutput()
    return output.suffix(confirmation.utf8.count + 1).elementsEqual((confirmation + "\n").utf8)
  }

  /// Takes what is there.
  private func readOutput() {
    guard let number = outputPipe?.number else { return }
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = bytes.withUnsafeMutableBytes { Glibc.read(number, $0.baseAddress, $0.count) }
      if count > 0 {
        if output.count + count <= Self.outputLimit { output += bytes[..<count] }
      } else if count == 0 || errno != EINTR {
        if count == 0 { outputPipe = nil }
        return
      }
    }
  }

  /// Waits until the program prints one of some lines, behind the one that was waited for before.
  ///
  /// - Returns: The line.
  /// - Throws: `RestoreError` when it has ended before; `RunCancelled`.
  func awaitLine(_ lines: [String]) throws -> String {
    while true {
      readOutput()
      while let end = output[seen...].firstIndex(of: UInt8(ascii: "\n")) {
        let line = output[seen..<end]
        seen = end + 1
        if let found = lines.first(where: { line.elementsEqual($0.utf8) }) { return found }
      }
      guard let number = outputPipe?.number else {
        let status = try awaitEnd()
        guard status.isSuccess else { throw failure(status) }
        throw RestoreError.inputIgnored(identity, program: child.program)
      }
      var descriptors = [
        pollfd(fd: number, events: Int16(POLLIN), revents: 0),
        pollfd(fd: cancellation.descriptor, events: Int16(POLLIN), revents: 0),
      ]
      poll(&descriptors, 2, -1)
      try cancellation.check()
    }
  }

  func abandon() {
    child.terminate()
    input.close()
  }

  private func failure(_ status: ExitStatus) -> RestoreError {
    .programFailed(identity, program: child.program, status: status, lines: child.lastErrorLines)
  }

  private func waitUntilWritable(_ input: Int32) throws {
    var descriptors = [
      pollfd(fd: input, events: Int16(POLLOUT), revents: 0),
      pollfd(fd: cancellation.descriptor, events: Int16(POLLIN), revents: 0),
      pollfd(fd: child.endDescriptor, events: Int16(POLLIN), revents: 0),
      // Not looked at when there is none.
      pollfd(fd: outputPipe?.number ?? -1, events: Int16(POLLIN), revents: 0),
    ]
    let isReady = poll(&descriptors, nfds_t(descriptors.count), watch == nil ? -1 : 1000) > 0
    if !isReady { watch?() }
    readOutput()
    try cancellation.check()
    if descriptors[2].revents != 0 { try endEarly() }
  }
}
