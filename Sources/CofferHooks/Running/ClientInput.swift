import CofferSystem
import Foundation

/// A client program that a dump's bytes are written to.
///
/// Giving up ends the program before its input is closed, because the end of the input is what makes clients commit.
final class ClientInput {
  let identity: DumpIdentity
  let child: ChildProcess
  private let cancellation: Cancellation
  private var input: Int32?

  init(_ command: ChildCommand, of identity: DumpIdentity, context: HookContext) throws {
    var command = command
    command.input = .pipe
    self.identity = identity
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
    if let input { close(input) }
    input = nil
  }

  /// Ends the input and waits for the program.
  ///
  /// - Throws: `RestoreError.programFailed`; `RunCancelled`.
  func finish() throws {
    if let input { close(input) }
    input = nil
    guard let status = child.wait(cancellation: cancellation) else {
      child.terminate()
      throw RunCancelled()
    }
    guard status.isSuccess else { throw failure(status) }
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
    _ = poll(&descriptors, nfds_t(descriptors.count), -1)
    try cancellation.check()
    if descriptors[2].revents != 0 { try endEarly() }
  }
}
