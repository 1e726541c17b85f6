import CofferSystem
import Foundation

/// A client program that a dump's bytes are written to.
///
/// Giving up ends the program before its input is closed, because the end of the input is what makes clients commit.
final class ClientInput {
  let identity: DumpIdentity
  let child: ChildProcess
  private let cancellation: Cancellation
  private let confirmation: String?
  private let watch: (() -> Void)?
  private var input: Int32?

  /// - Parameters:
  ///   - confirmation: What the program prints at the very end of its work, as little else as a pipe holds; nil
  ///   for programs that notice by themselves when their input is cut short.
  ///   - watch: What to do again and again while the program is waited for; nil to wait only.
  init(
    _ command: ChildCommand, of identity: DumpIdentity, confirmation: String? = nil, watch: (() -> Void)? = nil,
    context: HookContext
  ) throws {
    var command = command
    command.input = .pipe
    // The statement that failed follows what is wrong with it, and may be long.
    command.errorLimit.bytes = max(command.errorLimit.bytes, 1 << 20)
    command.errorLimit.lines = max(command.errorLimit.lines, 10_000)
    command.output = confirmation == nil ? .null : .pipe
    self.identity = identity
    self.confirmation = confirmation
    self.watch = watch
    cancellation = context.cancellation
    child = try context.launcher.launch(command)
    guard let pipe = child.takeInput() else { return }
    let number = pipe.release()
    _ = fcntl(number, F_SETFL, O_NONBLOCK)
    input = number
  }

  deinit {
    abandon()
  }

  /// - Throws: `RestoreError.programFailed` when the program has ended; `RunCancelled`.
  func write(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes
    while let input, !rest.isEmpty {
      let count = Foundation.write(input, rest.baseAddress, rest.count)
      if count > 0 {
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      } else if errno == EAGAIN {
        try waitUntilWritable(input)
      } else if errno != EINTR {
        try endEarly()
        return
      }
    }
  }

  /// The program reads no more: it has failed, or it knows that only padding is left.
  private func endEarly() throws {
    guard let status = child.wait(seconds: 60, cancellation: cancellation) else {
      try cancellation.check()
      return
    }
    guard status.isSuccess else { throw failure(status) }
    guard confirmation == nil else { throw RestoreError.inputIgnored(identity, program: child.program) }
    if let input { close(input) }
    input = nil
  }

  /// Ends the input and waits for the program.
  ///
  /// - Throws: `RestoreError.programFailed`; `RunCancelled`.
  func finish() throws {
    if let input { close(input) }
    input = nil
    while let watch, !cancellation.isCancelled, child.wait(seconds: 0.1, cancellation: cancellation) == nil {
      watch()
    }
    guard let status = child.wait(cancellation: cancellation) else {
      child.terminate()
      throw RunCancelled()
    }
    guard status.isSuccess else { throw failure(status) }
    guard confirmation == nil || isConfirmed() else {
      throw RestoreError.inputIgnored(identity, program: child.program)
    }
  }

  private func isConfirmed() -> Bool {
    guard let confirmation, let output = child.takeOutput() else { return false }
    _ = fcntl(output.number, F_SETFL, O_NONBLOCK)
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    let count = try? bytes.withUnsafeMutableBytes { try output.read(into: $0, subject: child.program) }
    return bytes[..<(count ?? 0)].suffix(confirmation.utf8.count + 1).elementsEqual((confirmation + "\n").utf8)
  }

  func abandon() {
    child.terminate()
    if let input { close(input) }
    input = nil
  }

  private func failure(_ status: ExitStatus) -> RestoreError {
    .programFailed(identity, program: child.program, status: status, lines: child.lastErrorLines)
  }

  private func waitUntilWritable(_ input: Int32) throws {
    var descriptors = [
      pollfd(fd: input, events: Int16(POLLOUT), revents: 0),
      pollfd(fd: cancellation.descriptor, events: Int16(POLLIN), revents: 0),
      pollfd(fd: child.endDescriptor, events: Int16(POLLIN), revents: 0),
    ]
    let isReady = poll(&descriptors, nfds_t(descriptors.count), watch == nil ? -1 : 1000) > 0
    if !isReady { watch?() }
    try cancellation.check()
    if descriptors[2].revents != 0 { try endEarly() }
  }
}
